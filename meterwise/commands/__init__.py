"""The subcommands of ``meterwise``, one module each. What they do lives in the modules they call."""

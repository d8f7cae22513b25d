"""What lands: every file and pull becomes one load, which waits for its check before anything downstream reads it."""

from meterwise.ingest.landing import DOMAINS, LandingError, accept, land, refuse

__all__ = ["DOMAINS", "LandingError", "accept", "land", "refuse"]

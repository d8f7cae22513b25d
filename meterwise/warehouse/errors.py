"""What can go wrong with the warehouse itself, each with its cure in the message."""

from meterwise.outcomes import RefusedError


class WarehouseError(RuntimeError):
    """The warehouse did not do what it was asked; nothing is half done.

    Attributes:
        is_transient: Whether trying again later may help without anyone doing something.
    """

    is_transient = False


class WarehouseBusyError(WarehouseError):
    """Another process had the turn at the warehouse for too long."""

    is_transient = True


class WarehouseUnavailableError(WarehouseError):
    """The database of the warehouse cannot be reached, or went away in the middle."""

    is_transient = True


class WarehouseRefusedError(WarehouseError, RefusedError):
    """The database of the warehouse refuses what it is asked, now and again: password, rights, room, or the rows."""


class WarehouseNotConfiguredError(WarehouseError, RefusedError):
    """No database is named for the warehouse."""

"""What can be wrong with a backup or its way back; the text says what to do."""

from meterwise.outcomes import RefusedError


class BackupError(RefusedError):
    """A backup could not be made; nothing that counts as one was left."""


class RestoreError(RefusedError):
    """A backup cannot be restored here; the target is as it was, or marked as unfinished."""


class UnfinishedRestoreError(RefusedError):
    """The installation holds a restore that was cut off, and must not be used."""

"""Files of messages that were landed long ago. What was not landed stays, however old it is."""

import time

from meterwise.ingest.message_files import taken_in
from meterwise.settings import Settings
from meterwise.tidying.files import DAY_SECONDS, Freed


def forget(settings: Settings) -> str:
    """Remove files of messages that the warehouse has, and that nothing was written to for so many days."""
    freed, oldest = Freed(), time.time() - settings.messages_kept_days * DAY_SECONDS
    for path in sorted(taken_in(settings)):
        if path.stat().st_mtime < oldest:
            freed.files += 1
            freed.bytes += path.stat().st_size
            path.unlink()
    return f"messages landed, older than {settings.messages_kept_days} days: {freed}"

"""What is wrong with what a backtest was given, and how it is asked for."""

import re

from meterwise.outcomes import RefusedError

DAY = 1440
UNITS = {"min": 1, "m": 1, "t": 1, "h": 60, "d": DAY, "w": 7 * DAY}
DURATION = re.compile(r"(\d+)\s*(min|m|t|h|d|w)", re.IGNORECASE)


class BacktestError(RefusedError):
    """The file or an option cannot be used; the text names it and the cure in one sentence."""


def duration(text: str, option: str) -> int:
    """Return the minutes of ``30min``, ``168h`` or ``7d``.

    Raises:
        BacktestError: The text is no such duration, or it is zero.
    """
    found = DURATION.fullmatch(text.strip())
    if not found or int(found[1]) == 0:
        raise BacktestError(f"{option} {text} is no duration: write it like 30min, 1h, 168h or 7d.")
    return int(found[1]) * UNITS[found[2].lower()]


def frequency(text: str) -> int:
    """Return the minutes of an interval.

    Raises:
        BacktestError: A day does not consist of whole such intervals.
    """
    minutes = duration(text, "--freq")
    if DAY % minutes:
        raise BacktestError(f"--freq {text} does not divide a day: intervals are 5min, 15min, 30min, 1h or the like.")
    return minutes


def in_words(minutes: int) -> str:
    """Return a duration as an option would be written: ``30min``, ``2h``, ``7d``."""
    if minutes % DAY == 0:
        return f"{minutes // DAY}d"
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}min"

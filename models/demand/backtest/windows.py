"""Which steps are forecast from where: the origin rolls back from the end of the data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.demand.backtest.problems import DAY, BacktestError, in_words
from models.demand.backtest.target import Target
from models.demand.grid import LoadGrid

LEAST_DAYS, USUAL_DAYS = 14, 21
"""Days of history without which no window is run, and those below which it is said."""


@dataclass(frozen=True)
class Asked:
    """How the origin rolls, durations in minutes."""

    horizon: int
    step: int
    windows: int


@dataclass(frozen=True)
class Window:
    """Steps ``first`` up to ``end``, ``end`` excluded, forecast with those before ``first``."""

    first: int
    end: int


def daily_windows(target: Target, asked: Asked) -> tuple[list[Window], list[str]]:
    """Return windows of whole local days, the last one ending with the last whole day, and notes.

    Raises:
        BacktestError: Horizon or step are no days, or nothing fits.
    """
    for option, minutes in (("--horizon", asked.horizon), ("--step", asked.step)):
        if minutes % DAY:
            raise BacktestError(f"{option} {in_words(minutes)} is not in whole days, as --target daily-max needs it.")
    horizon, step = asked.horizon // DAY, asked.step // DAY
    last = target.y.shape[1] - horizon
    return _fitting([last - number * step for number in range(asked.windows)], horizon, target, asked)


def interval_windows(target: Target, grid: LoadGrid, asked: Asked) -> tuple[list[Window], list[str]]:
    """Return windows of intervals, the last one ending with the data, and notes.

    Steps of whole days go by the local clock, so that every window begins at the same time of the day.

    Raises:
        BacktestError: Horizon or step are no whole intervals, or nothing fits.
    """
    for option, minutes in (("--horizon", asked.horizon), ("--step", asked.step)):
        if minutes % grid.minutes:
            raise BacktestError(f"{option} {in_words(minutes)} is no multiple of --freq {in_words(grid.minutes)}.")
    horizon = asked.horizon // grid.minutes
    last = target.y.shape[1] - horizon
    if last <= 0 or asked.step % DAY:
        firsts = [last - number * (asked.step // grid.minutes) for number in range(asked.windows)]
    else:
        firsts = _by_the_clock(grid, last, asked)
    return _fitting(firsts, horizon, target, asked)


def _by_the_clock(grid: LoadGrid, last: int, asked: Asked) -> list[int]:
    begin = pd.Timestamp(grid.times_utc[last], tz="UTC").tz_convert(grid.timezone)
    back = pd.to_timedelta(np.arange(asked.windows) * asked.step, unit="min")
    local = pd.DatetimeIndex(begin.tz_localize(None) - back)
    # An hour that comes twice is taken as summer time, and one that is skipped as the hour after, whatever came before.
    summer = np.ones(len(local), dtype=np.bool_)
    summer[0] = bool(begin.dst())
    zoned = local.tz_localize(grid.timezone, ambiguous=summer, nonexistent="shift_forward")
    times = zoned.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[m]")
    return [int(column) for column in (times - grid.times_utc[0]) // np.timedelta64(grid.minutes, "m")]


def _fitting(firsts: Sequence[int], horizon: int, target: Target, asked: Asked) -> tuple[list[Window], list[str]]:
    known = np.isfinite(target.y).any(axis=0)
    begun = int(known.argmax()) if known.any() else target.y.shape[1]
    fitting = [Window(first, first + horizon) for first in sorted(firsts) if first - begun >= LEAST_DAYS * target.day]
    if not fitting:
        days = max(target.y.shape[1] - begun, 0) / target.day
        least = LEAST_DAYS + asked.horizon / DAY
        raise BacktestError(
            f"0 of {asked.windows} windows fit: the file has {days:.1f} days of load, and one window of "
            f"--horizon {in_words(asked.horizon)} needs {least:.1f}; give more rows or a shorter --horizon."
        )
    return fitting, _notes(fitting, begun, target, asked)


def _notes(fitting: Sequence[Window], begun: int, target: Target, asked: Asked) -> list[str]:
    notes = []
    if len(fitting) < asked.windows:
        notes.append(
            f"{len(fitting)} of {asked.windows} windows were run: earlier ones would have less than {LEAST_DAYS} days "
            "of history."
        )
    short = sum(window.first - begun < USUAL_DAYS * target.day for window in fitting)
    if short:
        notes.append(f"{short} window(s) have less than {USUAL_DAYS} days of history.")
    return notes

"""What is forecast and scored: every interval, or the maximum of each local day."""

from dataclasses import dataclass

import numpy as np

from models.demand.daily import daily_maxima, whole_days
from models.demand.grid import Bools, Floats, Integers, LoadGrid, Times


@dataclass(frozen=True)
class Target:
    """The series of values that are forecast, in steps of an interval or a local day.

    Attributes:
        y: (series, steps) NaN is unknown.
        ds: (steps,) time of each step as the file writes it, or the local date; ``datetime64[m]``.
        starts: (steps,) starts in UTC, or the local dates: evenly apart; ``datetime64[m]``.
        local_days: (steps,) local date of each step, ``datetime64[D]``.
        columns: (steps + 1,) first column of the grid of each step, and the end of the last.
        day: Steps in 24 hours.
        is_whole_day: (steps,) whether the grid holds all of the step's local day.
    """

    y: Floats
    ds: Times
    starts: Times
    local_days: Times
    columns: Integers
    day: int
    is_whole_day: Bools

    def before(self, step: int) -> Floats:
        """Return (series, step) what is known when ``step`` is the first that is forecast."""
        return self.y[:, :step]


def of_intervals(grid: LoadGrid, written: Times) -> Target:
    """Return the load itself; ``written`` are the grid's times as the file writes them."""
    days = grid.local_times.astype("datetime64[D]")
    inverse = np.unique(days, return_inverse=True)[1]
    whole = whole_days(grid)[inverse]
    return Target(grid.load, written, grid.times_utc, days, np.arange(len(written) + 1), grid.steps_a_day, whole)


def of_daily_maxima(grid: LoadGrid) -> Target:
    """Return the maximum of each local day of which the grid holds every interval."""
    days, first = np.unique(grid.local_times.astype("datetime64[D]"), return_index=True)
    whole = whole_days(grid)
    begins = int(whole.argmax()) if whole.any() else len(days)
    days = days[whole]
    columns = np.append(first, len(grid.times_utc))[begins : begins + len(days) + 1]
    maxima = daily_maxima(grid.load[:, : columns[-1]], columns[:-1], np.diff(columns))
    dates = days.astype("datetime64[m]")
    return Target(maxima, dates, dates, days, columns, 1, np.ones(len(days), dtype=np.bool_))

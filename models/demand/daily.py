"""Local days of a grid: the highest load of each, and its energy."""

import numpy as np
import pandas as pd

from models.demand.grid import Bools, Floats, Integers, LoadGrid, Times
from models.demand.weather import Drivers, interval_drivers, mean_of_known, trailing_mean

LEAST_KNOWN = 0.9
"""Share of a day's intervals without which its maximum and its energy are unknown."""
EVENING = (15, 21)
"""Local hours in which homes are warmest and people come home."""
MEMORY_DAYS = 3


def daily_maxima(values: Floats, first: Integers, sizes: Integers) -> Floats:
    """Return (series, days) maxima; NaN where less than 90 % of a day is known.

    Args:
        values: (series, times) up to the end of the last day.
        first: (days,) first column of each day, one behind the other.
        sizes: (days,) columns of each day.
    """
    if not len(first):
        return np.empty((values.shape[0], 0))
    known = np.isfinite(values)
    maxima = np.maximum.reduceat(np.where(known, values, -np.inf), first, axis=1)
    share = np.add.reduceat(known.astype(np.int64), first, axis=1) / sizes
    return np.where(share >= LEAST_KNOWN, maxima, np.nan)


def daily_energy(values: Floats, first: Integers, sizes: Integers) -> Floats:
    """Return (series, days) sums of energies (series, times), scaled up to whole days; NaN as for ``daily_maxima``."""
    known = np.isfinite(values)
    count = np.add.reduceat(known.astype(np.int64), first, axis=1)
    total = np.add.reduceat(np.where(known, values, 0.0), first, axis=1)
    return np.where(count >= LEAST_KNOWN * sizes, total * sizes / np.maximum(count, 1), np.nan)


def whole_days(grid: LoadGrid) -> Bools:
    """Return (days,) whether the grid holds all of each local day; only its first and last may be cut."""
    days = np.unique(grid.local_times.astype("datetime64[D]"))
    step = pd.Timedelta(minutes=grid.minutes)
    edges = pd.DatetimeIndex([grid.times_utc[0], grid.times_utc[-1]]).as_unit("s") + pd.TimedeltaIndex([-step, step])
    outside = edges.tz_localize("UTC").tz_convert(grid.timezone).tz_localize(None).to_numpy().astype("datetime64[D]")
    whole = np.ones(len(days), dtype=np.bool_)
    whole[0] &= outside[0] != days[0]
    whole[-1] &= outside[1] != days[-1]
    return whole


def grid_of_maxima(grid: LoadGrid) -> tuple[LoadGrid, Drivers, Integers]:
    """Return the daily maxima as a grid of one interval a day, its temperatures, and the first column of each day.

    The days are local ones, and so the new grid's clock has no zone: its times are dates in UTC.
    """
    days, first, sizes = _days(grid)
    daily = _grid_of_days(grid, days, first, daily_maxima(grid.load, first, sizes))
    return daily, _daily_drivers(grid, first, sizes), first


def grid_of_energy(grid: LoadGrid) -> LoadGrid:
    """Return the energy of each local day as a grid of one interval a day, like that of maxima; no temperatures."""
    days, first, sizes = _days(grid)
    energy = daily_energy(grid.load, first, sizes)
    return _grid_of_days(grid, days, first, np.where(whole_days(grid), energy, np.nan))


def _days(grid: LoadGrid) -> tuple[Times, Integers, Integers]:
    """Local days, the first column of each, and its columns."""
    days, first = np.unique(grid.local_times.astype("datetime64[D]"), return_index=True)
    return days, first, np.diff(np.append(first, grid.load.shape[1]))


def _grid_of_days(grid: LoadGrid, days: Times, first: Integers, values: Floats) -> LoadGrid:
    holiday = np.logical_or.reduceat(grid.is_holiday, first, axis=1)
    marks = {name: np.maximum.reduceat(mark, first, axis=1) for name, mark in grid.day_marks.items()}
    nothing = np.empty((0, *values.shape))
    return LoadGrid(grid.unique_ids, days.astype("datetime64[m]"), 1440, "UTC", values, nothing, holiday, marks)


def _daily_drivers(grid: LoadGrid, first: Integers, sizes: Integers) -> Drivers:
    """Highest, mean and lowest temperature, that of the evening, and the mean of the last three days; humid heat."""
    if not len(grid.temperature_c):
        return {}
    now = mean_of_known(grid.temperature_c)
    mean = np.add.reduceat(now, first, axis=1) / sizes
    hour = (grid.local_times - grid.local_times.astype("datetime64[D]")).astype(np.int64) // 60
    evening = (hour >= EVENING[0]) & (hour < EVENING[1])
    of_evening = np.add.reduceat(np.where(evening, now, 0.0), first, axis=1)
    drivers = {
        "temperature": np.maximum.reduceat(now, first, axis=1),
        "temperature_mean": mean,
        "temperature_lowest": np.minimum.reduceat(now, first, axis=1),
        "temperature_evening": of_evening / np.maximum(np.add.reduceat(evening, first), 1),
        "temperature_3d": np.where(np.isnan(mean), np.nan, trailing_mean(mean, MEMORY_DAYS)),
    }
    if len(grid.humidity_pct):
        drivers["humid_heat"] = np.maximum.reduceat(interval_drivers(grid)["humid_heat"], first, axis=1)
    return drivers

"""From a file of reads to local days of many customers, for `meterwise backtest bill`.

It stands above the models: the load forecast's backtest reads the file, the forecast of months takes its days.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import pandas as pd

from meterwise.sources.cube import ReadsError, read_wide
from models.bills.day_grid import DayGrid, Days, Floats
from models.bills.intervals import Intervals
from models.demand.backtest.clock import known_zone
from models.demand.backtest.columns import Columns
from models.demand.backtest.country import CountryDays
from models.demand.backtest.files import read_grid
from models.demand.backtest.problems import DAY, BacktestError
from models.demand.daily import whole_days
from models.demand.grid import LoadGrid

OWN_CLOCK = "No --timezone was given: days are those of the file's own clock."


class Layout(StrEnum):
    """How a file holds its reads."""

    long = "long"
    wide = "wide"


@dataclass(frozen=True)
class Reads:
    """A file of reads and how it is to be understood; ``kwh`` is needed by the long layout alone."""

    path: Path
    id: str
    time: str
    kwh: str | None
    layout: Layout = Layout.long
    timezone: str | None = None
    country: str | None = None


def read_days(reads: Reads) -> tuple[DayGrid, Intervals, list[str]]:
    """Read a file into days and their intervals, padded with unknown ones to whole months, and say what was repaired.

    Raises:
        BacktestError: The file, a column or an option cannot be used.
    """
    found = _wide(reads) if reads.layout == Layout.wide else _long(reads)
    padded = _to_whole_months(found.dates)
    holiday = CountryDays.of(reads.country, padded).is_holiday if reads.country else np.zeros(len(padded), np.bool_)
    before, behind = int((found.dates[0] - padded[0]).astype(int)), int((padded[-1] - found.dates[-1]).astype(int))
    edges = ((0, 0), (before, behind))
    everywhere = np.broadcast_to(holiday, (len(found.unique_ids), len(padded)))
    kwh, measured = np.pad(found.kwh, edges), np.pad(found.measured, edges)
    grid = DayGrid.of_measured(found.unique_ids, padded, kwh, measured, everywhere)
    intervals = Intervals.on_days(found.starts, found.minutes, found.clock, found.interval_kwh, padded)
    return grid, intervals, [*([] if reads.timezone else [OWN_CLOCK]), *found.notes]


def _to_whole_months(dates: Days) -> Days:
    month = dates[[0, -1]].astype("datetime64[M]")
    first, end = month[0].astype("datetime64[D]"), (month[1] + 1).astype("datetime64[D]")
    return np.arange(first, end, dtype="datetime64[D]")


@dataclass(frozen=True)
class Measured:
    """What a file holds.

    Attributes:
        unique_ids: (customers,) names.
        dates: (days,) local days.
        kwh: (customers, days) what was measured of each.
        measured: (customers, days) share of the day that was.
        starts: (times,) starts of the intervals in UTC, or by ``clock`` where that is the file's own.
        minutes: Length of an interval.
        clock: IANA zone in which ``starts`` are the local days.
        interval_kwh: (customers, times) NaN is unknown.
        notes: What was repaired.
    """

    unique_ids: np.ndarray
    dates: Days
    kwh: Floats
    measured: Floats
    starts: Days
    minutes: int
    clock: str
    interval_kwh: Floats
    notes: list[str]


def _long(reads: Reads) -> Measured:
    if reads.kwh is None:
        raise BacktestError("--kwh is missing: name the column of the energy, or say --layout wide.")
    columns = Columns(reads.time, reads.kwh, reads.id)
    file = read_grid(reads.path, columns, reads.timezone or "UTC", minutes=None)
    grid = file.grid
    return Measured(*_by_day(grid), grid.times_utc, grid.minutes, grid.timezone, grid.load, list(file.notes))


def _by_day(grid: LoadGrid) -> tuple[np.ndarray, Days, Floats, Floats]:
    dates, first, sizes = np.unique(grid.local_times.astype("datetime64[D]"), return_index=True, return_counts=True)
    is_known = np.isfinite(grid.load)
    kwh = np.add.reduceat(np.where(is_known, grid.load, 0.0), first, axis=1)
    share = np.add.reduceat(is_known.astype(np.float64), first, axis=1) / sizes
    # A first or last day that the file cuts has fewer intervals, which would pass for all of them.
    return grid.unique_ids, dates, kwh, np.where(whole_days(grid), share, 0.0)


def _wide(reads: Reads) -> Measured:
    zone = known_zone(reads.timezone) if reads.timezone else None
    try:
        cube = read_wide(reads.path, reads.id, reads.time)
    except ReadsError as problem:
        raise BacktestError(f"{problem}.") from None
    is_known = np.isfinite(cube.kwh)
    if not is_known.any():
        raise BacktestError(f"{reads.path}: no row has a value.")
    kwh = np.where(is_known, cube.kwh, 0.0).sum(axis=2, dtype=np.float64)
    slots = cube.kwh.shape[2] * (_day_minutes(cube.days, zone) / DAY if zone else np.ones(len(cube.days)))
    # A row has as many columns on a day of 25 hours as on any.
    share = is_known.sum(axis=2) / np.minimum(slots, cube.kwh.shape[2])
    minutes = DAY // cube.kwh.shape[2]
    # Rows have the same hours on every day, as a clock that never changes.
    starts = cube.days[0].astype("datetime64[m]") + np.arange(is_known[0].size) * np.timedelta64(minutes, "m")
    by_interval, days = cube.kwh.reshape(len(kwh), -1), cube.days.astype("datetime64[D]")
    return Measured(
        cube.meter_ids, days, kwh, np.minimum(share, 1.0), starts, minutes, "UTC", by_interval.astype(np.float64), []
    )


def _day_minutes(days: Days, zone: str) -> Floats:
    midnights = pd.DatetimeIndex(np.append(days, days[-1] + 1).astype("datetime64[s]"))
    zoned = midnights.tz_localize(zone, ambiguous=np.ones(len(midnights), bool), nonexistent="shift_forward")
    return np.diff(zoned.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[m]")).astype(np.float64)

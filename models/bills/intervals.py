"""The intervals that days are made of, and how a customer's usual day lies over them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.bills.day_grid import SATURDAY, Bools, DayGrid, Days, Floats, Integers, Month

DAYS_BACK = 56
"""Days before the cutoff that say what a usual day is."""


@dataclass(frozen=True)
class Intervals:
    """Energy of every interval of the days of a ``DayGrid``.

    Attributes:
        starts_utc: (times,) ``datetime64[m]``, ``minutes`` apart without a gap.
        minutes: Length of an interval.
        timezone: IANA name of the clock by which the days are cut.
        kwh: (customers, times) energy, below 0 where it is fed into the grid; NaN is unknown.
        day: (times,) column of the ``DayGrid``.
        slot: (times,) place in the local day by the clock: the hour that comes twice has the same places twice.
    """

    starts_utc: Days
    minutes: int
    timezone: str
    kwh: Floats
    day: Integers
    slot: Integers

    @classmethod
    def on_days(cls, starts_utc: Days, minutes: int, timezone: str, kwh: Floats, dates: Days) -> "Intervals":
        """Pad intervals with unknown ones to all of the local days ``dates``, which hold them."""
        step, starts = np.timedelta64(minutes, "m"), starts_utc.astype("datetime64[m]")
        first, end = _midnights(dates[[0, -1]] + np.array([0, 1]), timezone)
        before = max(int((starts[0] - first) // step), 0)
        behind = max(int((end - starts[-1] - np.timedelta64(1, "m")) // step), 0)
        every = np.arange(starts[0] - before * step, starts[-1] + (behind + 1) * step, step)
        local = pd.DatetimeIndex(every.astype("datetime64[s]"), tz="UTC").tz_convert(timezone).tz_localize(None)
        clock = local.to_numpy().astype("datetime64[m]")
        day = clock.astype("datetime64[D]")
        slot = (clock - day).astype(np.int64) // minutes
        padded = np.pad(kwh, ((0, 0), (before, behind)), constant_values=np.nan)
        return cls(every, minutes, timezone, padded, (day - dates[0]).astype(np.int64), slot)

    def between(self, first: int, end: int) -> slice:
        """Return the times of the days from column ``first`` up to ``end``, ``end`` excluded."""
        return slice(*np.searchsorted(self.day, [first, end]))

    def usual_day(self, grid: DayGrid, cutoff: int, customers: Integers) -> tuple[Floats, Floats]:
        """Return (customers, slots) mean kWh on workdays, and on weekends and holidays, of late; NaN is unknown."""
        times = self.between(max(cutoff - DAYS_BACK, 0), cutoff)
        kwh, slot = self.kwh[customers, times], self.slot[times]
        is_known, is_off = ~np.isnan(kwh), _is_off(grid, customers)[:, self.day[times]]
        filled = np.where(is_known, kwh, 0.0)
        is_slot = (slot[:, None] == np.arange(self.slot.max() + 1)).astype(np.float64)
        workday, off = (
            _mean(np.where(of_kind, filled, 0.0) @ is_slot, (is_known & of_kind) @ is_slot)
            for of_kind in (~is_off, is_off)
        )
        return workday, off


@dataclass(frozen=True)
class UsualDays:
    """What customers would use in each interval of a month if all of its days were usual ones.

    Attributes:
        base: (customers, times) kWh.
        weight: (customers, times) share that an interval takes of what a day is more or less; adds up to 1 a day.
        first: (days,) the first interval of each day.
        day: (times,) day of the month of each interval, from 0.
    """

    base: Floats
    weight: Floats
    first: Integers
    day: Integers

    @classmethod
    def of(
        cls, reads: Intervals, grid: DayGrid, month: Month, cutoff: int, customers: Integers, of_all: tuple[Floats, ...]
    ) -> "UsualDays":
        """Lay the customers' usual days, or where one is unknown those ``of_all``, over a month."""
        times = reads.between(month.first, month.end)
        day, slot = reads.day[times] - month.first, reads.slot[times]
        usual = (
            np.where(np.isnan(own).any(axis=1, keepdims=True), common, own)
            for own, common in zip(reads.usual_day(grid, cutoff, customers), of_all, strict=True)
        )
        workday, off = (kind[:, slot] for kind in usual)
        base = np.where(_is_off(grid, customers)[:, reads.day[times]], off, workday)
        first = np.searchsorted(day, np.arange(month.days))
        size = np.abs(base)
        total = np.add.reduceat(size, first, axis=1)[:, day]
        even = 1 / np.bincount(day)[day]
        weight = np.where(total > 0, size / np.where(total > 0, total, 1.0), even)
        return cls(base, weight, first, day)

    def spread(self, daily_kwh: Floats) -> Floats:
        """Return (customers, times) kWh that add up to the days: each interval moves by its size, none against the day.

        Where nothing is fed in that is the usual day in proportion. Where something is, a day of more kWh has more
        import and less export, so that money rises with it.
        """
        more = daily_kwh - np.add.reduceat(self.base, self.first, axis=1)
        return np.asarray(self.base + more[:, self.day] * self.weight)


def usual_day_of_all(reads: Intervals, grid: DayGrid, cutoff: int, most: int) -> tuple[Floats, Floats]:
    """Return (1, slots) the mean day by size of up to ``most`` customers: workday, and weekend or holiday."""
    customers = np.arange(0, len(grid.unique_ids), -(-len(grid.unique_ids) // most))
    workday, off = (
        _mean(np.nansum(np.abs(usual), axis=0, keepdims=True), (~np.isnan(usual)).sum(axis=0, keepdims=True))
        for usual in reads.usual_day(grid, cutoff, customers)
    )
    either = np.where(np.isnan(workday).any(), off, workday)
    found = tuple(np.where(np.isnan(kind).any(), either, kind) for kind in (workday, off))
    workday, off = (np.nan_to_num(kind, nan=1.0) if np.isnan(kind).any() else kind for kind in found)
    return workday, off


def _mean(total: Floats, count: Floats | Integers) -> Floats:
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _is_off(grid: DayGrid, customers: Integers) -> Bools:
    return np.asarray(grid.day_kind[customers] >= SATURDAY)


def _midnights(dates: Days, timezone: str) -> Days:
    index = pd.DatetimeIndex(dates.astype("datetime64[s]"))
    zoned = index.tz_localize(timezone, ambiguous=np.ones(len(index), np.bool_), nonexistent="shift_forward")
    return zoned.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[m]")

"""Local days of many customers side by side: what was used, and how much of each day was measured."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Days = npt.NDArray[np.datetime64]

LEAST_MEASURED = 0.9
"""Share of a day that has to be measured for its energy to be known."""
SATURDAY, SUNDAY = 5, 6


@dataclass(frozen=True)
class DayGrid:
    """Daily energy. What lies at or after a cutoff may be there: who forecasts looks at earlier days only.

    Attributes:
        unique_ids: (customers,) names.
        dates: (days,) local days without a gap, ``datetime64[D]``, to the end of any month that is forecast.
        kwh: (customers, days) energy of the whole day; NaN is unknown.
        measured: (customers, days) share of the day that was measured, 0 to 1.
        is_holiday: (customers, days) public holidays.
    """

    unique_ids: npt.NDArray[np.str_]
    dates: Days
    kwh: Floats
    measured: Floats
    is_holiday: Bools

    @classmethod
    def of_measured(
        cls,
        unique_ids: npt.NDArray[np.str_],
        dates: Days,
        kwh: Floats,
        measured: Floats,
        is_holiday: Bools,
    ) -> "DayGrid":
        """Scale what was measured of days up to whole ones; days of which too little was measured are unknown."""
        is_known = measured >= LEAST_MEASURED
        whole = np.where(is_known, kwh / np.where(is_known, measured, 1.0), np.nan)
        return cls(unique_ids, dates, whole, np.minimum(measured, 1.0), is_holiday)

    @cached_property
    def known(self) -> "KnownDays":
        """Sums from which the mean of any window is taken."""
        return KnownDays.of(self.kwh)

    @cached_property
    def day_kind(self) -> Integers:
        """(customers, days) weekday, Monday is 0; a public holiday is a Sunday."""
        weekday = (self.dates.astype("datetime64[D]").astype(np.int64) + 3) % 7
        return np.where(self.is_holiday, SUNDAY, weekday)

    def of_customers(self, chosen: Integers) -> "DayGrid":
        """Return some of the customers."""
        return replace(
            self,
            unique_ids=self.unique_ids[chosen],
            kwh=self.kwh[chosen],
            measured=self.measured[chosen],
            is_holiday=self.is_holiday[chosen],
        )


@dataclass(frozen=True)
class Month:
    """Columns ``first`` up to ``end``, ``end`` excluded, of a calendar month."""

    first: int
    end: int

    @property
    def days(self) -> int:
        """Days of the month."""
        return self.end - self.first


def months(dates: Days) -> list[Month]:
    """Return the calendar months of which every day is among ``dates``, earliest first."""
    number = dates.astype("datetime64[M]")
    first = np.flatnonzero(np.diff(number.astype(np.int64), prepend=-(10**6)))
    found = [Month(int(a), int(b)) for a, b in zip(first, np.append(first[1:], len(dates)), strict=True)]
    return [month for month in found if month.days == _length(number[month.first])]


def _length(month: np.datetime64) -> int:
    return int(((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64))


@dataclass(frozen=True)
class KnownDays:
    """Means of the known days of any window.

    Attributes:
        total, size, count: (customers, days + 1) sums of kWh, of its size without sign, and of known days, up to each.
    """

    total: Floats
    size: Floats
    count: Floats

    @classmethod
    def of(cls, kwh: Floats) -> "KnownDays":
        """Add up once what windows are taken from."""
        is_known, edge = ~np.isnan(kwh), ((0, 0), (1, 0))
        filled = np.where(is_known, kwh, 0.0)
        total, size = (np.pad(np.cumsum(values, axis=1), edge) for values in (filled, np.abs(filled)))
        return cls(total, size, np.pad(np.cumsum(is_known, axis=1, dtype=np.float64), edge))

    def days(self, first: int, end: int) -> Floats:
        """Return (customers,) how many days from column ``first`` up to ``end`` are known."""
        first, end = max(first, 0), max(end, 0)
        return self.count[:, end] - self.count[:, first]

    def mean(self, first: int, end: int, least: float = 1) -> Floats:
        """Return (customers,) mean kWh a day; NaN where fewer than ``least`` days are known."""
        return self._mean(self.total, first, end, least)

    def mean_size(self, first: int, end: int, least: float = 1) -> Floats:
        """Return (customers,) the same of kWh without their sign."""
        return self._mean(self.size, first, end, least)

    def _mean(self, sums: Floats, first: int, end: int, least: float) -> Floats:
        count, (first, end) = self.days(first, end), (max(first, 0), max(end, 0))
        mean = (sums[:, end] - sums[:, first]) / np.maximum(count, 1)
        return np.where(count >= max(least, 1), mean, np.nan)

"""What single customers are known to have used a day, and what their last days let expect: persistence."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from models.demand.grid import Bools, Floats, Integers

HISTORY_DAYS, AHEAD_DAYS = 400, 35
CUSTOMERS_AT_ONCE = 5000
LEARNT_FROM = 1000
"""Customers that are learnt from; more tell hardly more of what all have in common."""
LEAST_KNOWN_MINUTES = 0.9
"""Share of a day's minutes, or of those that the customer's meters usually measure, without which it is unknown."""
LEAST_SCALE_KWH = 0.1
WEEKS, YEAR = 4, 364
DAY = np.timedelta64(1, "D")

_SIZE = """
    select coalesce(max(customer_no), 0) as customers from features.features_customer_usage
    where as_of_date = $as_of_date
"""

_LAST_DAYS = """
    select local_date, count(*) as customers from features.features_customer_usage
    where as_of_date = $as_of_date and local_date > $before and measured_minutes >= 1296
    group by local_date order by local_date
"""

_USAGE = """
    select customer_no, customer_id, customer_class, region_code, local_date, consumption_kwh, measured_minutes
    from features.features_customer_usage
    where as_of_date = $as_of_date and customer_no >= $first and customer_no < $last
        and (customer_no - $first) % $step = 0
    order by customer_no, local_date
"""

_HOLIDAYS = """
    select region_code, local_date from features.features_demand_days
    where as_of_date = $as_of_date and is_holiday
"""


@dataclass(frozen=True)
class Usage:
    """Daily energy of some customers, as it was known at the end of a day.

    Attributes:
        customer_id: (customers,) names.
        customer_class: (customers,) classes.
        dates: (days,) local days: 400 up to the day, and 35 after it.
        kwh: (customers, days); NaN is unknown.
        is_holiday: (customers, days).
        cutoff: First day that is forecast: of the days from it on, the reads of most customers are not there.
    """

    customer_id: npt.NDArray[np.object_]
    customer_class: npt.NDArray[np.object_]
    dates: npt.NDArray[np.datetime64]
    kwh: Floats
    is_holiday: Bools
    cutoff: int

    def frame(self) -> pd.DataFrame:
        """Return ``customer_id``, ``local_date`` and ``kwh`` of the known days, a row each."""
        row, column = np.nonzero(~np.isnan(self.kwh))
        days = self.dates[column].astype("datetime64[us]")
        return pd.DataFrame(
            {"customer_id": self.customer_id[row], "local_date": days, "consumption_kwh": self.kwh[row, column]}
        )


def size(as_of_date: date, settings: Settings | None = None) -> int:
    """Return how many customers are supplied."""
    return int(Warehouse(settings).arrow(_SIZE, {"as_of_date": as_of_date}).to_pylist()[0]["customers"])


def sample(as_of_date: date, settings: Settings | None = None) -> Usage:
    """Return the customers that are learnt from: each n-th in the order of their names."""
    customers = size(as_of_date, settings)
    return _usage(as_of_date, 1, customers + 1, -(-customers // LEARNT_FROM) or 1, settings)


def chunks(as_of_date: date, settings: Settings | None = None) -> Iterator[Usage]:
    """Yield all customers, a few thousand at once, so that memory does not grow with them."""
    for first in range(1, size(as_of_date, settings) + 1, CUSTOMERS_AT_ONCE):
        yield _usage(as_of_date, first, first + CUSTOMERS_AT_ONCE, 1, settings)


def _usage(as_of_date: date, first: int, last: int, step: int, settings: Settings | None) -> Usage:
    warehouse, day = Warehouse(settings), np.datetime64(as_of_date)
    asked = {"as_of_date": as_of_date}
    rows = warehouse.arrow(_USAGE, asked | {"first": first, "last": last, "step": step}).to_pandas()
    dates = day + np.arange(1 - HISTORY_DAYS, AHEAD_DAYS + 1) * DAY
    customers = rows.drop_duplicates("customer_no")
    kwh = np.full((len(customers), len(dates)), np.nan)
    usual = rows.groupby("customer_no")["measured_minutes"].transform("median")
    known = rows[rows["measured_minutes"] >= LEAST_KNOWN_MINUTES * usual.clip(lower=1440)]
    row = np.searchsorted(customers["customer_no"], known["customer_no"])
    kwh[row, _columns(known["local_date"], dates)] = known["consumption_kwh"]
    holidays = warehouse.arrow(_HOLIDAYS, asked).to_pandas()
    inside = holidays["local_date"].isin(dates.astype(object))
    by_region = holidays[inside].groupby("region_code")["local_date"].agg(list).to_dict()
    is_holiday = np.zeros(kwh.shape, dtype=np.bool_)
    for region, days in by_region.items():
        is_holiday[np.ix_(customers["region_code"] == region, _columns(pd.Series(days), dates))] = True
    last_days = warehouse.arrow(_LAST_DAYS, asked | {"before": (day - 28 * DAY).astype(object)}).to_pandas()
    return Usage(
        customers["customer_id"].to_numpy(dtype=object),
        customers["customer_class"].to_numpy(dtype=object),
        dates,
        kwh,
        is_holiday,
        _cutoff(last_days, dates),
    )


def _columns(days: pd.Series, dates: npt.NDArray[np.datetime64]) -> Integers:
    return ((pd.to_datetime(days).to_numpy().astype("datetime64[D]") - dates[0]) // DAY).astype(np.int64)


def _cutoff(last_days: pd.DataFrame, dates: npt.NDArray[np.datetime64]) -> int:
    """First day behind the last one that is known of half as many customers as the best of the last days."""
    whole = last_days[last_days["customers"] >= 0.5 * last_days["customers"].max()]
    return int(_columns(whole["local_date"], dates)[-1]) + 1 if len(whole) else HISTORY_DAYS


@dataclass(frozen=True)
class Days:
    """Forecasts to learn from or to make, one a row: whose, from which column on nothing was known, and for which."""

    customer: Integers
    cutoff: Integers
    column: Integers

    @property
    def lead_days(self) -> Integers:
        """Days from the last known one."""
        return self.column - self.cutoff + 1


def coming(usage: Usage, cutoff: int) -> Days:
    """Return a row for each customer and day from a cutoff on, as far ahead as the last day of usage lies now."""
    horizon, customers = len(usage.dates) - usage.cutoff, len(usage.kwh)
    column = np.tile(np.arange(cutoff, cutoff + horizon), customers)
    return Days(np.repeat(np.arange(customers), horizon), np.full(len(column), cutoff), column)


@dataclass(frozen=True)
class Past:
    """Means of known days of usage over any window, and the days that persistence is made of."""

    usage: Usage
    total: Floats
    count: Floats

    @classmethod
    def of(cls, usage: Usage) -> "Past":
        """Add up once what windows are taken from."""
        known = ~np.isnan(usage.kwh)
        edge = ((0, 0), (1, 0))
        total = np.pad(np.cumsum(np.where(known, usage.kwh, 0.0), axis=1), edge)
        return cls(usage, total, np.pad(np.cumsum(known, axis=1, dtype=np.float64), edge))

    def known_days(self, days: Days, back: int = HISTORY_DAYS) -> Floats:
        """Return (rows,) how many of the last days before the cutoff are known."""
        first = np.maximum(days.cutoff - back, 0)
        return self.count[days.customer, days.cutoff] - self.count[days.customer, first]

    def mean(self, days: Days, first: Integers, end: Integers) -> Floats:
        """Return (rows,) mean kWh of the known days from column ``first`` up to ``end``; NaN where none is known."""
        first, end = np.clip(first, 0, days.cutoff), np.clip(end, 0, days.cutoff)
        count = self.count[days.customer, end] - self.count[days.customer, first]
        total = self.total[days.customer, end] - self.total[days.customer, first]
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def recent(self, days: Days, back: int) -> Floats:
        """Return (rows,) mean kWh of the last days before the cutoff."""
        return self.mean(days, days.cutoff - back, days.cutoff)

    def scale(self, days: Days) -> Floats:
        """Return (rows,) what a customer uses a day: mean of the last four weeks, else of all that is known."""
        lately = self.recent(days, 28)
        return np.maximum(np.where(np.isnan(lately), self.recent(days, HISTORY_DAYS), lately), LEAST_SCALE_KWH)

    def lately(self, days: Days) -> Floats:
        """Return (rows,) what persistence says, or the mean of all known days where it says nothing."""
        persistence = median_of_known(self.ensemble(days))
        return np.where(np.isnan(persistence), self.recent(days, HISTORY_DAYS), persistence)

    def ensemble(self, days: Days) -> Floats:
        """Return (members, rows) the days that persistence is the median of; NaN where a day is not known.

        The same weekday of the last four weeks, the last known day of the last week, and the same weekday 52 weeks
        before.
        """
        weeks = -(-days.lead_days // 7) * 7
        back = [weeks + 7 * n for n in range(WEEKS)] + [np.full_like(weeks, YEAR)]
        alike = [self._at(days, days.column - shift) for shift in back]
        last = np.full(len(days.column), np.nan)
        for shift in range(1, 8):
            last = np.where(np.isnan(last), self._at(days, days.cutoff - shift), last)
        return np.stack([*alike[:WEEKS], last, alike[WEEKS]])

    def _at(self, days: Days, column: Integers) -> Floats:
        inside = (column >= 0) & (column < days.cutoff)
        return np.where(inside, self.usage.kwh[days.customer, np.maximum(column, 0)], np.nan)


def median_of_known(members: Floats) -> Floats:
    """Return (rows,) the median of (members, rows) that are known; NaN where none is."""
    ordered, known = np.sort(members, axis=0), (~np.isnan(members)).sum(axis=0)
    row = np.arange(members.shape[1])
    low, high = np.maximum((known - 1) // 2, 0), np.minimum(known // 2, len(members) - 1)
    return np.where(known > 0, (ordered[low, row] + ordered[high, row]) / 2, np.nan)

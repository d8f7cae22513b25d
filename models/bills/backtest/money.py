"""The money of months: bills of what came, of each forecast and of each plain method, by the warehouse's rating."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from meterwise.tariffs.month_bills import MOST_INTERVALS, NO_BILL, MonthBills, Months
from models.bills.day_grid import DayGrid, Days, Floats, Integers, Month
from models.bills.intervals import Intervals, UsualDays, usual_day_of_all
from models.bills.month_forecast import COLUMNS, MEDIAN, MonthForecast
from models.bills.params import BillParams

BILL, MONEY = "_bill", "_money"
"""What the names of columns end with that hold the number of a bill, and its amount."""


@dataclass(frozen=True)
class Money:
    """Asks for the bills of a backtest.

    Attributes:
        reads: Intervals of the customers.
        grid: Their days.
        bills: Where bills are asked for.
        keeps_lines: Whether the lines of the forecasts' bills (P50) are wanted.
    """

    reads: Intervals
    grid: DayGrid
    bills: MonthBills
    keeps_lines: bool = False

    def of_reads(self, month: Month, customers: Integers) -> Integers:
        """Ask for the bills of what was measured in a month, and return their numbers (customers,)."""
        times = self.reads.between(month.first, month.end)
        found = [
            self.bills.ask(self._months(month, chunk), self.reads.kwh[chunk, times])
            for chunk in _chunks(customers, times)
        ]
        return np.concatenate([np.empty(0, np.int64), *found])

    def of_forecasts(
        self, forecast: MonthForecast, month: Month, cutoff: int, customers: Integers, plain: dict[str, Floats]
    ) -> pd.DataFrame:
        """Ask for the bills of a forecast and of plain methods.

        Known days are as they were measured, and the others are the customer's usual days, moved to the day's kWh. What
        a plain method says of a month is so many equal days, none of which is taken as measured.

        Args:
            forecast: Of all customers.
            month: Of the grid.
            cutoff: Column of the first day that is not known.
            customers: (customers,) those whose bills are wanted.
            plain: By method (all customers,) kWh of the month; NaN asks for no bill.

        Returns:
            Numbers of the bills, a row a customer.
        """
        times = self.reads.between(month.first, month.end)
        of_all = usual_day_of_all(self.reads, self.grid, cutoff, BillParams().customers)
        parts = []
        for chunk in _chunks(customers, times):
            usual = UsualDays.of(self.reads, self.grid, month, cutoff, chunk, of_all)
            is_forecast = forecast.is_forecast[chunk][:, usual.day]
            months, found = self._months(month, chunk), {}
            for column, name in enumerate(COLUMNS):
                ahead = usual.spread(forecast.daily_kwh(column)[chunk])
                kwh = np.where(is_forecast, ahead, self.reads.kwh[chunk, times])
                found[name] = self.bills.ask(months, kwh, self.keeps_lines and column == MEDIAN)
            for name, said in plain.items():
                found[name] = self._of_plain(usual, month, chunk, said[chunk])
            parts.append(pd.DataFrame(found))
        return pd.concat(parts, ignore_index=True).add_suffix(BILL)

    def _of_plain(self, usual: UsualDays, month: Month, customers: Integers, said: Floats) -> Integers:
        is_said, numbers = ~np.isnan(said), np.full(len(said), NO_BILL)
        kwh = usual.spread(np.repeat((said / month.days)[:, None], month.days, axis=1))
        if is_said.any():
            numbers[is_said] = self.bills.ask(self._months(month, customers[is_said]), kwh[is_said])
        return numbers

    def _months(self, month: Month, customers: Integers) -> Months:
        month_on, start_on = self.grid.dates[month.first], self._supply_start_on[customers]
        carried = [
            (year_on, self._used(year_on, month, customers))
            for year_on in self.bills.tariff.tier_years(month_on, start_on)
        ]
        times = self.reads.between(month.first, month.end)
        return Months(month_on, self.reads.starts_utc[times], self.reads.minutes, start_on, carried)

    def _used(self, year_on: Days, month: Month, customers: Integers) -> Floats:
        """(customers,) kWh that were drawn from a year's first day, or the file's, to the start of the month."""
        first = np.clip((year_on - self.grid.dates[0]).astype(np.int64), 0, month.first)
        used = self._drawn_before[customers]
        return np.asarray(used[:, month.first] - np.take_along_axis(used, first[:, None], axis=1)[:, 0])

    @cached_property
    def _drawn_before(self) -> Floats:
        """(customers, days + 1) kWh drawn from the grid before each day."""
        first = np.searchsorted(self.reads.day, np.arange(len(self.grid.dates)))
        by_day = np.add.reduceat(np.fmax(self.reads.kwh, 0), first, axis=1)
        return np.pad(np.cumsum(by_day, axis=1), ((0, 0), (1, 0)))

    @cached_property
    def _supply_start_on(self) -> Days:
        """(customers,) first day of the month of the first read: blocks of a year begun late are lowered by it."""
        first = self.grid.dates[self.reads.day[np.isfinite(self.reads.kwh).argmax(axis=1)]]
        return first.astype("datetime64[M]").astype("datetime64[D]")


def with_money(rows: pd.DataFrame, rated: pa.Table) -> pd.DataFrame:
    """Add the amount of each column's bill, and why that of what came could not be made (``reason_code``)."""
    found: dict[str, pd.api.extensions.ExtensionArray] = {}
    for column in [name for name in rows.columns if name.endswith(BILL)]:
        numbers = rows[column].to_numpy()
        chosen = pa.array(numbers, mask=numbers == NO_BILL)
        amounts = pc.take(rated["amount"], chosen)
        found[column.removesuffix(BILL) + MONEY] = pd.array(amounts, dtype=pd.ArrowDtype(amounts.type))
    reasons = pc.take(rated["reason_code"], pa.array(rows["y" + BILL].to_numpy()))
    return rows.assign(**found, reason_code=pd.array(reasons, dtype=pd.ArrowDtype(pa.string())))


def _chunks(customers: Integers, times: slice) -> list[Integers]:
    size = max(MOST_INTERVALS // max(times.stop - times.start, 1), 1)
    return [customers[first : first + size] for first in range(0, len(customers), size)]

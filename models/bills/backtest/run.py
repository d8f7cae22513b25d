"""The origin rolls through the months: each is forecast by a model that was fitted on earlier days only."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from meterwise.tariffs.month_bills import NO_BILL
from models.bills.backtest.baselines import AT_ANY_TIME, IN_THE_MONTH, WholeDays
from models.bills.backtest.money import BILL, Money, with_money
from models.bills.day_grid import LEAST_MEASURED, DayGrid, Floats, Month, months
from models.bills.forecaster import BillForecaster, NothingKnownError
from models.bills.month_forecast import MonthForecast
from models.bills.params import LEVELS, BillParams

HORIZONS = {"month_start": 0, "day_10": 10, "day_20": 20}
"""Days of the month that are known."""
QUANTILES = [f"q{level:g}" for level in LEVELS]
FORECAST = ["mean", *QUANTILES]


@dataclass(frozen=True)
class Run:
    """What was said and what came.

    Attributes:
        rows: A row a customer, month and horizon whose month came: unique_id, cutoff (last known day), month (its first
            day), horizon, y, mean and quantiles in kWh, basis, and what each plain method says, NaN where it cannot.
            With money: each of them once more with ``_money``, decimals, null where there is no bill, and
            ``reason_code`` why there is none of what came.
        has_whole_days: Whether only days count of which every interval was measured; in a file that has no month of
            such days, those count that were measured nearly wholly.
        seconds: Of fits and forecasts together.
        peak_memory_mb: Most memory that this process held at one moment until the last forecast.
    """

    rows: pd.DataFrame
    has_whole_days: bool
    seconds: float
    peak_memory_mb: float

    @property
    def has_money(self) -> bool:
        """Whether bills were asked for."""
        return "y" + BILL in self.rows.columns


def roll(
    grid: DayGrid, advance: Callable[[], None], params: BillParams | None = None, money: Money | None = None
) -> Run:
    """Forecast every month of a grid that came; ``advance`` is called after each month."""
    all_months, seconds, parts = months(grid.dates), 0.0, []
    whole = WholeDays.of(grid, all_months)
    has_whole_days = bool(np.isfinite(whole.kwh).any())
    if not has_whole_days:
        whole = WholeDays.of(grid, all_months, LEAST_MEASURED)
    for number, month in enumerate(all_months):
        came = np.flatnonzero(np.isfinite(whole.kwh[number]))
        billed = money.of_reads(month, came) if money and len(came) else None
        for horizon, day in HORIZONS.items() if len(came) else ():
            started, cutoff = time.perf_counter(), month.first + day
            said = _said(grid, month, cutoff, params)
            seconds += time.perf_counter() - started
            if said is None:
                continue
            plain = whole.said(number, day)
            rows = _rows(grid, whole, number, horizon, said, plain).iloc[came].reset_index(drop=True)
            if money:
                bills = money.of_forecasts(said, month, cutoff, came, plain)
                rows = pd.concat([rows.assign(**{"y" + BILL: billed}), bills], axis=1)
            parts.append(rows)
        advance()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"y": []})
    if money and parts:
        found = with_money(_numbered(found), money.bills.rated())
    return Run(found, has_whole_days, seconds, memory)


def _said(grid: DayGrid, month: Month, cutoff: int, params: BillParams | None) -> MonthForecast | None:
    """Forecast all customers; None where nobody is known before the cutoff."""
    try:
        return BillForecaster.fit(grid, month, cutoff, params).predict(grid, month, cutoff)
    except NothingKnownError:
        return None


def _rows(
    grid: DayGrid, whole: WholeDays, number: int, horizon: str, said: MonthForecast, plain: dict[str, Floats]
) -> pd.DataFrame:
    first = grid.dates[whole.months[number].first].astype("datetime64[us]")
    return pd.DataFrame(dict(zip(FORECAST, said.month_kwh, strict=True))).assign(
        basis=said.basis,
        unique_id=grid.unique_ids.astype(object),
        cutoff=first + np.timedelta64(HORIZONS[horizon] - 1, "D"),
        month=first,
        horizon=horizon,
        y=whole.kwh[number],
        **(dict.fromkeys((*AT_ANY_TIME, *IN_THE_MONTH), np.nan) | plain),
    )


def _numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """A plain method that says nothing at a horizon has no bill there."""
    bills = {name: rows[name].fillna(NO_BILL).astype(np.int64) for name in rows.columns if name.endswith(BILL)}
    return rows.assign(**bills)

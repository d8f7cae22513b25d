"""The origin rolls through the months: each is forecast by a model that was fitted on earlier days only."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.bills.backtest.baselines import AT_ANY_TIME, IN_THE_MONTH, WholeDays
from models.bills.day_grid import LEAST_MEASURED, DayGrid, Month, months
from models.bills.forecaster import BillForecaster, NothingKnownError
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
        has_whole_days: Whether only days count of which every interval was measured; in a file that has no month of
            such days, those count that were measured nearly wholly.
        seconds: Of fits and forecasts together.
        peak_memory_mb: Most memory that this process held at one moment until the last forecast.
    """

    rows: pd.DataFrame
    has_whole_days: bool
    seconds: float
    peak_memory_mb: float


def roll(grid: DayGrid, advance: Callable[[], None], params: BillParams | None = None) -> Run:
    """Forecast every month of a grid that came; ``advance`` is called after each month."""
    all_months, seconds, parts = months(grid.dates), 0.0, []
    whole = WholeDays.of(grid, all_months)
    has_whole_days = bool(np.isfinite(whole.kwh).any())
    if not has_whole_days:
        whole = WholeDays.of(grid, all_months, LEAST_MEASURED)
    for number, month in enumerate(all_months):
        for horizon, day in HORIZONS.items() if np.isfinite(whole.kwh[number]).any() else ():
            started = time.perf_counter()
            said = _said(grid, month, month.first + day, params)
            seconds += time.perf_counter() - started
            if said is not None:
                parts.append(_rows(grid, whole, number, horizon, said))
        advance()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"y": []})
    return Run(rows.dropna(subset="y").reset_index(drop=True), has_whole_days, seconds, memory)


def _said(grid: DayGrid, month: Month, cutoff: int, params: BillParams | None) -> pd.DataFrame | None:
    """Mean, quantiles and basis of each customer; None where nobody is known before the cutoff."""
    try:
        forecast = BillForecaster.fit(grid, month, cutoff, params).predict(grid, month, cutoff)
    except NothingKnownError:
        return None
    return pd.DataFrame(dict(zip(FORECAST, forecast.month_kwh, strict=True))).assign(basis=forecast.basis)


def _rows(grid: DayGrid, whole: WholeDays, number: int, horizon: str, said: pd.DataFrame) -> pd.DataFrame:
    month, day = whole.months[number], HORIZONS[horizon]
    plain = dict.fromkeys((*AT_ANY_TIME, *IN_THE_MONTH), np.nan) | whole.said(number, day)
    first = grid.dates[month.first].astype("datetime64[us]")
    return said.assign(
        unique_id=grid.unique_ids.astype(object),
        cutoff=first + np.timedelta64(day - 1, "D"),
        month=first,
        horizon=horizon,
        y=whole.kwh[number],
        **plain,
    )

"""Forecasts of one day as rows, one for each series and interval."""

from dataclasses import replace

import numpy as np
import pandas as pd

from models.demand.bands import DECILES_APART
from models.demand.calendar import Calendar
from models.demand.dataset import Demand
from models.demand.grid import Floats
from models.demand.ladder import LoadForecast
from models.demand.levels import constraints, reconciled
from models.demand.registered import LEVELS, Forecasters, forecast_columns
from models.demand.training import least_of, rows_to_forecast

WEEKS = 5


def loads(demand: Demand, forecasters: Forecasters) -> pd.DataFrame:
    """Forecast every interval from the end of what is known, or of what is usually known by then.

    Returns:
        A row for each series and interval: the key of its level, ``valid_at_utc``, ``interval_minutes``,
        ``horizon_hours`` (of days, days), ``naive_kwh``, ``mean_kwh`` that adds up over the levels, ``p05_kwh`` to
        ``p95_kwh`` and ``basis``; kWh of the interval.
    """
    first = first_interval(demand, forecasters)
    forecast = forecasters.loads(demand.grid, first)
    sums, least = constraints(demand.series), least_of(demand.grid.load)
    added_up = replace(forecast, mean=reconciled(forecast.mean, np.square(_spread(forecast)), sums, least))
    ahead = np.arange(first, demand.grid.load.shape[1])
    rows = demand.series.loc[demand.series.index.repeat(len(ahead))].reset_index(drop=True)
    column = np.tile(ahead, len(demand.series))
    said = rows.assign(
        as_of_date=pd.Timestamp(demand.as_of_date),
        valid_at_utc=demand.grid.times_utc[column].astype("datetime64[us]"),
        local_date=demand.grid.local_times[column].astype("datetime64[D]").astype("datetime64[us]"),
        hour_of_day=(demand.grid.local_times[column].astype("datetime64[h]").astype(np.int64) % 24),
        interval_minutes=demand.grid.minutes,
        horizon_hours=(column - demand.tomorrow) // demand.grid.steps_an_hour + 1,
        known_until_utc=pd.Timestamp(demand.grid.times_utc[demand.cutoff]),
        naive_kwh=naive(demand, first).ravel().round(6),
    )
    return said.join(forecast_columns(added_up))


def first_interval(demand: Demand, forecasters: Forecasters) -> int:
    """Return the first interval to forecast: later than the last known one where less is known than usual by then."""
    return max(demand.cutoff, demand.tomorrow - forecasters.delay)


def naive(demand: Demand, first: int) -> Floats:
    """Return (series, intervals) the load of the same local time in the latest week that is known, in kWh."""
    grid = demand.grid
    rows = rows_to_forecast(len(grid.load), first, grid.load.shape[1], grid.steps_a_day)
    weeks, calendar = rows.whole_weeks_back(), Calendar.of(grid)
    found = np.full(len(rows.column), np.nan)
    for back in range(WEEKS):
        found = np.where(np.isnan(found), rows.lag(grid.load, weeks + 7 * back, calendar), found)
    return found.reshape(len(grid.load), -1)


def _spread(forecast: LoadForecast) -> Floats:
    low, high = (forecast.quantiles[LEVELS.index(level)] for level in (0.1, 0.9))
    return (high - low) / DECILES_APART

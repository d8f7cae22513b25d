"""The highest load of each coming day: when, how high, and how likely it passes a limit or the highest days so far."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from models.demand import issued
from models.demand.dataset import Demand
from models.demand.grid import Floats
from models.demand.ladder import LoadForecast
from models.demand.levels import KEY, KEY_FIELDS
from models.demand.registered import LEVELS, Forecasters, forecast_columns, quantile_columns

TABLE = "scores.demand_peaks"
SHARES = tuple(n / 100 for n in range(1, 100))
"""Quantiles that chances are read from."""
A_YEAR_DAYS = 365
HIGHEST = 10
SCHEMA = pa.schema(
    [
        ("as_of_date", pa.date32()),
        *KEY_FIELDS,
        ("local_date", pa.date32()),
        ("peak_at_utc", pa.timestamp("us")),
        ("interval_minutes", pa.int32()),
        ("mean_kwh", pa.float64()),
        *((name, pa.float64()) for name in quantile_columns()),
        ("highest_kwh", pa.float64()),
        ("record_probability", pa.float64()),
        ("tenth_highest_kwh", pa.float64()),
        ("top_ten_probability", pa.float64()),
        ("limit_kw", pa.float64()),
        ("overload_probability", pa.float64()),
        ("expected_overload_kw", pa.float64()),
        ("basis", pa.string()),
        ("reason", pa.string()),
        ("model_version", pa.string()),
    ]
)

_LIMITS = """
    select 'feeder' as level, region_code, feeder_code, '*' as customer_class,
        cast(limit_kw as double precision) as limit_kw
    from marts.feeder_limits
    where valid_from <= $as_of_date and (valid_to is null or valid_to > $as_of_date)
"""


def limits(as_of_date: date, settings: Settings | None = None) -> pd.DataFrame:
    """Return ``limit_kw`` of feeders by ``KEY``, as it holds on a day."""
    return Warehouse(settings).arrow(_LIMITS, {"as_of_date": as_of_date}).to_pandas()


def records(highest: pd.DataFrame, as_of_date: date) -> pd.DataFrame:
    """Return the highest of the year before, and that of its tenth highest day, by ``KEY``.

    Args:
        highest: ``highest_kwh`` by ``KEY`` and ``local_date``.
        as_of_date: The last day of the year.
    """
    year = highest[pd.to_datetime(highest["local_date"]) > pd.Timestamp(as_of_date) - pd.Timedelta(days=A_YEAR_DAYS)]
    ranked = year.sort_values("highest_kwh", ascending=False, kind="stable").groupby(KEY, sort=False)["highest_kwh"]
    return ranked.agg(
        highest_kwh="max", tenth_highest_kwh=lambda days: days.iloc[HIGHEST - 1] if len(days) >= HIGHEST else np.nan
    ).reset_index()


def highest(demand: Demand, forecasters: Forecasters, loads: pd.DataFrame, against: pd.DataFrame) -> pd.DataFrame:
    """Forecast the highest interval of each local day to come.

    Args:
        demand: What is known.
        forecasters: Of maxima.
        loads: What ``issued.loads`` says of the intervals, which tells when the highest comes.
        against: By ``KEY``: ``highest_kwh`` and ``tenth_highest_kwh`` of the year before, ``limit_kw`` of feeders.

    Returns:
        A row for each series and day: the key of its level, ``local_date``, ``peak_at_utc``, ``interval_minutes``,
        ``mean_kwh``, ``p05_kwh`` to ``p95_kwh`` (kWh of the interval), ``basis``; and the bounds with the chance that
        the day passes each. ``expected_overload_kw`` is the mean of what exceeds the limit, days without any counted
        as 0.
    """
    grid, first, ahead = demand.grid, issued.first_interval(demand, forecasters), demand.tomorrow
    median, days = loads["p50_kwh"].to_numpy().reshape(len(grid.load), -1), forecasters.peaks(grid, first, SHARES)
    listed, start = np.unique(grid.local_times[ahead:].astype("datetime64[D]"), return_index=True)
    coming = slice(days.median.shape[1] - len(listed), None)
    parts = np.split(median[:, ahead - first :], start[1:], axis=1)
    at = np.stack([begin + part.argmax(axis=1) for begin, part in zip(start, parts, strict=True)], axis=1)
    rows = demand.series[KEY].merge(against, how="left", on=KEY)
    rows = rows.loc[rows.index.repeat(len(listed))].reset_index(drop=True)
    quantiles = days.quantiles[:, :, coming].reshape(len(SHARES), -1)
    hours = grid.minutes / 60
    limit = rows["limit_kw"].to_numpy(dtype=np.float64) * hours
    beyond = np.maximum(quantiles - limit, 0).mean(axis=0) / hours
    said = rows.assign(
        as_of_date=pd.Timestamp(demand.as_of_date),
        local_date=np.tile(listed.astype("datetime64[us]"), len(demand.series)),
        peak_at_utc=grid.times_utc[ahead + at.ravel()].astype("datetime64[us]"),
        interval_minutes=grid.minutes,
        record_probability=_chance_above(quantiles, rows["highest_kwh"].to_numpy(dtype=np.float64)),
        top_ten_probability=_chance_above(quantiles, rows["tenth_highest_kwh"].to_numpy(dtype=np.float64)),
        overload_probability=_chance_above(quantiles, limit),
        expected_overload_kw=np.where(np.isnan(limit), np.nan, beyond).round(3),
    )
    published = [SHARES.index(level) for level in LEVELS]
    shown = LoadForecast(
        days.median[:, coming], days.mean[:, coming], days.quantiles[published][:, :, coming], days.basis[:, coming]
    )
    return said.join(forecast_columns(shown))


def _chance_above(quantiles: Floats, bound: Floats) -> Floats:
    """(rows,) chance that a value with (shares, rows) quantiles lies above a bound; NaN without one."""
    below = (quantiles <= bound).sum(axis=0)
    low = np.take_along_axis(quantiles, np.maximum(below - 1, 0)[None], axis=0)[0]
    high = np.take_along_axis(quantiles, np.minimum(below, len(quantiles) - 1)[None], axis=0)[0]
    part = np.where(high > low, (bound - low) / np.where(high > low, high - low, 1.0), 0.0)
    share = np.where(below == 0, 0.0, SHARES[0] * (below + part))
    chance = 1 - np.where(below == len(quantiles), 1.0, share)
    return np.where(np.isnan(bound), np.nan, chance.round(4))

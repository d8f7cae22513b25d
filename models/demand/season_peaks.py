"""The highest load of each of the next four seasons: how high, when, and how likely it passes the feeder's limit."""

import numpy as np
import pandas as pd
import pyarrow as pa

from models.demand.dataset import Demand
from models.demand.grid import LoadGrid, Times
from models.demand.levels import KEY, KEY_FIELDS
from models.demand.registered import LEVELS, quantile_columns
from models.demand.seasons import Season, SeasonDraws, SeasonForecaster, seasons_ahead

TABLE = "scores.season_peaks"
AHEAD_DAYS, YEAR_DAYS = 400, 365
"""Local days ahead whose calendar is asked for: the rest of this season, and three more."""
QUANTILES = [name.replace("_kwh", "_kw") for name in quantile_columns()]
LOOKED_BACK_DAYS = YEAR_DAYS + 92
"""Local days that the highest loads of this season and of the same seasons a year before lie in."""
LIKELY = (0.1, 0.9)
SCHEMA = pa.schema(
    [
        ("as_of_date", pa.date32()),
        *KEY_FIELDS,
        ("season_first_date", pa.date32()),
        ("season_last_date", pa.date32()),
        ("so_far_kw", pa.float64()),
        ("last_year_kw", pa.float64()),
        ("mean_kw", pa.float64()),
        *((name, pa.float64()) for name in QUANTILES),
        ("likely_first_date", pa.date32()),
        ("likely_last_date", pa.date32()),
        ("limit_kw", pa.float64()),
        ("overload_probability", pa.float64()),
        ("expected_overload_kw", pa.float64()),
        ("model_version", pa.string()),
    ]
)


def ahead(
    year: Demand, forecaster: SeasonForecaster | None, highest: pd.DataFrame, limits: pd.DataFrame
) -> pd.DataFrame | None:
    """Forecast the highest load of the season of tomorrow and of the three after it.

    Args:
        year: Of ``dataset.by_day`` for ``AHEAD_DAYS``, for its calendar.
        forecaster: None where there is none; then nothing is forecast.
        highest: ``highest_kw`` by ``KEY`` and ``local_date``, a year and a season back.
        limits: ``limit_kw`` by ``KEY``.

    Returns:
        A row for each season and series that the forecaster knows, with the columns of ``SCHEMA`` but the version. A
        season at whose time of the year nothing is known yet is left out; None if all are.
    """
    if forecaster is None:
        return None
    day = np.datetime64(year.as_of_date)
    series = year.series[year.series["series"].isin(forecaster.unique_ids)].merge(limits, how="left", on=KEY)
    rows, found = pd.Index(forecaster.unique_ids).get_indexer(pd.Index(series["series"])), []
    for season in seasons_ahead(day):
        days = season.days_after(day)
        drawn = forecaster.draw(_calendar(year, days).of(forecaster.unique_ids))
        if drawn is not None:
            found.append(_rows(series, season, drawn.of(rows), days, highest))
    return pd.concat(found, ignore_index=True).assign(as_of_date=pd.Timestamp(year.as_of_date)) if found else None


def _calendar(year: Demand, days: Times) -> LoadGrid:
    first = int(np.searchsorted(year.grid.times_utc, days[0].astype("datetime64[m]")))
    return year.grid.between(first, first + len(days))


def _rows(series: pd.DataFrame, season: Season, drawn: SeasonDraws, days: Times, highest: pd.DataFrame) -> pd.DataFrame:
    so_far = _highest_within(highest, series, season.first, season.last)
    last_year = _highest_within(highest, series, season.first - YEAR_DAYS, season.last - YEAR_DAYS)
    reached, limit = so_far["highest_kw"].to_numpy(), series["limit_kw"].to_numpy(dtype=np.float64)
    is_reached = drawn.highest <= reached
    highest_kw = np.where(is_reached, reached, drawn.highest)
    day = np.where(is_reached, so_far["local_date"].to_numpy().astype("datetime64[D]"), days[drawn.day])
    early, late = np.quantile(day.astype(np.int64), LIKELY, axis=0, method="nearest")
    beyond = np.maximum(highest_kw - limit, 0).mean(axis=0)
    quantiles = dict(zip(QUANTILES, np.quantile(highest_kw, LEVELS, axis=0).round(3), strict=True))
    return series[KEY].assign(
        season_first_date=season.first.astype("datetime64[s]"),
        season_last_date=season.last.astype("datetime64[s]"),
        so_far_kw=reached.round(3),
        last_year_kw=last_year["highest_kw"].to_numpy().round(3),
        mean_kw=highest_kw.mean(axis=0).round(3),
        **quantiles,
        likely_first_date=early.astype("datetime64[D]").astype("datetime64[s]"),
        likely_last_date=late.astype("datetime64[D]").astype("datetime64[s]"),
        limit_kw=limit,
        overload_probability=np.where(np.isnan(limit), np.nan, (highest_kw > limit).mean(axis=0).round(4)),
        expected_overload_kw=np.where(np.isnan(limit), np.nan, beyond.round(3)),
    )


def _highest_within(
    highest: pd.DataFrame, series: pd.DataFrame, first: np.datetime64, last: np.datetime64
) -> pd.DataFrame:
    """The highest day of each series within some dates; NaN and no date where none is known."""
    dated = highest.assign(local_date=pd.to_datetime(highest["local_date"]))
    inside = dated[dated["local_date"].between(first, last)].sort_values("highest_kw", kind="stable")
    return series[KEY].merge(inside.drop_duplicates(KEY, keep="last"), how="left", on=KEY)

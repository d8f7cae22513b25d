"""The highest load of each of the next four seasons: how high, when, and how likely it passes the feeder's limit."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from models.demand.dataset import Demand
from models.demand.grid import Floats, LoadGrid, Times
from models.demand.levels import KEY, KEY_FIELDS
from models.demand.registered import LEVELS, quantile_columns
from models.demand.seasons import DRAWS, Season, SeasonForecaster, seasons_ahead

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


@dataclass(frozen=True)
class Drawn:
    """Draws of the highest load of some days.

    Attributes:
        kw: (draws, series).
        date: (draws, series) local day of it.
    """

    kw: Floats
    date: Times

    def or_higher(self, other: "Drawn") -> "Drawn":
        """Return the higher one of each draw."""
        is_higher = other.kw > self.kw
        return Drawn(np.where(is_higher, other.kw, self.kw), np.where(is_higher, other.date, self.date))


def ahead(
    year: Demand,
    forecaster: SeasonForecaster | None,
    week: pd.DataFrame,
    highest: pd.DataFrame,
    limits: pd.DataFrame,
) -> pd.DataFrame | None:
    """Forecast the highest load of the season of tomorrow and of the three after it.

    Args:
        year: Of ``dataset.by_day`` for ``AHEAD_DAYS``, for its calendar.
        forecaster: None where there is none; then nothing is forecast.
        week: Of ``peaks.highest``: the coming days, whose weather is known.
        highest: ``highest_kw`` by ``KEY`` and ``local_date``, a year and a season back.
        limits: ``limit_kw`` by ``KEY``.

    Returns:
        A row for each season and series that the forecaster knows, with the columns of ``SCHEMA`` but the version. A
        season at whose time of the year nothing is known yet is left out; None if all are.
    """
    if forecaster is None:
        return None
    series = year.series[year.series["series"].isin(forecaster.unique_ids)].merge(limits, how="left", on=KEY)
    week = week[["local_date", "interval_minutes", *quantile_columns()]].join(week[KEY]).merge(series[KEY], on=KEY)
    found = []
    for season in seasons_ahead(np.datetime64(year.as_of_date)):
        drawn = _drawn(year, forecaster, season, series, week)
        if drawn is not None:
            found.append(_rows(series, season, drawn, highest))
    return pd.concat(found, ignore_index=True).assign(as_of_date=pd.Timestamp(year.as_of_date)) if found else None


def _drawn(
    year: Demand, forecaster: SeasonForecaster, season: Season, series: pd.DataFrame, week: pd.DataFrame
) -> Drawn | None:
    """Draw the days of a season that are to come, those of the week by its forecast."""
    near = week[week["local_date"].between(season.first, season.last)]
    days = season.days_after(week["local_date"].to_numpy().astype("datetime64[D]").max())
    of_week = _of_the_week(near, series, forecaster.seed) if len(near) else None
    if not len(days):
        return of_week
    later = forecaster.draw(_calendar(year, days).of(forecaster.unique_ids))
    if later is None:
        return None
    rows = pd.Index(forecaster.unique_ids).get_indexer(pd.Index(series["series"]))
    drawn = Drawn(later.highest[:, rows], days[later.day[:, rows]])
    return drawn.or_higher(of_week) if of_week else drawn


def _of_the_week(near: pd.DataFrame, series: pd.DataFrame, seed: int) -> Drawn:
    """Draw the highest of the week: a warm one is warm on all of its days and for all series."""
    dates = np.unique(near["local_date"].to_numpy().astype("datetime64[D]"))
    ordered = series[KEY].merge(near, how="left", on=KEY).sort_values("local_date", kind="stable")
    kw = ordered[quantile_columns()].to_numpy() * 60 / ordered["interval_minutes"].to_numpy()[:, None]
    by_level = kw.reshape(len(dates), len(series), len(LEVELS))
    # Below P05 and above P95 a quantile lies as far out as that to P10 and P90 is wide.
    ends = [2 * by_level[..., :1] - by_level[..., 1:2], by_level, 2 * by_level[..., -1:] - by_level[..., -2:-1]]
    levels, values = np.array([0.0, *LEVELS, 1.0]), np.concatenate(ends, axis=-1)
    chance = np.random.default_rng(seed).uniform(size=DRAWS)
    at = np.clip(np.searchsorted(levels, chance) - 1, 0, len(levels) - 2)
    part = (chance - levels[at]) / (levels[at + 1] - levels[at])
    drawn = np.moveaxis(values[..., at] + part * (values[..., at + 1] - values[..., at]), -1, 0)
    return Drawn(drawn.max(axis=1), dates[drawn.argmax(axis=1)])


def _calendar(year: Demand, days: Times) -> LoadGrid:
    first = int(np.searchsorted(year.grid.times_utc, days[0].astype("datetime64[m]")))
    return year.grid.between(first, first + len(days))


def _rows(series: pd.DataFrame, season: Season, drawn: Drawn, highest: pd.DataFrame) -> pd.DataFrame:
    so_far = _highest_within(highest, series, season.first, season.last)
    last_year = _highest_within(highest, series, season.first - YEAR_DAYS, season.last - YEAR_DAYS)
    reached = Drawn(
        so_far["highest_kw"].to_numpy()[None], so_far["local_date"].to_numpy().astype("datetime64[D]")[None]
    )
    found, limit = drawn.or_higher(reached), series["limit_kw"].to_numpy(dtype=np.float64)
    early, late = np.quantile(found.date.astype(np.int64), LIKELY, axis=0, method="nearest")
    beyond = np.maximum(found.kw - limit, 0).mean(axis=0)
    quantiles = dict(zip(QUANTILES, np.quantile(found.kw, LEVELS, axis=0).round(3), strict=True))
    return series[KEY].assign(
        season_first_date=season.first.astype("datetime64[s]"),
        season_last_date=season.last.astype("datetime64[s]"),
        so_far_kw=so_far["highest_kw"].to_numpy().round(3),
        last_year_kw=last_year["highest_kw"].to_numpy().round(3),
        mean_kw=found.kw.mean(axis=0).round(3),
        **quantiles,
        likely_first_date=early.astype("datetime64[D]").astype("datetime64[s]"),
        likely_last_date=late.astype("datetime64[D]").astype("datetime64[s]"),
        limit_kw=limit,
        overload_probability=np.where(np.isnan(limit), np.nan, (found.kw > limit).mean(axis=0).round(4)),
        expected_overload_kw=np.where(np.isnan(limit), np.nan, beyond.round(3)),
    )


def _highest_within(
    highest: pd.DataFrame, series: pd.DataFrame, first: np.datetime64, last: np.datetime64
) -> pd.DataFrame:
    """The highest day of each series within some dates; NaN and no date where none is known."""
    dated = highest.assign(local_date=pd.to_datetime(highest["local_date"]))
    inside = dated[dated["local_date"].between(first, last)].sort_values("highest_kw", kind="stable")
    return series[KEY].merge(inside.drop_duplicates(KEY, keep="last"), how="left", on=KEY)

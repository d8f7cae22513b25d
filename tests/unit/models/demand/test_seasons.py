"""The highest load of a season to come: by the weather of other years, wider the less is known."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.demand import season_peaks
from models.demand.dataset import Demand
from models.demand.forecast_params import ForecastParams
from models.demand.grid import LoadGrid
from models.demand.levels import KEY, listed
from models.demand.registered import quantile_columns
from models.demand.seasons import SeasonForecaster, seasons_ahead

YEARS, SERIES = 6, 3
PARAMS = ForecastParams()


def utility(seed: int, days: int, first: str = "2015-03-01") -> LoadGrid:
    """Hours whose highest of a day lies on a line by the heat of the day, with spells of heat."""
    random = np.random.default_rng(seed)
    hours = pd.date_range(first, periods=24 * days, freq="h")
    day = np.arange(days)
    of_year = (pd.DatetimeIndex(hours[::24]).dayofyear.to_numpy() - 200) / 365.25
    spells = pd.Series(random.normal(size=days)).ewm(halflife=3).mean().to_numpy() * 6
    warm = 12 + 12 * np.cos(2 * np.pi * of_year) + spells
    size = np.array([100.0, 40.0, 10.0])[:, None]
    level = size * (1 + 0.03 * np.maximum(warm - 18, 0) + 0.01 * np.maximum(10 - warm, 0))
    level = level * np.where(day % 7 >= 5, 0.85, 1.0) * np.exp(0.02 * random.normal(size=(SERIES, days)))
    shape = 0.7 + 0.3 * np.sin(np.linspace(0, 2 * np.pi, 24, endpoint=False))
    load = (level[:, :, None] * shape).reshape(SERIES, -1)
    celsius = (warm[:, None] + 5 * np.sin(np.linspace(0, 2 * np.pi, 24, endpoint=False))).ravel()
    return LoadGrid(
        np.array(["a", "b", "c"]),
        hours.to_numpy().astype("datetime64[m]"),
        60,
        "UTC",
        load,
        np.broadcast_to(celsius, (1, *load.shape)).copy(),
        np.zeros(load.shape, dtype=np.bool_),
    )


def calendar(days: np.ndarray) -> LoadGrid:
    shape = (SERIES, len(days))
    nothing = np.empty((0, *shape))
    none = np.zeros(shape, dtype=np.bool_)
    return LoadGrid(
        np.array(["a", "b", "c"]), days.astype("datetime64[m]"), 1440, "UTC", np.full(shape, np.nan), nothing, none
    )


def days(first: str) -> np.ndarray:
    return np.arange(np.datetime64(first), np.datetime64(first) + 60)


def cut(grid: LoadGrid, day: np.datetime64) -> LoadGrid:
    return grid.between(0, int(np.searchsorted(grid.times_utc, (day + 1).astype("datetime64[m]"))))


def fitted(grid: LoadGrid) -> SeasonForecaster:
    found = SeasonForecaster.fit(grid, PARAMS)
    assert found is not None
    return found


def test_seasons_begin_with_december_march_june_and_september() -> None:
    found = seasons_ahead(np.datetime64("2026-11-30"))

    assert [str(season.first) for season in found] == ["2026-12-01", "2027-03-01", "2027-06-01", "2027-09-01"]
    assert str(found[0].last) == "2027-02-28"
    assert str(seasons_ahead(np.datetime64("2026-11-29"))[0].first) == "2026-09-01"
    assert len(found[0].days_after(np.datetime64("2027-02-20"))) == 8


@pytest.fixture(scope="module")
def judged() -> pd.DataFrame:
    """Summers and winters of two utilities, each forecast from the day before it by the years before."""
    rows = []
    for seed in range(2):
        grid = utility(seed, YEARS * 365)
        dates = grid.times_utc[::24].astype("datetime64[D]")
        highest = grid.load.reshape(SERIES, -1, 24).max(axis=2)
        for issue in pd.date_range("2016-05-31", dates[-1] - 100, freq=pd.DateOffset(months=6)):
            day = issue.to_datetime64().astype("datetime64[D]")
            season = seasons_ahead(day)[0]
            inside = (dates >= season.first) & (dates <= season.last)
            drawn = fitted(cut(grid, day)).draw(calendar(dates[inside]))
            assert drawn is not None
            low, middle, high = np.quantile(drawn.highest, (0.1, 0.5, 0.9), axis=0)
            came = highest[:, inside].max(axis=1)
            before = highest[:, np.roll(inside, -365)].max(axis=1)
            rows.append(pd.DataFrame({"came": came, "low": low, "middle": middle, "high": high, "before": before}))
    return pd.concat(rows)


def test_it_is_nearer_than_the_highest_of_last_year(judged: pd.DataFrame) -> None:
    missed = (judged["middle"] / judged["came"] - 1).abs().mean()

    assert missed < 0.8 * (judged["before"] / judged["came"] - 1).abs().mean()
    assert abs((judged["middle"] / judged["came"] - 1).mean()) < 0.02


def test_the_band_holds_what_it_promises(judged: pd.DataFrame) -> None:
    assert 0.7 < judged["came"].between(judged["low"], judged["high"]).mean() < 0.95


def test_a_time_of_the_year_of_which_nothing_is_known_is_not_forecast() -> None:
    half_a_year = fitted(utility(0, 150))  # March to July

    autumn, summer = (
        np.arange(np.datetime64(first), np.datetime64(first) + 60) for first in ("2015-10-01", "2016-05-01")
    )

    assert half_a_year.draw(calendar(autumn)) is None
    assert half_a_year.draw(calendar(summer)) is not None


def test_without_weather_and_with_gaps_there_is_a_forecast() -> None:
    grid = utility(0, 500)
    grid.load[0, 2000:2400] = np.nan
    grid.load[1] = np.nan
    blind = LoadGrid(grid.unique_ids, grid.times_utc, 60, "UTC", grid.load, grid.temperature_c[:0], grid.is_holiday)

    forecaster = fitted(blind)
    drawn = forecaster.draw(calendar(days("2016-08-01")).of(forecaster.unique_ids))

    assert drawn is not None
    assert list(forecaster.unique_ids) == ["a", "c"], "of b nothing is known"
    assert np.isfinite(drawn.highest).all()
    assert np.median(drawn.highest[:, 1]) == pytest.approx(grid.load[2].max(), rel=0.2)


def test_what_a_season_has_reached_stays_and_is_told_with_the_year_before() -> None:
    grid, day = utility(0, 540), date(2016, 7, 20)
    keys = listed(pd.DataFrame([("feeder", "R", name, "*") for name in "abc"], columns=KEY))
    known = cut(grid, np.datetime64(day))
    known = replace(known, unique_ids=keys["series"].to_numpy(dtype=str))
    dates = known.times_utc[::24].astype("datetime64[s]")
    highest = pd.concat(
        keys.iloc[[number]][KEY].merge(pd.DataFrame({"local_date": dates, "highest_kw": row}), how="cross")
        for number, row in enumerate(known.load.reshape(SERIES, -1, 24).max(axis=2))
    )
    highest.loc[(highest["feeder_code"] == "a") & (highest["local_date"] == "2016-06-10"), "highest_kw"] = 1000.0
    ahead = replace(calendar(np.arange(np.datetime64(day), np.datetime64(day) + 400)), unique_ids=known.unique_ids)
    limits = keys[KEY].iloc[1:].assign(limit_kw=[1.0, 1000.0])

    heat = pd.DataFrame({"local_date": pd.date_range("2016-07-21", periods=7), "interval_minutes": 60})
    quantiles = {name: 5.0 + n for n, name in enumerate(quantile_columns())}
    week = keys[KEY].merge(heat.assign(**quantiles), how="cross")
    hot = (week["feeder_code"] == "c") & (week["local_date"] == "2016-07-23")
    week.loc[hot, list(quantiles)] += 100

    rows = season_peaks.ahead(Demand(day, keys, ahead, 0, 1), fitted(known), week, highest, limits)

    assert rows is not None
    summer = rows[rows["season_first_date"] == "2016-06-01"].set_index("feeder_code")
    assert summer[["so_far_kw", "p05_kw", "p95_kw"]].to_numpy()[0].tolist() == [1000, 1000, 1000]
    assert summer.loc["a", "likely_first_date"] == pd.Timestamp("2016-06-10")
    assert (summer["p05_kw"] >= summer["so_far_kw"]).all()
    a_year_before = highest["local_date"].between("2015-06-02", "2015-09-01")
    last_year = highest[a_year_before].groupby("feeder_code")["highest_kw"].max()
    assert summer["last_year_kw"].tolist() == pytest.approx(last_year.tolist(), abs=0.001)
    assert summer["overload_probability"].tolist() == pytest.approx([np.nan, 1, 0], nan_ok=True)
    assert summer["p10_kw"].iloc[2] == pytest.approx(106, abs=0.2), "the week knows its weather"
    assert summer["p90_kw"].iloc[2] == pytest.approx(114, abs=0.2)
    assert summer["likely_last_date"].iloc[2] == pd.Timestamp("2016-07-23")
    assert rows.loc[rows["season_first_date"] > "2016-06-01", "so_far_kw"].isna().all()
    assert rows["season_first_date"].nunique() == 4

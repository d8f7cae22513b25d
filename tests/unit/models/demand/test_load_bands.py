"""Bands around forecasts whose misses are made up, so that it is known how wide they must be."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_load import town

from models.demand.bands import Bands
from models.demand.blend import Scene
from models.demand.forecast_params import ForecastParams
from models.demand.grid import Floats
from models.demand.lags import Rows
from models.demand.training import scene_of

DAYS, LEARNT = 200, 150


@pytest.fixture(scope="module")
def scene() -> Scene:
    return scene_of(town(DAYS), np.ones(1))


def rows_of(first_day: int, end_day: int) -> Rows:
    """Every hour of these days, up to five days ahead."""
    column = np.arange(first_day * 24, end_day * 24)
    return Rows(np.zeros_like(column), column - (column * 7) % 120, column, 24)


def by_day(scene: Scene, rows: Rows) -> Floats:
    """Twice the spread from 8 to 20 h."""
    hour = scene.calendar.step_of_day[rows.column]
    return np.where((hour >= 8) & (hour < 20), 2.0, 1.0)


def fitted(scene: Scene, spread: float | None, misses: Floats | None = None) -> tuple[Bands, Rows, Floats]:
    """Bands, and rows and misses that they have not seen."""
    learnt, rest = rows_of(7, LEARNT), rows_of(LEARNT, DAYS)
    drawn = np.random.default_rng(1).normal(0, 1, DAYS * 24) if misses is None else misses
    missed = [drawn[rows.column] * (by_day(scene, rows) if spread is None else spread) for rows in (learnt, rest)]
    point = scene.load[0, learnt.column]
    return Bands.fit(scene, learnt, point, missed[0], ForecastParams()), rest, missed[1]


@pytest.mark.parametrize("spread", [1.0, None], ids=["even noise", "noise that doubles by day"])
def test_the_80_percent_band_holds_about_80_percent_by_day_and_by_night(scene: Scene, spread: float | None) -> None:
    bands, rows, missed = fitted(scene, spread)

    low, high = bands.around(scene, rows, np.zeros(len(missed)), np.array([0.1, 0.9]))

    inside, day = (low <= missed) & (missed <= high), by_day(scene, rows) > 1
    assert all(0.7 <= inside[part].mean() <= 0.9 for part in (day, ~day))
    wider = (high - low)[day].mean() / (high - low)[~day].mean()
    assert wider == pytest.approx(2 if spread is None else 1, rel=0.15)


def test_each_series_keeps_its_own_promise(scene: Scene) -> None:
    alone = town(DAYS)
    twice = {name: np.repeat(getattr(alone, name), 2, -2) for name in ("load", "temperature_c", "is_holiday")}
    both = scene_of(replace(alone, **twice), np.ones(2))
    sizes, rows = np.array([1.0, 5.0]), rows_of(7, DAYS)
    two = Rows.joined([rows, replace(rows, series=rows.series + 1)])
    missed = sizes[two.series] * np.random.default_rng(1).normal(size=len(two.series))
    learnt, rest = two.column < LEARNT * 24, two.column >= LEARNT * 24

    bands = Bands.fit(both, two.where(learnt), np.zeros(learnt.sum()), missed[learnt], ForecastParams())

    low, high = bands.around(both, two.where(rest), np.zeros(rest.sum()), np.array([0.1, 0.9]))
    inside = (low <= missed[rest]) & (missed[rest] <= high)
    assert [0.72 < inside[two.series[rest] == number].mean() < 0.9 for number in (0, 1)] == [True, True]


@settings(deadline=None, max_examples=40)
@given(
    levels=st.lists(st.floats(0.001, 0.999), min_size=2, max_size=12, unique=True).map(sorted),
    seed=st.integers(0, 9),
)
def test_quantiles_never_cross(scene: Scene, levels: list[float], seed: int) -> None:
    bands, rows, missed = fitted(scene, None)
    point = np.random.default_rng(seed).normal(0, 30, len(missed))

    around = bands.around(scene, rows, point, np.array(levels))

    assert around.shape == (len(levels), len(point))
    assert (np.diff(around, axis=0) >= 0).all()


def test_the_mean_lies_above_the_median_where_misses_are_lopsided(scene: Scene) -> None:
    lopsided = np.random.default_rng(2).exponential(1, DAYS * 24) - np.log(2)
    bands, rows, missed = fitted(scene, 1.0, lopsided)

    median = bands.around(scene, rows, np.zeros(len(missed)), np.array([0.5]))[0]
    mean = bands.mean(scene, rows, np.zeros(len(missed)))

    assert (mean > median).all()
    assert np.abs(median).mean() < 0.1
    assert mean.mean() == pytest.approx(1 - np.log(2), rel=0.25)


def test_a_forecast_that_never_missed_has_a_band_without_width(scene: Scene) -> None:
    bands, rows, missed = fitted(scene, 0.0)

    low, high = bands.around(scene, rows, np.ones(len(missed)), np.array([0.1, 0.9]))

    np.testing.assert_allclose(low, 1)
    np.testing.assert_allclose(high, 1)


def test_few_misses_make_one_band_for_all_hours(scene: Scene) -> None:
    rows = rows_of(7, 11)
    bands = Bands.fit(scene, rows, np.zeros(96), np.random.default_rng(3).normal(0, 1, 96), ForecastParams())

    assert bands.spread is None
    assert np.ptp(bands.around(scene, rows, np.zeros(96), np.array([0.9]))) < 1e-9


def test_bands_of_a_forecast_without_weather_look_at_no_temperature(scene: Scene) -> None:
    blind, rows, missed = fitted(replace(scene, drivers={}), None)
    without = replace(scene, drivers={name: np.full_like(values, np.nan) for name, values in scene.drivers.items()})

    levels, point = np.array([0.1, 0.9]), np.zeros(len(missed))

    np.testing.assert_array_equal(blind.around(scene, rows, point, levels), blind.around(without, rows, point, levels))

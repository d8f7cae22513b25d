"""The load forecaster: what it may know, what it says where something is missing, and that it says it twice."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_load import FEW, town

from models.demand.forecast_params import ForecastParams
from models.demand.grid import LoadGrid
from models.demand.ladder import LoadForecast
from models.demand.load_forecaster import LoadForecaster
from models.demand.training import NoHistoryError

LEVELS = (0.1, 0.5, 0.9)
CUTOFF, HORIZON = 56 * 24, 48


def forecast(
    grid: LoadGrid,
    cutoff: int = CUTOFF,
    horizon: int = HORIZON,
    weather: bool = True,
    params: ForecastParams = FEW,
    threads: int = 1,
) -> LoadForecast:
    """Fit at the cutoff and forecast; what must hold of every forecast is looked at here."""
    fitted = LoadForecaster.fit(grid.between(0, cutoff), horizon, weather, params, threads)
    said = fitted.predict(grid.as_known_at(cutoff, horizon, weather), cutoff, LEVELS)
    whole(said, len(grid.load), horizon)
    return said


def whole(said: LoadForecast, series: int, horizon: int) -> None:
    assert said.median.shape == said.mean.shape == said.basis.shape == (series, horizon)
    assert said.quantiles.shape == (len(LEVELS), series, horizon)
    for values in (said.median, said.mean, said.quantiles):
        assert np.isfinite(values).all()
    assert (np.diff(said.quantiles, axis=0) >= 0).all()
    np.testing.assert_allclose(said.quantiles[1], said.median)


def near(said: LoadForecast, grid: LoadGrid, share: float = 0.05, cutoff: int = CUTOFF) -> None:
    actual = grid.load[:, cutoff : cutoff + said.median.shape[1]]
    assert np.nanmean(np.abs(said.median - actual)) < share * np.nanmean(np.abs(actual))


def basis(said: LoadForecast) -> list[str]:
    return sorted(set(said.basis.ravel()))


def with_load(grid: LoadGrid, change: Callable[[np.ndarray], None]) -> LoadGrid:
    load = grid.load.copy()
    change(load)
    return replace(grid, load=load)


@pytest.fixture(scope="module")
def plain() -> LoadGrid:
    return town()


@pytest.fixture(scope="module", params=[True, False], ids=["weather known", "weather unknown"])
def fitted(request: pytest.FixtureRequest, plain: LoadGrid) -> tuple[bool, LoadForecaster]:
    return request.param, LoadForecaster.fit(plain.between(0, CUTOFF), HORIZON, request.param, FEW, 1)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 99), cutoff=st.integers(50 * 24, CUTOFF))
def test_load_from_the_cutoff_on_changes_no_forecast(
    plain: LoadGrid, fitted: tuple[bool, LoadForecaster], seed: int, cutoff: int
) -> None:
    weather_is_known, forecaster = fitted
    known = plain.as_known_at(cutoff, HORIZON, weather_is_known)
    load, draw = known.load.copy(), np.random.default_rng(seed)
    load[:, cutoff:] = draw.normal(0, 1000, HORIZON)
    temperature = known.temperature_c.copy()
    if not weather_is_known:
        temperature[:, :, cutoff:] = draw.normal(0, 40, HORIZON)

    said = forecaster.predict(known, cutoff, LEVELS)
    spoilt = forecaster.predict(replace(known, load=load, temperature_c=temperature), cutoff, LEVELS)

    for name in ("median", "mean", "quantiles", "basis"):
        np.testing.assert_array_equal(getattr(spoilt, name), getattr(said, name))
    if weather_is_known:
        warmer = forecaster.predict(replace(known, temperature_c=known.temperature_c + 1), cutoff, LEVELS)
        assert (warmer.median != said.median).all()


def test_what_comes_after_the_cutoff_changes_no_fit(plain: LoadGrid) -> None:
    after = np.arange(plain.load.shape[1]) >= CUTOFF
    spoilt = replace(
        plain,
        load=np.where(after, 1e6, plain.load),
        temperature_c=np.where(after, 99.0, plain.temperature_c),
    )

    for weather_is_known in (True, False):
        one, other = (
            LoadForecaster.fit(grid.as_known_at(CUTOFF, 0, False), HORIZON, weather_is_known, FEW, 1)
            for grid in (plain, spoilt)
        )
        known = plain.as_known_at(CUTOFF, HORIZON, weather_is_known)
        said, again = (forecaster.predict(known, CUTOFF, LEVELS) for forecaster in (one, other))
        np.testing.assert_array_equal(said.quantiles, again.quantiles)


def test_rows_to_learn_from_look_at_nothing_that_came_after_they_were_issued(plain: LoadGrid) -> None:
    """A forecast from an earlier cutoff says the same of a grid that goes on and of one that ends with its horizon."""
    forecaster = LoadForecaster.fit(plain.between(0, CUTOFF), HORIZON, False, FEW, 1)
    earlier = 40 * 24

    said = forecaster.predict(plain.as_known_at(earlier, HORIZON, False), earlier, LEVELS)
    longer = plain.between(0, earlier + HORIZON)

    np.testing.assert_array_equal(forecaster.predict(longer, earlier, LEVELS).quantiles, said.quantiles)


def test_a_plain_town_is_forecast_by_the_model_to_within_its_noise(plain: LoadGrid) -> None:
    known, unknown = forecast(plain), forecast(plain, weather=False)

    assert basis(known) == basis(unknown) == ["model"]
    near(known, plain, 0.02)
    near(unknown, plain, 0.10)
    error = [np.abs(said.median - plain.load[:, CUTOFF : CUTOFF + HORIZON]).mean() for said in (known, unknown)]
    assert error[0] < error[1] / 2


def test_a_heat_wave_beyond_the_history_is_forecast_beyond_the_history(plain: LoadGrid) -> None:
    grid = town(days=200)
    hottest = float(grid.temperature_c[:, :, :CUTOFF].max())
    wave = 8 + hottest - 22 + np.zeros(HORIZON)
    temperature = grid.temperature_c.copy()
    temperature[0, 0, CUTOFF : CUTOFF + HORIZON] += wave
    hot = with_load(
        replace(grid, temperature_c=temperature), lambda load: load[:, CUTOFF : CUTOFF + HORIZON].__iadd__(wave / 2)
    )

    said = forecast(hot)

    assert hot.load[:, CUTOFF : CUTOFF + HORIZON].max() > hot.load[:, :CUTOFF].max()
    assert said.median.max() > hot.load[:, :CUTOFF].max()
    near(said, hot, 0.06)


def test_no_read_in_the_last_two_days_is_told_and_borne(plain: LoadGrid) -> None:
    silent = with_load(town(series=2), lambda load: load[0, CUTOFF - 48 : CUTOFF].fill(np.nan))

    said = forecast(silent)

    assert [set(row) for row in said.basis] == [{"without_recent_load"}, {"model"}]
    near(said, silent)


def test_where_the_weather_is_missing_the_rung_below_stands(plain: LoadGrid) -> None:
    temperature = plain.temperature_c.copy()
    temperature[:, :, CUTOFF + HORIZON // 2 :] = np.nan
    outage = replace(plain, temperature_c=temperature)

    said = forecast(outage)

    half = HORIZON // 2
    assert (set(said.basis[0, :half]), set(said.basis[0, half:])) == ({"model"}, {"without_weather"})
    near(said, outage, 0.10)
    np.testing.assert_allclose(said.median[:, :half], forecast(plain).median[:, :half])


@pytest.mark.parametrize("weather", [True, False])
def test_weather_that_was_hardly_ever_there_is_done_without(plain: LoadGrid, weather: bool) -> None:
    bare = replace(plain, temperature_c=plain.temperature_c[:0])
    empty = replace(plain, temperature_c=np.full_like(plain.temperature_c, np.nan))
    begun = np.where(np.arange(plain.load.shape[1]) < CUTOFF - 72, np.nan, plain.temperature_c)

    found = [forecast(grid, weather=weather) for grid in (bare, empty, replace(plain, temperature_c=begun))]

    for said in found:
        assert basis(said) == ["model"]
        near(said, plain, 0.10)
        np.testing.assert_array_equal(said.quantiles, found[0].quantiles)


@pytest.mark.parametrize("known_for", [0, 72], ids=["never", "three days"])
def test_a_series_whose_temperature_has_just_begun_does_without_it_beside_one_that_knows_it(known_for: int) -> None:
    grid = town(series=2)
    temperature = grid.temperature_c.copy()
    temperature[:, 1, : CUTOFF - known_for] = np.nan

    said = forecast(replace(grid, temperature_c=temperature))

    assert [set(row) for row in said.basis] == [{"model"}, {"without_weather"}]
    near(said, grid, 0.10)


def test_a_feed_that_has_been_silent_for_more_than_a_year_is_forecast_yet() -> None:
    cutoff = 480 * 24
    grid = with_load(town(days=482), lambda load: load[:, 90 * 24 : cutoff].fill(np.nan))

    said = forecast(grid, cutoff)

    assert basis(said) == ["usual_level"]
    near(said, grid, 0.5, cutoff)


def test_a_load_that_begins_long_after_its_temperature_is_modelled() -> None:
    cutoff = 400 * 24
    grid = with_load(town(days=402), lambda load: load[:, : cutoff - 50 * 24].fill(np.nan))

    said = forecast(grid, cutoff)

    assert basis(said) == ["model"]
    near(said, grid, 0.05, cutoff)


def test_three_weeks_are_forecast_by_like_days() -> None:
    short = town(days=24)

    said = forecast(short, 21 * 24, params=ForecastParams())

    assert basis(said) == ["like_day"]
    near(said, short, 0.15, 21 * 24)


def test_ten_days_and_one_day_are_forecast_by_what_there_is() -> None:
    assert basis(forecast(town(days=13), 10 * 24)) == ["last_week"]
    assert basis(forecast(town(days=13), 24)) == ["last_known"]
    assert basis(forecast(town(days=13), 24, horizon=10 * 24)) == ["last_known", "last_week"]


def test_a_region_without_history_beside_others_gets_their_mean() -> None:
    grid = with_load(town(series=3), lambda load: load[1].fill(np.nan))

    said = forecast(grid)

    assert [set(row) for row in said.basis] == [{"model"}, {"other_series"}, {"model"}]
    assert 0.5 < said.median[1].mean() / said.median[[0, 2]].mean() < 1.5


def test_without_any_load_nothing_is_said() -> None:
    with pytest.raises(NoHistoryError, match="No load is known"):
        forecast(with_load(town(), lambda load: load.fill(np.nan)))


def test_a_series_of_zeros_stays_at_zero() -> None:
    said = forecast(with_load(town(series=2), lambda load: load[0].fill(0)))

    assert set(said.basis[0]) == {"like_day"}
    assert (said.median[0] == 0).all()
    assert (said.quantiles[:, 0] == 0).all()


def test_all_series_of_zeros_stay_at_zero() -> None:
    assert (forecast(with_load(town(series=2), lambda load: load.fill(0))).quantiles == 0).all()


def test_load_below_zero_at_noon_is_not_clipped(plain: LoadGrid) -> None:
    noon = (plain.local_times.astype("datetime64[h]").astype(int) % 24 >= 11) & (
        plain.local_times.astype("datetime64[h]").astype(int) % 24 < 15
    )
    solar = replace(plain, load=plain.load - 60 * noon)

    said = forecast(solar)

    assert (said.median[0, noon[CUTOFF : CUTOFF + HORIZON]] < -10).all()
    near(said, solar)


def test_load_that_never_was_below_zero_is_not_forecast_there() -> None:
    grid = town(noise=3)
    grid = replace(grid, load=np.maximum(grid.load - 27, 0))

    said = forecast(grid)

    assert said.quantiles.min() == 0
    assert said.median.min() >= 0
    assert said.mean.min() >= 0


@pytest.mark.parametrize(
    ("first", "days_before", "horizon"),
    [
        ("2024-02-01T00:00", 56, 7 * 24),
        ("2024-08-29T00:00", 56, 7 * 24),
        ("2024-01-01T00:00", 56, 7 * 24),
        ("2023-02-03T00:00", 390, 48),
    ],
    ids=["spring", "autumn", "29 February", "29 February after a usual year"],
)
@pytest.mark.parametrize("minutes", [60, 15], ids=["hourly", "quarter-hourly"])
def test_days_that_are_not_like_others(first: str, days_before: int, horizon: int, minutes: int) -> None:
    per_hour = 60 // minutes
    grid = town(days_before + 8, first, minutes)
    cutoff = days_before * 24 * per_hour

    said = forecast(grid, cutoff, horizon * per_hour)

    assert basis(said) == ["model"]
    near(said, grid, 0.03, cutoff)


def test_a_holiday_that_was_never_seen_is_forecast_like_any_day(plain: LoadGrid) -> None:
    holiday = np.zeros_like(plain.is_holiday)
    holiday[:, CUTOFF : CUTOFF + HORIZON] = True

    said = forecast(replace(plain, is_holiday=holiday))

    assert basis(said) == ["model"]
    near(said, plain, 0.10)


def test_a_holiday_that_was_seen_is_known_again() -> None:
    grid = town(days=150)
    day = np.arange(grid.load.shape[1]) // 24
    holiday = np.isin(day, [10, 31, 52, 73, 94, 115, 121])[None]
    quiet = replace(grid, is_holiday=holiday, load=grid.load - 8 * holiday)

    said = forecast(quiet, 120 * 24)

    near(said, quiet, 0.10, 120 * 24)


def test_gaps_here_and_there_are_borne(plain: LoadGrid) -> None:
    draw = np.random.default_rng(4)
    temperature = np.where(draw.random(plain.temperature_c.shape) < 0.1, np.nan, plain.temperature_c)
    grid = with_load(plain, lambda load: load[:, draw.random(load.shape[1]) < 0.2].fill(np.nan))
    grid = replace(grid, load=np.where(draw.random(grid.load.shape) < 0.2, np.nan, grid.load))
    grid = replace(grid, temperature_c=temperature)

    said = forecast(grid)

    assert set(basis(said)) <= {"model", "without_weather"}
    near(said, grid, 0.10)


def test_bands_hold_what_they_promise(plain: LoadGrid) -> None:
    known = 400 * 24  # of few weeks bands are wider than they say, by design
    grid = town(days=410, series=2, noise=1.5)

    said = forecast(grid, known, 10 * 24, params=FEW.model_copy(update={"rows": 12_000}))

    actual = grid.load[:, known:]
    assert 0.7 < ((said.quantiles[0] <= actual) & (actual <= said.quantiles[2])).mean() < 0.9


def test_an_earlier_fit_lends_its_bands_and_nothing_else(plain: LoadGrid) -> None:
    earlier = LoadForecaster.fit(plain.between(0, CUTOFF - 168), HORIZON, True, FEW, 1)
    assert earlier.best is not None

    later = LoadForecaster.fit(plain.between(0, CUTOFF), HORIZON, True, FEW, 1, earlier)

    assert later.best is not None
    assert later.best.bands is earlier.best.bands
    assert later.best.blend.trees != earlier.best.blend.trees
    said = later.predict(plain.as_known_at(CUTOFF, HORIZON, True), CUTOFF, LEVELS)
    whole(said, 1, HORIZON)
    near(said, plain, 0.02)


def test_the_same_grid_is_forecast_the_same_with_one_thread_and_two() -> None:
    grid = town(series=2)

    once, again, side_by_side = (forecast(grid, threads=threads) for threads in (1, 1, 2))

    for said in (again, side_by_side):
        for name in ("median", "mean", "quantiles", "basis"):
            np.testing.assert_array_equal(getattr(said, name), getattr(once, name))

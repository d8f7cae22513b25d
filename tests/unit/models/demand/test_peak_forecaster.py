"""Daily maxima: beyond the history, over changes of the clock, several days ahead, and with something missing."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_load import FEW, town

from models.demand.daily import grid_of_maxima
from models.demand.grid import LoadGrid
from models.demand.ladder import LoadForecast
from models.demand.peak_forecaster import PeakForecaster
from models.demand.training import NoHistoryError

LEVELS = (0.1, 0.5, 0.9)
KNOWN = 70


def local_town(first: str = "2024-05-01", days: int = 80, **named: object) -> LoadGrid:
    """A town from one local midnight to another."""
    grid = town(days + 2, f"{np.datetime64(first) - 1}T00:00", **named)  # type: ignore[arg-type]
    dates = grid.local_times.astype("datetime64[D]")
    inside = np.flatnonzero((dates >= np.datetime64(first)) & (dates < np.datetime64(first) + days))
    return grid.between(int(inside[0]), int(inside[-1]) + 1)


def forecast(
    grid: LoadGrid, days: int = 1, known_days: int = KNOWN, weather: bool = True, threads: int = 1
) -> tuple[LoadForecast, np.ndarray]:
    """Fit at the end of a local day and forecast; also returns what came."""
    maxima, _, first = grid_of_maxima(grid)
    cutoff, end = int(first[known_days]), int(np.append(first, grid.load.shape[1])[known_days + days])
    fitted = PeakForecaster.fit(grid.between(0, cutoff), days, weather, FEW, threads)
    said = fitted.predict(grid.as_known_at(cutoff, end - cutoff, weather), cutoff, LEVELS)
    shape = (len(grid.load), days)
    assert said.median.shape == said.mean.shape == said.basis.shape == shape
    assert said.quantiles.shape == (len(LEVELS), *shape)
    assert all(np.isfinite(values).all() for values in (said.median, said.mean, said.quantiles))
    assert (np.diff(said.quantiles, axis=0) >= 0).all()
    return said, maxima.load[:, known_days : known_days + days]


def basis(said: LoadForecast) -> set[str]:
    return set(said.basis.ravel())


@pytest.fixture(scope="module")
def plain() -> LoadGrid:
    return local_town()


@pytest.mark.parametrize("days", [1, 3, 7])
def test_maxima_of_several_days_ahead(plain: LoadGrid, days: int) -> None:
    said, actual = forecast(plain, days)

    assert basis(said) == {"model"}
    np.testing.assert_allclose(said.median, actual, rtol=0.05)


def test_maxima_of_hot_days_beyond_the_history(plain: LoadGrid) -> None:
    day = grid_of_maxima(plain)[2]
    hotter = np.where(np.arange(plain.load.shape[1]) >= day[KNOWN], 10.0, 0.0)
    hot = replace(plain, temperature_c=plain.temperature_c + hotter, load=plain.load + hotter / 2)

    said, actual = forecast(hot, 3)

    assert said.median.max() > hot.load[:, : day[KNOWN]].max()
    np.testing.assert_allclose(said.median, actual, rtol=0.08)


@pytest.mark.parametrize(("first", "hours"), [("2024-01-20", 23), ("2024-08-17", 25)], ids=["spring", "autumn"])
def test_days_of_23_and_25_hours_are_days(first: str, hours: int) -> None:
    grid = local_town(first)
    sizes = np.diff(np.append(grid_of_maxima(grid)[2], grid.load.shape[1]))
    assert sizes[71] == hours

    for known_days, days in ((71, 1), (70, 3), (72, 2)):
        said, actual = forecast(grid, days, known_days)
        np.testing.assert_allclose(said.median, actual, rtol=0.06)


def test_the_median_of_the_maxima_mends_that_a_forecast_is_smoother_than_what_comes() -> None:
    noisy = local_town(days=140, noise=2.0)
    said, actual = forecast(noisy, 10, 130)
    quiet, _ = forecast(local_town(days=140, noise=0.0), 10, 130)

    assert np.abs(said.median - actual).mean() < 1.8
    assert (said.median.mean() - quiet.median.mean()) > 1.0
    assert abs((said.median - actual).mean()) < 1.2


def test_load_and_unknown_weather_from_the_cutoff_on_change_nothing(plain: LoadGrid) -> None:
    cutoff = int(grid_of_maxima(plain)[2][KNOWN])
    known = plain.as_known_at(cutoff, 48, weather_is_known=False)
    load, temperature = known.load.copy(), known.temperature_c.copy()
    load[:, cutoff:], temperature[:, :, cutoff:] = 1e6, 99.0
    spoilt = replace(known, load=load, temperature_c=temperature)
    fitted = PeakForecaster.fit(plain.between(0, cutoff), 2, False, FEW, 1)

    said, again = (fitted.predict(grid, cutoff, LEVELS) for grid in (known, spoilt))

    np.testing.assert_array_equal(said.quantiles, again.quantiles)
    np.testing.assert_array_equal(said.median, again.median)


def test_a_silent_feed_is_told() -> None:
    grid = local_town(series=2)
    cutoff, load = int(grid_of_maxima(grid)[2][KNOWN]), grid.load.copy()
    load[0, cutoff - 48 : cutoff] = np.nan

    said, actual = forecast(replace(grid, load=load), 2)

    assert [set(row) for row in said.basis] == [{"without_recent_load"}, {"model"}]
    np.testing.assert_allclose(said.median, actual, rtol=0.1)


def test_a_day_without_weather_stands_on_the_rung_below(plain: LoadGrid) -> None:
    first, temperature = grid_of_maxima(plain)[2], plain.temperature_c.copy()
    temperature[:, :, first[KNOWN + 2] :] = np.nan

    said, actual = forecast(replace(plain, temperature_c=temperature), 4)

    assert said.basis[0].tolist() == ["model", "model", "without_weather", "without_weather"]
    np.testing.assert_allclose(said.median, actual, rtol=0.2)


def test_weather_that_was_never_there_is_done_without(plain: LoadGrid) -> None:
    said, actual = forecast(replace(plain, temperature_c=np.full_like(plain.temperature_c, np.nan)), 2)

    assert basis(said) == {"model"}
    np.testing.assert_allclose(said.median, actual, rtol=0.2)


def test_two_weeks_are_forecast_by_like_days(plain: LoadGrid) -> None:
    said, actual = forecast(plain, 2, 15)

    assert basis(said) == {"like_day"}
    np.testing.assert_allclose(said.median, actual, rtol=0.3)


def test_series_of_zeros_and_of_nothing_beside_one_that_lives() -> None:
    grid = local_town(series=3)
    load = grid.load.copy()
    load[0], load[1] = 0, np.nan

    said, _ = forecast(replace(grid, load=load), 2)

    assert [set(row) for row in said.basis] == [{"like_day"}, {"other_series"}, {"model"}]
    assert (said.quantiles[:, 0] == 0).all()
    with pytest.raises(NoHistoryError):
        forecast(replace(grid, load=np.full_like(load, np.nan)))


def test_the_same_maxima_with_one_thread_and_two(plain: LoadGrid) -> None:
    once, twice = (forecast(plain, 2, threads=threads)[0] for threads in (1, 2))

    np.testing.assert_array_equal(once.quantiles, twice.quantiles)
    np.testing.assert_array_equal(once.median, twice.median)

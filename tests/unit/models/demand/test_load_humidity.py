"""Humidity: what it adds to warm air, where it is unknown, and what knowing it is worth."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_load import FEW, grid_of, town

from models.demand.daily import grid_of_maxima
from models.demand.grid import Floats, LoadGrid
from models.demand.ladder import LoadForecast
from models.demand.load_forecaster import LoadForecaster
from models.demand.weather import interval_drivers

CUTOFF, HORIZON = 120 * 24, 7 * 24


def in_air(temperature: Floats, humidity: Floats) -> LoadGrid:
    """Return an hourly grid of one station each."""
    nothing = grid_of(np.zeros(len(temperature)))
    return replace(nothing, temperature_c=temperature[None, None], humidity_pct=humidity[None, None])


def close_summer() -> tuple[LoadGrid, Floats]:
    """A town whose coolers also dry the air: load follows the pressure of vapour above 12 hPa. And its humidity."""
    plain = town(150)
    temperature, draw = plain.temperature_c + 6, np.random.default_rng(5)
    day = np.arange(plain.load.shape[1]) // 24
    humidity = np.clip(draw.uniform(35, 85, day[-1] + 1)[day] - 2 * (temperature - 23), 10, 100)
    vapour = humidity / 100 * 6.112 * np.exp(17.62 * temperature / (243.12 + temperature))
    load = plain.load + 0.4 * np.maximum(vapour[0] - 12, 0)
    return replace(plain, load=load, temperature_c=temperature), humidity


def forecast(grid: LoadGrid, known: LoadGrid | None = None) -> LoadForecast:
    fitted = LoadForecaster.fit(grid.between(0, CUTOFF), HORIZON, True, FEW, 1)
    return fitted.predict(known or grid.as_known_at(CUTOFF, HORIZON, True), CUTOFF, (0.1, 0.5, 0.9))


def test_humidity_adds_the_degrees_of_thoms_index_to_warm_air_and_none_to_cool_air() -> None:
    """At 30 degrees and 60 % the index is 26.59, of which 21.475 are there in dry air."""
    grid = in_air(np.array([30.0, 30.0, 14.0, -5.0]), np.array([60.0, 0.0, 100.0, 90.0]))

    np.testing.assert_allclose(interval_drivers(grid)["humid_heat"][0], [26.59 - 21.475, 0, 0, 0])


def test_unknown_humidity_is_that_of_the_moisture_there_was_and_unknown_temperature_stays_unknown() -> None:
    temperature = np.array([20.0, 20.0, 30.0, 10.0, 20.0, np.nan])
    grid = in_air(temperature, np.array([np.nan, 80.0, np.nan, np.nan, np.nan, 80.0]))

    found = interval_drivers(grid)["humid_heat"][0] / (0.55 * np.maximum(temperature - 14.5, 1e-9))

    np.testing.assert_allclose(found[[0, 1, 4]], [0.5, 0.8, 0.8])
    assert found[2] == pytest.approx(0.8 * 23.4 / 42.4, rel=0.01), "23.4 hPa saturate air of 20 degrees, 42.4 of 30"
    assert np.isnan(found[5])


def test_it_is_a_driver_where_it_has_a_station_and_of_days_too() -> None:
    grid = in_air(np.tile(np.arange(15.0, 39.0), 3), np.full(72, 50.0))
    without = replace(grid, humidity_pct=grid.humidity_pct[:0])

    assert set(interval_drivers(grid)) - set(interval_drivers(without)) == {"humid_heat"}
    days, without_days = grid_of_maxima(grid)[1], grid_of_maxima(without)[1]
    np.testing.assert_allclose(days["humid_heat"], 0.55 * 0.5 * (38 - 14.5))
    assert set(days) - set(without_days) == {"humid_heat"}


def test_the_humidity_of_the_horizon_is_known_if_its_weather_is() -> None:
    grid = in_air(np.full(96, 20.0), np.full(96, 50.0))

    assert np.isnan(grid.as_known_at(48, 24, False).humidity_pct[0, 0]).tolist() == [False] * 48 + [True] * 24
    assert not np.isnan(grid.as_known_at(48, 24, True).humidity_pct).any()
    assert not np.isnan(grid.humidity_pct).any()


def test_a_forecast_with_humidity_is_better_than_one_without_and_is_made_where_it_is_missing() -> None:
    grid, humidity = close_summer()
    damp = replace(grid, humidity_pct=humidity)
    missing = humidity.copy()
    missing[:, :, CUTOFF:] = np.nan
    known = replace(damp, humidity_pct=missing).as_known_at(CUTOFF, HORIZON, True)

    without, with_it, unknown = forecast(grid), forecast(damp), forecast(damp, known)

    error = [
        np.abs(said.median - grid.load[:, CUTOFF : CUTOFF + HORIZON]).mean() for said in (without, with_it, unknown)
    ]
    assert error[1] < 0.6 * error[0], error
    assert error[2] < 1.3 * error[0], error
    assert set(unknown.basis.ravel()) == {"model"}

"""What must hold of every forecast, and of two fits on the same rows."""

import pickle

import numpy as np
import pandas as pd
import pytest
from made_up_utility import AS_OF_DATE

from models.demand import dataset
from models.demand.evaluate import forecast_metrics
from models.demand.forecaster import DemandForecaster
from models.demand.train import fit


@pytest.fixture(scope="module")
def fitted(made_up_split, small_params):
    return fit(made_up_split, small_params, threads=2)


@pytest.fixture(scope="module")
def test_window(made_up_split) -> pd.DataFrame:
    return made_up_split.test


def test_quantiles_never_cross_and_are_never_negative(fitted, test_window):
    strange = test_window.sample(500, random_state=1).assign(temperature_c=60.0, cooling_degrees=40.0)

    for rows in (test_window, strange, test_window.assign(heating_degrees=np.nan, temperature_c=np.nan)):
        forecast = fitted.predict(rows)
        assert (forecast["p10_kwh"] >= 0).all()
        assert (forecast["p10_kwh"] <= forecast["p50_kwh"]).all()
        assert (forecast["p50_kwh"] <= forecast["p90_kwh"]).all()


def test_one_row_alone_scores_as_in_a_batch(fitted, test_window):
    batch = fitted.predict(test_window)

    for row in range(0, len(test_window), len(test_window) // 20):
        alone = fitted.predict(test_window.iloc[[row]])
        pd.testing.assert_frame_equal(alone, batch.iloc[[row]], check_exact=True)


def test_two_fits_are_equal_to_the_bit_whatever_the_number_of_threads(fitted, made_up_split, small_params):
    again = fit(made_up_split, small_params, threads=1)

    assert pickle.dumps(again) == pickle.dumps(fitted)


def test_it_beats_the_naive_forecasts(fitted, test_window):
    figures = forecast_metrics(test_window, fitted.judged.predict(test_window))

    assert figures["skill"] > 0.3
    assert figures["wape"] < figures["wape_mean_4w"]
    assert figures["wape_peak"] < figures["wape_naive_peak"]


def test_the_band_holds_four_of_five_hours_where_the_season_goes_on(fitted, made_up_split):
    rows = made_up_split.calibration
    forecast = fitted.judged.predict(rows)

    inside = rows["load_kwh"].between(forecast["p10_kwh"], forecast["p90_kwh"]).mean()

    assert 0.75 < inside < 0.85


def test_heat_beyond_all_experience_still_raises_the_forecast(fitted, test_window):
    hottest = test_window[test_window["cooling_degrees"] == test_window["cooling_degrees"].max()].head(1)
    hotter = hottest.assign(temperature_c=hottest["temperature_c"] + 5, cooling_degrees=hottest["cooling_degrees"] + 5)

    assert fitted.predict(hotter)["p50_kwh"].iloc[0] > 1.05 * fitted.predict(hottest)["p50_kwh"].iloc[0]


def test_an_unknown_region_is_forecast_by_all_of_them(fitted, test_window):
    forecast = fitted.predict(test_window.head(24).assign(region_code="west"))

    assert forecast.notna().all(axis=None)


def test_doubling_a_region_doubles_its_forecast(fitted, test_window):
    loads = [column for column in dataset.FEATURES if column.endswith("_kwh")]
    rows = test_window.head(24)

    doubled = fitted.predict(rows.assign(**{column: rows[column] * 2 for column in loads}))

    np.testing.assert_allclose(doubled, fitted.predict(rows) * 2, rtol=1e-9, atol=2e-6)


def test_missing_weather_is_forecast_without_it(made_up_split, small_params):
    weather = ["temperature_c", "cooling_degrees", "heating_degrees", "temperature_mean_72h_c", "cloud_cover_pct"]
    train = made_up_split.train.assign(**dict.fromkeys(weather, np.nan))

    forecaster = DemandForecaster.fit(train, small_params, threads=2)

    assert forecaster.predict(made_up_split.test).notna().all(axis=None)


def test_the_fixture_is_of_the_day(made_up_split):
    assert made_up_split.test["as_of_date"].max() < pd.Timestamp(AS_OF_DATE)

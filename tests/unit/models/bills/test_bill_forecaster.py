"""What holds of the forecast of any month."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_days import grid_of, homes

from models.bills.day_grid import DayGrid, Month, months
from models.bills.forecaster import BillForecaster, NothingKnownError
from models.bills.month_forecast import COLUMNS, MEDIAN, MonthForecast
from models.bills.params import BillParams

FEW = BillParams(past_cutoffs=30)


def said(grid: DayGrid, month: Month, cutoff: int, params: BillParams = FEW) -> MonthForecast:
    return BillForecaster.fit(grid, month, cutoff, params).predict(grid, month, cutoff)


@pytest.fixture(scope="module")
def grid() -> DayGrid:
    return grid_of(homes())


@pytest.fixture(scope="module")
def month(grid: DayGrid) -> Month:
    return months(grid.dates)[20]


def test_columns_are_the_mean_and_the_quantiles() -> None:
    assert COLUMNS == ("mean", "q0.1", "q0.5", "q0.9")
    assert COLUMNS[MEDIAN] == "q0.5"


def test_a_finished_month_is_what_was_measured(grid: DayGrid, month: Month) -> None:
    actual = grid.kwh[:, month.first : month.end].sum(axis=1)

    for cutoff in (month.end, month.end + 40):
        np.testing.assert_allclose(said(grid, month, cutoff).month_kwh, np.broadcast_to(actual, (4, len(actual))))


def test_a_day_of_a_finished_month_that_is_not_known_is_forecast(grid: DayGrid, month: Month) -> None:
    kwh = grid.kwh.copy()
    kwh[:, month.first + 3] = np.nan
    found = said(grid_of(kwh), month, month.end)

    assert (found.is_forecast.sum(axis=1) == 1).all()
    missing = found.month_kwh[MEDIAN] - found.so_far_kwh
    np.testing.assert_allclose(missing, grid.kwh[:, month.first - 28 : month.first].mean(axis=1), rtol=0.6)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    number=st.integers(1, 23),
    day=st.integers(0, 31),
    lost=st.floats(0, 0.95),
    sign=st.sampled_from([1.0, 0.0, -1.0]),
)
def test_the_laws_of_any_month(seed: int, number: int, day: int, lost: float, sign: float) -> None:
    draw = np.random.default_rng(seed)
    kwh = homes(5, seed=seed)
    kwh[draw.random(kwh.shape) < lost] = np.nan
    kwh[0] *= sign
    grid = grid_of(kwh)
    month = months(grid.dates)[number]
    cutoff = month.first + min(day, month.days)

    found = said(grid, month, cutoff)
    mean, low, middle, high = found.month_kwh

    assert np.isfinite(found.month_kwh).all()
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert np.isfinite(mean).all()
    never_negative = np.ones(len(kwh), bool) if sign >= 0 else np.arange(len(kwh)) > 0
    assert (low >= found.so_far_kwh)[never_negative].all()
    np.testing.assert_allclose(found.daily_kwh(MEDIAN).sum(axis=1), middle)


def test_what_comes_after_the_cutoff_changes_nothing(grid: DayGrid, month: Month) -> None:
    cutoff = month.first + 10
    other = grid.kwh.copy()
    other[:, cutoff:] = np.random.default_rng(3).lognormal(5, 2, other[:, cutoff:].shape)

    one, two = said(grid, month, cutoff), said(grid_of(other), month, cutoff)

    np.testing.assert_array_equal(one.month_kwh, two.month_kwh)


def test_a_customer_is_forecast_alike_beside_any_others(grid: DayGrid, month: Month) -> None:
    cutoff = month.first + 10
    fitted = BillForecaster.fit(grid, month, cutoff, FEW)
    together = fitted.predict(grid, month, cutoff).month_kwh

    alone = fitted.predict(grid.of_customers(np.array([3])), month, cutoff).month_kwh

    np.testing.assert_allclose(alone[:, 0], together[:, 3], rtol=1e-12)


def test_a_unit_ten_times_as_small_makes_figures_ten_times_as_large(grid: DayGrid, month: Month) -> None:
    found, tenfold = (said(each, month, month.first) for each in (grid, grid_of(grid.kwh * 10)))

    np.testing.assert_allclose(tenfold.month_kwh, 10 * found.month_kwh, rtol=1e-6)


def test_a_season_that_was_seen_is_forecast() -> None:
    grid = grid_of(homes(40, seed=5))
    all_months = months(grid.dates)
    missed, repeated = [], []
    for number in range(14, 24):
        month, before = all_months[number], all_months[number - 1]
        came = grid.kwh[:, month.first : month.end].sum(axis=1)
        missed.append(np.abs(said(grid, month, month.first).month_kwh[MEDIAN] - came).sum() / came.sum())
        last = grid.kwh[:, before.first : before.end].mean(axis=1) * month.days
        repeated.append(np.abs(last - came).sum() / came.sum())

    assert np.mean(missed) < 0.8 * np.mean(repeated)


def test_bands_hold_about_as_much_as_they_promise() -> None:
    grid = grid_of(homes(60, seed=8))
    inside = []
    for month in months(grid.dates)[14:24]:
        came = grid.kwh[:, month.first : month.end].sum(axis=1)
        _, low, _, high = said(grid, month, month.first).month_kwh
        inside.append(((low <= came) & (came <= high)).mean())

    assert 0.68 <= np.mean(inside) <= 0.95


def test_many_customers_have_trees_and_the_same_result_twice(month: Month) -> None:
    grid = grid_of(homes(300, seed=2))
    params = BillParams(past_cutoffs=40, trees=5)

    fitted = BillForecaster.fit(grid, month, month.first, params)

    assert fitted.fitted.trees
    first, second = fitted.predict(grid, month, month.first), said(grid, month, month.first, params)
    np.testing.assert_array_equal(first.month_kwh, second.month_kwh)


def test_what_little_is_known_is_named(grid: DayGrid, month: Month) -> None:
    kwh = grid.kwh.copy()
    kwh[0] = np.nan
    kwh[1, : month.first - 5] = np.nan

    basis = said(grid_of(kwh), month, month.first).basis

    assert basis[:3].tolist() == ["other_customers", "little_known", "model"]


def test_a_file_too_short_to_learn_from_is_forecast_with_the_usual_weights() -> None:
    grid = grid_of(homes(3, 59))

    found = said(grid, months(grid.dates)[1], 31)

    assert set(found.basis) == {"usual_weights"}
    assert (found.month_kwh[1] < found.month_kwh[3]).all()


def test_nobody_known_is_said(grid: DayGrid) -> None:
    with pytest.raises(NothingKnownError, match="2023-01-01"):
        BillForecaster.fit(grid, months(grid.dates)[0], 0)

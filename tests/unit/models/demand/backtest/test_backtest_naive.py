"""The baselines: what was, and plain LightGBM."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_up_load import grid_of, load_of, utc

from models.demand.backtest.naive import last_known, repeated
from models.demand.backtest.plain_lags import PlainLags, lags
from models.demand.backtest.target import of_daily_maxima, of_intervals

NAN = np.nan


def test_the_last_period_comes_over_and_over() -> None:
    known = np.arange(10.0)[None]

    np.testing.assert_array_equal(repeated(known, 3, 7), [[7, 8, 9, 7, 8, 9, 7]])


def test_what_is_unknown_is_taken_a_period_earlier_up_to_four_then_the_last_known_value() -> None:
    known = np.array([[NAN, 1, 2, 3, NAN, 5], [4, NAN, 7, NAN, NAN, NAN], [NAN] * 6])

    np.testing.assert_array_equal(repeated(known, 2, 4), [[2, 5, 2, 5], [7, 7, 7, 7], [NAN] * 4])
    long_ago = np.array([[9.0, 1.0] + [NAN, 3.0] * 5])
    np.testing.assert_array_equal(repeated(long_ago, 2, 2), [[3, 3]])


@given(arrays(float, (3, 20), elements=st.one_of(st.just(NAN), st.floats(-9, 9))), st.integers(1, 12))
def test_every_value_is_one_that_was_there_and_none_is_missing_if_any_was(known: np.ndarray, period: int) -> None:
    forecast = repeated(known, period, 15)

    for said, was in zip(forecast, known, strict=True):
        assert np.isfinite(said).all() == np.isfinite(was).any()
        assert set(said[np.isfinite(said)]) <= set(was[np.isfinite(was)])


def test_the_last_known_value() -> None:
    np.testing.assert_array_equal(last_known(np.array([[1, 2, NAN], [NAN, NAN, NAN]])), [2, NAN])
    np.testing.assert_array_equal(last_known(np.empty((2, 0))), [NAN, NAN])


def test_plain_lightgbm_forecasts_each_series_and_never_looks_ahead() -> None:
    index = utc("2024-01-01", 30)
    load = np.stack([load_of(index), 100 * load_of(index, 2), load_of(index)])
    load[0, 100:110], load[2, :650] = NAN, NAN
    cutoff = 25 * 24
    said = []
    for after in (0.0, 1e6):
        seen = load.copy()
        seen[:, cutoff:] += after
        grid = grid_of(seen, ids="abc")
        said.append(PlainLags.fit(of_intervals(grid, grid.times_utc), cutoff, 60, "UTC").predict(cutoff, 48))

    np.testing.assert_array_equal(said[0], said[1])
    off = np.abs(said[0] - load[:, cutoff : cutoff + 48])
    assert off[0].mean() < 1
    assert off[1].mean() < 100
    assert np.isnan(said[0][2]).all(), "a series without any value has no forecast"


def test_plain_lightgbm_on_daily_maxima_too_short_for_its_lags_says_last_week_again() -> None:
    index = utc("2024-01-01", 40)
    target = of_daily_maxima(grid_of(load_of(index)))

    assert PlainLags.fit(target, 30, 60, "UTC").predict(30, 3).shape == (1, 3)
    short = PlainLags.fit(target, 14, 60, "UTC").predict(14, 3)
    np.testing.assert_array_equal(short[0], target.y[0, 7:10])


def test_lags_are_named_once() -> None:
    assert lags(1) == [1, 2, 3, 7, 14]
    assert lags(48) == [1, 2, 3, 48, 96, 336]
    assert lags(2) == [1, 2, 3, 4, 14]

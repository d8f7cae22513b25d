"""Figures against hand-made values, against utilsforecast, and against the laws that define them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from utilsforecast import losses

from meterwise import metrics

LOADS = arrays(np.float64, 24, elements=st.floats(0.1, 1e6))
OUTCOMES = arrays(np.int8, 40, elements=st.integers(0, 1)).filter(lambda y: 0 < y.sum() < y.size)
SCORES = arrays(np.float64, 40, elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]))


def test_golden_values():
    y, yhat = [100.0, 200.0, 300.0], [110.0, 180.0, 300.0]

    assert metrics.mae(y, yhat) == pytest.approx(10)
    assert metrics.wape(y, yhat) == pytest.approx(30 / 600)
    assert metrics.bias(y, yhat) == pytest.approx(-10 / 600)
    assert metrics.quantile_loss(y, yhat, 0.9) == pytest.approx((0.1 * 10 + 0.9 * 20) / 3)
    assert metrics.coverage(y, [90, 190, 300], [100, 195, 310]) == pytest.approx(2 / 3)
    assert metrics.skill(5, 10) == 0.5


def test_golden_values_of_probabilities():
    y, p = [1, 0, 1, 0, 0], [0.9, 0.8, 0.4, 0.3, 0.1]

    assert metrics.auc(y, p) == pytest.approx(5 / 6)
    assert metrics.average_precision(y, p) == pytest.approx((1 + 2 / 3) / 2)
    assert metrics.brier(y, p) == pytest.approx((0.01 + 0.64 + 0.36 + 0.09 + 0.01) / 5)
    assert metrics.recall_at(y, p, 0.2) == pytest.approx(0.5)
    assert metrics.lift_at(y, p, 0.2) == pytest.approx(2.5)
    assert metrics.ece(y, p, bins=1) == pytest.approx(abs(2 - 2.5) / 5)


@given(y=LOADS, yhat=LOADS)
def test_losses_equal_those_of_utilsforecast(y, yhat):
    frame = pd.DataFrame({"unique_id": "r", "ds": range(24), "y": y, "m": yhat})

    assert metrics.mae(y, yhat) == pytest.approx(losses.mae(frame, ["m"])["m"][0])
    assert metrics.wape(y, yhat) == pytest.approx(losses.nd(frame, ["m"])["m"][0])
    assert metrics.quantile_loss(y, yhat, 0.1) == pytest.approx(losses.quantile_loss(frame, {"m": "m"}, q=0.1)["m"][0])


@given(y=LOADS, yhat=LOADS, factor=st.floats(0.01, 100))
def test_wape_has_no_unit(y, yhat, factor):
    assert metrics.wape(y * factor, yhat * factor) == pytest.approx(metrics.wape(y, yhat))


@given(y=LOADS)
def test_a_perfect_forecast_loses_nothing(y):
    assert metrics.wape(y, y) == metrics.quantile_loss(y, y, 0.9) == 0
    assert metrics.coverage(y, y, y) == 1


@given(y=LOADS, constant=st.floats(0, 1e6))
def test_the_quantile_of_the_data_is_the_best_constant(y, constant):
    best = np.quantile(y, 0.9, method="inverted_cdf")

    loss = metrics.quantile_loss(y, np.full_like(y, constant), 0.9)

    assert loss >= metrics.quantile_loss(y, np.full_like(y, best), 0.9) * (1 - 1e-9)


@given(y=OUTCOMES, p=SCORES, seed=st.integers(0, 99))
def test_no_figure_depends_on_the_order_of_rows(y, p, seed):
    order = np.random.default_rng(seed).permutation(y.size)

    for figure in (metrics.auc, metrics.average_precision, metrics.brier, metrics.ece):
        assert figure(y[order], p[order]) == pytest.approx(figure(y, p))
    assert metrics.recall_at(y[order], p[order], 0.1) == pytest.approx(metrics.recall_at(y, p, 0.1))


@given(y=OUTCOMES, p=SCORES)
def test_contacting_everyone_finds_everyone(y, p):
    assert metrics.recall_at(y, p, 1.0) == pytest.approx(1)
    assert metrics.lift_at(y, p, 1.0) == pytest.approx(1)


@given(y=OUTCOMES)
def test_the_base_rate_is_calibrated_and_knows_nothing(y):
    base_rate = np.full(y.size, y.mean())

    assert metrics.ece(y, base_rate) == pytest.approx(0, abs=1e-12)
    assert metrics.auc(y, base_rate) == pytest.approx(0.5)
    assert metrics.average_precision(y, base_rate) == pytest.approx(y.mean())
    assert metrics.lift_at(y, base_rate, 0.1) == pytest.approx(1)


def test_a_calibrated_score_has_a_small_calibration_error():
    random = np.random.default_rng(1)
    p = random.uniform(0, 0.4, 20_000)
    y = random.uniform(size=p.size) < p

    assert metrics.ece(y, p) < 0.01
    assert metrics.ece(y, p * 2) > 0.1


def test_undefined_figures_are_nan():
    assert np.isnan(metrics.wape([0, 0], [1, 1]))
    assert np.isnan(metrics.mae([], []))
    assert np.isnan(metrics.auc([0, 0], [0.1, 0.2]))
    assert np.isnan(metrics.lift_at([0, 0], [0.1, 0.2], 0.5))
    assert np.isnan(metrics.skill(1, 0))


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="2, 1"):
        metrics.wape([1, 2], [1])

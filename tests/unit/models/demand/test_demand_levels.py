"""Means of all levels add up, are moved no further than needed, and fall below no bound."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leaves import members, summing
from scipy.optimize import minimize

from models.demand.levels import CODES, constraints, reconciled

LEAVES = pd.DataFrame(
    [("N", "N1", "home"), ("N", "N1", "shop"), ("N", "N2", "home"), ("S", "S1", "shop")], columns=CODES
)
SERIES = members(LEAVES)
SUMS = constraints(SERIES)
LEAST = np.zeros(len(SERIES))


def test_members_of_every_level() -> None:
    assert list(SERIES["series"]) == [
        "customer_class/home",
        "customer_class/shop",
        "feeder/N/N1",
        "feeder/N/N2",
        "feeder/S/S1",
        "region/N",
        "region/S",
        "total",
    ]


def test_sums_of_leaves_fulfil_the_constraints() -> None:
    whole = summing(SERIES, LEAVES) @ np.array([[1.0], [2.0], [4.0], [8.0]])

    assert whole[:, 0].tolist() == [5, 10, 3, 4, 8, 7, 8, 15]
    assert np.abs(SUMS @ whole).max() == 0


forecasts = st.lists(st.floats(0, 1000), min_size=len(SERIES), max_size=len(SERIES))
spreads = st.lists(st.floats(0.01, 100), min_size=len(SERIES), max_size=len(SERIES))


@settings(deadline=None)
@given(mean=forecasts, variance=spreads)
def test_reconciled_means_add_up_and_stay_above_the_bound(mean, variance) -> None:
    found = reconciled(np.array([mean]).T, np.array([variance]).T, SUMS, LEAST)

    assert np.abs(SUMS @ found).max() <= 1e-6 * max(1, max(mean))
    assert (found >= 0).all()


@given(mean=forecasts, variance=spreads)
def test_what_adds_up_is_left_alone(mean, variance) -> None:
    whole = summing(SERIES, LEAVES) @ np.array([mean[: len(LEAVES)]]).T

    found = reconciled(whole, np.array([variance]).T, SUMS, LEAST)

    np.testing.assert_allclose(found, whole, atol=1e-6)


def test_it_is_the_nearest_point_by_the_variances() -> None:
    random = np.random.default_rng(3)
    mean, variance = random.uniform(50, 100, (len(SERIES), 1)), random.uniform(1, 9, (len(SERIES), 1))

    found = reconciled(mean, variance, SUMS, LEAST)

    def distance(values: np.ndarray) -> float:
        return float((np.square(values - mean[:, 0]) / variance[:, 0]).sum())

    nearest = minimize(distance, mean[:, 0], constraints={"type": "eq", "fun": lambda values: SUMS @ values}, tol=1e-12)
    np.testing.assert_allclose(found[:, 0], nearest.x, rtol=1e-4)


def test_load_that_may_be_negative_has_no_bound() -> None:
    mean, least = np.full((len(SERIES), 1), -10.0), np.full(len(SERIES), -np.inf)

    assert reconciled(mean, np.ones_like(mean), SUMS, least)[-1, 0] < -10


@pytest.mark.parametrize("code", CODES)
def test_a_single_member_is_a_level_too(code: str) -> None:
    alone = members(LEAVES.iloc[:1])

    assert len(alone) == 4
    assert np.abs(constraints(alone) @ np.full(4, 7.0)).max() == 0

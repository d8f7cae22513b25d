"""Platt scaling with a prior."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.churn.calibration import MIN_SLOPE, Platt, fit_platt


def _draw(slope: float, shift: float, rows: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(3)
    log_odds = draw.normal(-2, 1, rows)
    has_left = draw.random(rows) < Platt(slope, shift).probability(log_odds)
    return log_odds, has_left


def test_it_finds_slope_and_shift_of_a_miscalibrated_score() -> None:
    fitted = fit_platt(*_draw(slope=1.5, shift=0.6, rows=20_000), prior=10)

    assert abs(fitted.slope - 1.5) < 0.1
    assert abs(fitted.shift - 0.6) < 0.2


def test_few_departures_move_the_slope_little() -> None:
    log_odds, has_left = _draw(slope=3.0, shift=0.0, rows=60)

    assert abs(fit_platt(log_odds, has_left, prior=100).slope - 1) < abs(
        fit_platt(log_odds, has_left, prior=0).slope - 1
    )


def test_no_departure_at_all_leaves_a_probability() -> None:
    fitted = fit_platt(np.full(50, -3.0), np.zeros(50, dtype=bool), prior=10)

    assert 0 < fitted.probability(np.array([-3.0]))[0] < 0.05


def test_an_empty_window_leaves_the_score_alone() -> None:
    assert fit_platt(np.empty(0), np.empty(0, dtype=bool), prior=10) == Platt()


@given(st.lists(st.tuples(st.floats(-8, 8), st.booleans()), min_size=1, max_size=60))
def test_the_ranking_never_turns_around(rows: list[tuple[float, bool]]) -> None:
    log_odds = np.array([score for score, _ in rows])

    fitted = fit_platt(log_odds, np.array([left for _, left in rows]), prior=10)

    assert fitted.slope >= MIN_SLOPE
    assert np.isfinite(fitted.probability(log_odds)).all()

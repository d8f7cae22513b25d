"""Lines through points that are known by hand."""

import numpy as np
import pytest

from models.demand.regression import Regression

PROBLEMS, ROWS, TERMS = 3, 300, 4
NONE = np.zeros(TERMS)


@pytest.fixture
def terms() -> np.ndarray:
    return np.random.default_rng(1).normal(5, [1, 2, 10, 0.1], (PROBLEMS, ROWS, TERMS))


@pytest.fixture
def lines() -> tuple[np.ndarray, np.ndarray]:
    """Slopes and constants."""
    draw = np.random.default_rng(2)
    return draw.normal(0, 3, (PROBLEMS, TERMS)), draw.normal(0, 50, PROBLEMS)


@pytest.fixture
def target(terms: np.ndarray, lines: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.einsum("prt,pt->pr", terms, lines[0]) + lines[1][:, None]


ONES = np.ones((PROBLEMS, ROWS))


@pytest.mark.parametrize("rounds", [0, 3])
def test_lines_without_noise_are_found_exactly(
    terms: np.ndarray, target: np.ndarray, lines: tuple[np.ndarray, np.ndarray], rounds: int
) -> None:
    found = Regression.fit(terms, target, ONES, NONE, rounds)

    np.testing.assert_allclose(found.coefficients, lines[0], rtol=1e-8)
    np.testing.assert_allclose(found.predict(terms), target, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(
        found.predict(3 * terms), 3 * (target - lines[1][:, None]) + lines[1][:, None], atol=1e-6
    )


def test_one_in_twenty_wild_rows_bends_least_squares_but_not_this(
    terms: np.ndarray, target: np.ndarray, lines: tuple[np.ndarray, np.ndarray]
) -> None:
    draw = np.random.default_rng(3)
    wild = target + draw.normal(0, 0.1, target.shape)
    wild[:, ::20] += draw.uniform(500, 1000, wild[:, ::20].shape)

    missed = {
        rounds: np.abs(Regression.fit(terms, wild, ONES, NONE, rounds).predict(terms) - target).mean()
        for rounds in (0, 20)
    }

    assert missed[0] > 30
    assert missed[20] < 0.2


def test_rows_of_weight_0_have_no_say(terms: np.ndarray, target: np.ndarray) -> None:
    noisy = target + np.random.default_rng(4).normal(0, 1, target.shape)
    weight, spoilt, spoilt_terms = ONES.copy(), noisy.copy(), terms.copy()
    weight[:, :50], spoilt[:, :50], spoilt_terms[:, :50] = 0, 1e6, -1e4
    shrinkage = np.full(TERMS, 5.0)

    found = Regression.fit(spoilt_terms, spoilt, weight, shrinkage, 3)

    wanted = Regression.fit(terms[:, 50:], noisy[:, 50:], ONES[:, 50:], shrinkage, 3)
    np.testing.assert_allclose(found.predict(terms), wanted.predict(terms), rtol=1e-9)


def test_problems_solved_at_once_are_those_solved_one_by_one(terms: np.ndarray, target: np.ndarray) -> None:
    noisy = target + np.random.default_rng(5).normal(0, 1, target.shape)
    shrinkage = np.array([0.0, 1.0, 10.0, 100.0])

    together = Regression.fit(terms, noisy, ONES, shrinkage, 2)

    for number in range(PROBLEMS):
        one = slice(number, number + 1)
        alone = Regression.fit(terms[one], noisy[one], ONES[one], shrinkage, 2)
        np.testing.assert_allclose(together.coefficients[number], alone.coefficients[0], rtol=1e-9)
        np.testing.assert_allclose(together.predict(terms)[number], alone.predict(terms[one])[0], rtol=1e-9)
    which = np.array([2, 0, 1, 1])
    by_place = together.predict(terms[which, 7], which)
    np.testing.assert_allclose(by_place, together.predict(terms)[which, 7], rtol=1e-9)


def test_shrinkage_draws_slopes_to_0_and_the_line_to_the_mean(terms: np.ndarray, target: np.ndarray) -> None:
    free, firm = (Regression.fit(terms, target, ONES, np.full(TERMS, size), 0) for size in (0.0, 1e9))

    assert (np.abs(firm.coefficients) < 1e-3 * np.abs(free.coefficients)).all()
    np.testing.assert_allclose(firm.predict(terms).mean(1), target.mean(1), rtol=1e-6)


def test_a_term_that_hardly_moves_gets_no_slope_of_its_own_beyond_its_least_spread() -> None:
    terms = np.zeros((1, ROWS, 1))
    terms[0, 7] = 0.1
    target = terms[..., 0] * 300 + np.random.default_rng(6).normal(0, 0.01, (1, ROWS))

    free, held = (Regression.fit(terms, target, ONES[:1], np.array([10.0]), 0, least) for least in (0.0, 1.0))

    assert free.coefficients[0, 0] > 250
    assert np.abs(held.coefficients[0, 0]) < 1


def test_terms_that_never_change_give_a_flat_line_and_nothing_known_no_answer(
    terms: np.ndarray, target: np.ndarray
) -> None:
    same = np.full_like(terms, 3.0)

    flat = Regression.fit(same, target, ONES, np.full(TERMS, 1.0), 0)
    nothing = Regression.fit(terms, target, 0 * ONES, np.full(TERMS, 1.0), 2)

    np.testing.assert_allclose(flat.predict(same + 9), np.tile(target.mean(1)[:, None], ROWS))
    assert np.isnan(nothing.predict(terms)).all()

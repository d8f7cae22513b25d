"""Ridge regression that a few wild rows do not bend, many of them at once."""

from dataclasses import dataclass

import numpy as np

from models.demand.grid import Floats, Integers

TUNING = 1.5
"""Residuals over so many times their median count less: Huber's regression, between least squares and medians."""


@dataclass(frozen=True)
class Regression:
    """Fitted lines, one for each problem.

    Attributes:
        centre: (problems, terms) subtracted from each term.
        coefficients: (problems, terms) of the centred terms.
        constant: (problems,) added; NaN for a problem without any row of weight, which so has no answer.
    """

    centre: Floats
    coefficients: Floats
    constant: Floats

    @classmethod
    def fit(
        cls,
        terms: Floats,
        target: Floats,
        weight: Floats,
        shrinkage: Floats,
        rounds: int,
        least_spread: Floats | float = 0.0,
    ) -> "Regression":
        """Fit every problem, reweighted for ``rounds`` rounds after Huber (1964).

        Args:
            terms: (problems, rows, terms) without NaN.
            target: (problems, rows) without NaN.
            weight: (problems, rows); 0 leaves a row out.
            shrinkage: (terms,) penalty of each term of unit spread, in rows of weight 1.
            rounds: How often rows are weighed anew; 0 is least squares.
            least_spread: (terms,) spread that a term of less is penalised as if it had.
        """
        centre, spread = _centre_and_spread(terms, weight, least_spread)
        scaled = (terms - centre[:, None]) / spread[:, None]
        now = weight
        for turn in range(rounds + 1):
            constant, coefficients = _solve(scaled, target, now, shrinkage)
            if turn < rounds:
                missed = np.abs(target - constant[:, None] - np.einsum("brt,bt->br", scaled, coefficients))
                now = _reweighted(weight, missed)
        return cls(centre, coefficients / spread, np.where((weight > 0).any(1), constant, np.nan))

    def predict(self, terms: Floats, problem: Integers | None = None) -> Floats:
        """Return the line at ``terms`` (..., terms), by the ``problem`` (...) of each place.

        Without ``problem`` terms are (problems, rows, terms), as in ``fit``.
        """
        chosen = np.arange(len(self.constant))[:, None] if problem is None else problem
        # Centre and slope are put together first: what is as large as the terms is made once.
        offset = self.constant - np.einsum("pt,pt->p", self.centre, self.coefficients)
        predicted: Floats = np.einsum("...t,...t->...", terms, self.coefficients[chosen]) + offset[chosen]
        return predicted


def _centre_and_spread(terms: Floats, weight: Floats, least: Floats | float) -> tuple[Floats, Floats]:
    total = np.maximum(weight.sum(1), 1e-12)[:, None]
    centre = np.einsum("brt,br->bt", terms, weight) / total
    variance = np.einsum("brt,br->bt", np.square(terms - centre[:, None]), weight) / total
    return centre, np.where(variance > 1e-12, np.maximum(np.sqrt(variance), least), np.inf)


def _solve(scaled: Floats, target: Floats, weight: Floats, shrinkage: Floats) -> tuple[Floats, Floats]:
    total = np.maximum(weight.sum(1), 1e-12)[:, None]
    middle, level = np.einsum("brt,br->bt", scaled, weight) / total, (target * weight).sum(1) / total[:, 0]
    centred = scaled - middle[:, None]
    weighed = centred * weight[:, :, None]
    squares = weighed.transpose(0, 2, 1) @ centred + np.diag(shrinkage)
    products = np.einsum("brt,br->bt", weighed, target - level[:, None])
    coefficients = np.linalg.solve(squares, products[:, :, None])[:, :, 0]
    return level - np.einsum("bt,bt->b", middle, coefficients), coefficients


def _reweighted(weight: Floats, missed: Floats) -> Floats:
    counted = np.where(weight > 0, missed, np.nan)
    counted[~(weight > 0).any(1)] = 0.0
    bound = TUNING * np.maximum(np.nanmedian(counted, axis=1), 1e-9)[:, None]
    return weight * np.minimum(1.0, bound / np.maximum(missed, 1e-12))

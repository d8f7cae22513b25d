"""Platt scaling with a prior: with few departures the calibration must not invent a shape of its own."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
STEPS = 50
MIN_SLOPE = 0.05  # a slope at or below zero would turn the ranking and the reasons around


@dataclass(frozen=True)
class Platt:
    """Maps a raw score in log odds to a probability: ``1 / (1 + exp(-(slope * score + shift)))``.

    Invariants:
        ``slope`` is above zero, so the ranking of customers never changes.
    """

    slope: float = 1.0
    shift: float = 0.0

    def probability(self, log_odds: Vector) -> Vector:
        """Return calibrated probabilities."""
        return 1.0 / (1.0 + np.exp(-(self.slope * log_odds + self.shift)))


def fit_platt(log_odds: Vector, has_left: npt.NDArray[np.bool_], prior: float) -> Platt:
    """Fit slope and shift on a later window than the model's own.

    Args:
        log_odds: Raw scores of the calibration window.
        has_left: What happened.
        prior: Weight of slope 1 (fully) and shift 0 (a tenth of it: the level of churn moves more than the order).
            Without a single departure the raw scores stay nearly as they are.
    """
    if len(log_odds) == 0:
        return Platt()
    design = np.column_stack([log_odds, np.ones_like(log_odds)])
    target = has_left.astype(float)
    centre = np.array([1.0, 0.0])
    weight = np.array([prior, prior / 10.0]) + 1e-6
    theta = centre.copy()
    for _ in range(STEPS):
        probability = 1.0 / (1.0 + np.exp(-(design @ theta)))
        gradient = design.T @ (probability - target) + weight * (theta - centre)
        curvature = (design * (probability * (1.0 - probability))[:, None]).T @ design + np.diag(weight)
        step = np.clip(np.linalg.solve(curvature, gradient), -1.0, 1.0)
        theta = theta - step
        if float(np.abs(step).max()) < 1e-10:
            break
    return Platt(slope=round(max(float(theta[0]), MIN_SLOPE), 9), shift=round(float(theta[1]), 9))

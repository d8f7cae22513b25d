"""Figures by which models are judged, named as utilsforecast and scikit-learn name them.

Every function takes whole columns. An undefined figure (no rows, no positives, nothing to divide by) is NaN, never 0.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

Floats = NDArray[np.float64]
RESAMPLES = 200


def _columns(*columns: ArrayLike) -> tuple[Floats, ...]:
    arrays = tuple(np.asarray(column, dtype=np.float64) for column in columns)
    if len({array.shape for array in arrays}) > 1:
        raise ValueError(f"Columns differ in length: {', '.join(str(array.size) for array in arrays)}.")
    return arrays


def mae(y: ArrayLike, yhat: ArrayLike) -> float:
    """Mean absolute error, in the unit of ``y``."""
    actual, forecast = _columns(y, yhat)
    return float(np.abs(actual - forecast).mean()) if actual.size else float("nan")


def wape(y: ArrayLike, yhat: ArrayLike) -> float:
    """Absolute error as a share of the actual total: 0.05 means 5 % of all kWh were put into the wrong hour."""
    actual, forecast = _columns(y, yhat)
    total = np.abs(actual).sum()
    return float(np.abs(actual - forecast).sum() / total) if total > 0 else float("nan")


def bias(y: ArrayLike, yhat: ArrayLike) -> float:
    """Forecast minus actual as a share of the actual total; above 0 is over-forecast."""
    actual, forecast = _columns(y, yhat)
    total = np.abs(actual).sum()
    return float((forecast - actual).sum() / total) if total > 0 else float("nan")


def quantile_loss(y: ArrayLike, yhat: ArrayLike, q: float) -> float:
    """Mean pinball loss of the forecast of quantile ``q``, in the unit of ``y``."""
    actual, forecast = _columns(y, yhat)
    missed = actual - forecast
    return float(np.maximum(q * missed, (q - 1) * missed).mean()) if missed.size else float("nan")


def coverage(y: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """Share of actual values inside the band, its edges included."""
    actual, lower, upper = _columns(y, low, high)
    return float(((actual >= lower) & (actual <= upper)).mean()) if actual.size else float("nan")


def skill(loss: float, baseline_loss: float) -> float:
    """Share of the baseline's loss that is gone: 1 is perfect, 0 as good as the baseline, below 0 worse."""
    return 1 - loss / baseline_loss if baseline_loss > 0 else float("nan")


def auc(y: ArrayLike, p: ArrayLike) -> float:
    """Chance that a positive gets a higher score than a negative."""
    actual, score = _columns(y, p)
    return float(roc_auc_score(actual, score)) if 0 < actual.sum() < actual.size else float("nan")


def average_precision(y: ArrayLike, p: ArrayLike) -> float:
    """Area under precision over recall; a score without knowledge gets the base rate."""
    actual, score = _columns(y, p)
    return float(average_precision_score(actual, score)) if actual.sum() > 0 else float("nan")


def brier(y: ArrayLike, p: ArrayLike) -> float:
    """Mean squared difference between probability and outcome."""
    actual, score = _columns(y, p)
    return float(np.square(actual - score).mean()) if actual.size else float("nan")


def ece(y: ArrayLike, p: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error over bins of equal frequency: mean gap between probability and observed rate."""
    actual, score = _columns(y, p)
    if not actual.size:
        return float("nan")
    # Equal scores stay in one bin, so that the figure does not depend on the order of rows.
    rank = np.searchsorted(np.sort(score), score, side="left")
    number = rank * bins // score.size
    gaps = np.bincount(number, weights=actual - score, minlength=bins)
    return float(np.abs(gaps).sum() / score.size)


def recall_at(y: ArrayLike, p: ArrayLike, share: float) -> float:
    """Share of all positives among the ``share`` of rows with the highest scores; ties count in proportion."""
    actual, score = _columns(y, p)
    contacted = int(np.ceil(share * score.size))
    if not 0 < contacted <= score.size or actual.sum() == 0:
        return float("nan")
    threshold = np.partition(score, score.size - contacted)[score.size - contacted]
    above, tied = score > threshold, score == threshold
    hits = actual[above].sum() + actual[tied].sum() * (contacted - above.sum()) / tied.sum()
    return float(hits / actual.sum())


def lift_at(y: ArrayLike, p: ArrayLike, share: float) -> float:
    """How many times more positives the ``share`` with the highest scores holds than an equally large random one."""
    size = np.asarray(y).size
    contacted = np.ceil(share * size) / size if size else 0.0
    return recall_at(y, p, share) / float(contacted) if contacted else float("nan")


def difference_noise(difference: Callable[[Floats], float], groups: ArrayLike, seed: int) -> float:
    """Standard error of a difference of two models on the same rows, by drawing groups of rows anew.

    Args:
        difference: From the weight of each row (how often its group was drawn) to the difference; NaN is left out.
        groups: The group of each row: rows of one customer, or of one issue day, err alike and are drawn together.
        seed: Of the draws.
    """
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    draw = np.random.default_rng(seed)
    found = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        times = np.bincount(draw.integers(0, names.size, names.size), minlength=names.size)[codes]
        found[i] = difference(times.astype(np.float64))
    found = found[np.isfinite(found)]
    return float(found.std()) if found.size > 1 else 0.0

"""How good a churn model is on a later window, beside its baselines, and whether it becomes champion.

Never accuracy: who says 'everybody stays' is right nine times out of ten.
"""

import logging
from collections.abc import Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score

from meterwise import metrics, promotions, registry
from meterwise.settings import Settings, get_settings
from models.churn.dataset import LABEL, ChurnSkippedError, evaluation_set
from models.churn.params import MODEL_NAME, ChurnParams

log = logging.getLogger(__name__)

Vector = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
RESAMPLES = 200
MOST_LEVEL_ERROR = 2.0  # twice or half as many departures as announced: the probabilities can no longer be acted on


def measure(probability: Vector, has_left: Flags, contact_share: float = 0.10) -> dict[str, float]:
    """Return average precision, AUC, Brier score, calibration error, and lift and recall at the contacted share.

    What cannot be said without a departure is NaN.
    """
    return {
        "average_precision": metrics.average_precision(has_left, probability),
        "auc": metrics.auc(has_left, probability),
        "brier": metrics.brier(has_left, probability),
        "ece": metrics.ece(has_left, probability),
        "lift_at_10pct": metrics.lift_at(has_left, probability, contact_share),
        "recall_at_10pct": metrics.recall_at(has_left, probability, contact_share),
    }


def beside(
    model: Mapping[str, float], has_left: Flags, others: Mapping[str, Vector], params: ChurnParams
) -> dict[str, float]:
    """Put each other's metrics beside the model's, as ``<metric>_<other>``; ``departure_rate`` is what happened."""
    found = dict(model) | {"departure_rate": float(has_left.mean())}
    for other, probability in others.items():
        for name, value in measure(probability, has_left, params.contact_share).items():
            found[f"{name}_{other}"] = value
    return found


def promote_if_better(run_id: str, as_of_date: str, settings: Settings | None = None) -> bool:
    """Make the run's model champion if it is better than the champion on the same window; say whether it was.

    Better means: a higher average precision by more than the setting ``promotion_margin`` (a share of the champion's)
    and by more than the standard error of the difference, customers drawn anew. The first version needs no rival.
    """
    settings = settings or get_settings()
    challenger = registry.load_run(run_id, settings)
    champion = registry.champion(MODEL_NAME, settings)
    if champion is not None and champion.version == challenger.version:
        return False
    if champion is None:
        better, reason = True, _first(challenger.metrics)
    else:
        params = ChurnParams()
        test = evaluation_set(date.fromisoformat(as_of_date), params, settings)
        better, reason = compare(
            challenger.predictor.predict(test)["churn_probability"].to_numpy(),
            champion.predictor.predict(test)["churn_probability"].to_numpy(),
            test,
            settings.promotion_margin,
            params.seed,
        )
    log.info("churn version %s: %s", challenger.version, reason)
    if better:
        promotions.promote(MODEL_NAME, challenger.version, as_of_date, reason, settings)
    return better


def _first(logged: Mapping[str, float]) -> str:
    own, base = logged.get("average_precision"), logged.get("average_precision_base_rate")
    if own is None or base is None:
        return "first version; no customer left in the test window, so its quality is not known yet"
    return f"first version; average precision {own:.3f}, base rate {base:.3f}"


def compare(challenger: Vector, champion: Vector, test: pd.DataFrame, margin: float, seed: int) -> tuple[bool, str]:
    """Say whether the challenger beats the champion on the same rows by more than margin and noise, and why."""
    has_left = test[LABEL].to_numpy(dtype=bool)
    if not has_left.any() or has_left.all():
        return False, "the champion stays: the test window has no departure to compare on"
    own, other = (metrics.average_precision(has_left, p) for p in (challenger, champion))
    noise = _difference_noise(challenger, champion, has_left, test["customer_id"], seed)
    needed = max(margin * other, noise)
    words = f"average precision {own:.4f} against {other:.4f} of the champion; needed is {needed:.4f} more"
    better = own - other > needed
    return better, ("better than the champion: " if better else "the champion stays: ") + words


def _difference_noise(challenger: Vector, champion: Vector, has_left: Flags, customers: pd.Series, seed: int) -> float:
    """Standard error of the difference of average precision; whole customers are drawn, as their rows are alike."""
    codes, names = pd.factorize(customers)
    draw = np.random.default_rng(seed)
    differences = []
    for _ in range(RESAMPLES):
        times = np.bincount(draw.integers(0, len(names), len(names)), minlength=len(names))[codes]
        if (times * has_left).sum() == 0:
            continue
        own, other = (average_precision_score(has_left, p, sample_weight=times) for p in (challenger, champion))
        differences.append(float(own - other))
    return float(np.std(differences)) if len(differences) > 1 else 0.0


def quality_dropped(as_of_date: str, settings: Settings | None = None) -> str | None:
    """Say in words why a new model should be trained before its time; None while the champion holds.

    Looked at on the newest window whose outcome is known: are departures still as many as the probabilities announced,
    and does the ranking still beat chance?
    """
    settings = settings or get_settings()
    try:
        test = evaluation_set(date.fromisoformat(as_of_date), ChurnParams(), settings)
    except ChurnSkippedError:
        return None  # nothing to train on, so nothing to train
    champion = registry.champion(MODEL_NAME, settings)
    if champion is None:
        return "churn has no champion yet"
    probability = champion.predictor.predict(test)["churn_probability"].to_numpy()
    return _decay(probability, test[LABEL].to_numpy(dtype=bool))


def _decay(probability: Vector, has_left: Flags) -> str | None:
    announced, seen = float(probability.sum()), float(has_left.sum())
    # Few departures are always off by much; three standard errors keep small utilities from retraining daily.
    if abs(announced - seen) > 3 * np.sqrt(max(announced, 1.0)) and (
        seen > MOST_LEVEL_ERROR * announced or announced > MOST_LEVEL_ERROR * seen
    ):
        return f"churn champion announced {announced:.0f} departures where {seen:.0f} were seen"
    if seen >= 20 and metrics.auc(has_left, probability) < 0.5:
        return "churn champion ranks customers no better than chance"
    return None

"""How well the alert model finds faults that begin in later days, beside the ratio of means, and who is champion.

While there are no findings of crews, faults of our own kinds are planted into the newest reads; each meter is judged by
trees that saw neither it nor its copies. Where there are, the newest findings judge, those that no version learnt from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score

from meterwise import metrics, promotions, registry
from meterwise.settings import Settings, get_settings
from meterwise.sources.cube import Cube
from meterwise.watching.quality import Figure, at_training
from models.alerts import labels
from models.alerts.dataset import AlertsSkippedError, judged_cube, labelled
from models.alerts.day_features import filled
from models.alerts.faults import LEAST_DAYS, plant
from models.alerts.features import features, population
from models.alerts.files import measure
from models.alerts.params import MODEL_NAME, WarehouseAlertParams
from models.alerts.predictor import AlertPredictor

Vector = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
FAULTY_SHARE = 0.1
"""Share of faulty meters for which an average precision is told; the planted and the sound are equally many."""
LEAST_OF_PROMOTED = 0.8  # a fifth less than at promotion: reads have changed
AT_TRAINING: dict[str, tuple[str | None, str]] = {
    "average_precision": ("average_precision_ratio_of_means", "ratio of means"),
    "recall_at_1_per_100": ("recall_at_1_per_100_ratio_of_means", "ratio of means"),
}


@dataclass(frozen=True)
class Judged:
    """Meters as they are, and the same meters with a fault planted.

    Attributes:
        found: Features and meter_id of all.
        is_planted: Which have a fault.
        ratio: Of means, the baseline: how far the newest reads are from those before, as a logarithm.
    """

    found: pd.DataFrame
    is_planted: Flags
    ratio: Vector


def planted(reads: Cube, is_later: bool, params: WarehouseAlertParams) -> Judged:
    """Plant faults that begin in the days that no tree has seen, or anywhere where no days are kept back."""
    kwh = filled(reads.kwh)
    usual = population(kwh)
    begin = kwh.shape[1] - params.later_days if is_later else LEAST_DAYS
    faulty, _ = plant(kwh, np.random.default_rng(params.seed + 1), begin)
    found = pd.concat([features(kwh, usual), features(faulty, usual)], ignore_index=True)
    both = np.concatenate([kwh, faulty]).astype(np.float64)
    before, after = both[:, :begin].mean((1, 2)), both[:, begin:].mean((1, 2))
    ratio = np.abs(np.log((np.maximum(after, 0) + 1e-3) / (np.maximum(before, 0) + 1e-3)))
    return Judged(found.assign(meter_id=np.tile(reads.meter_ids, 2)), np.arange(len(found)) >= len(kwh), ratio)


def beside(predictor: AlertPredictor, judged: Judged) -> dict[str, float]:
    """Return the model's figures, and the baseline's as ``<metric>_ratio_of_means``."""
    score = predictor.predict(judged.found)["score"].to_numpy()
    found = dict(_figures(judged.is_planted, score))
    return found | {
        f"{name}_ratio_of_means": value for name, value in _figures(judged.is_planted, judged.ratio).items()
    }


def measure_findings(predictor: AlertPredictor, found: pd.DataFrame, params: WarehouseAlertParams) -> dict[str, float]:
    """Return how well scores tell faulty meters from those where nothing was found; empty where too few can say."""
    if not labels.can_judge(found, params):
        return {}
    is_faulty, score = found["label"].to_numpy() == 1, predictor.predict(found)["score"].to_numpy()
    return {"findings_auc": metrics.auc(is_faulty, score), "findings_judged": float(len(found))}


def promote_if_better(run_id: str, as_of_date: str, settings: Settings | None = None) -> bool:
    """Make the run's model champion if it is better than the champion on the same meters; say whether it is champion.

    Better means: a higher average precision on planted faults, or a higher AUC on findings where they can judge, by
    more than the setting ``promotion_margin`` and by more than its noise. The first version needs no rival.
    """

    def _compare(challenger: registry.RegisteredModel, champion: registry.RegisteredModel) -> promotions.Comparison:
        own, other = (cast(AlertPredictor, model.predictor) for model in (challenger, champion))
        return _comparison(own, other, date.fromisoformat(as_of_date), settings)

    return promotions.promote_if_better(MODEL_NAME, run_id, as_of_date, _first, _compare, settings)


def _first(logged: Mapping[str, float]) -> str:
    own, other = (logged.get(name, float("nan")) for name in ("average_precision", "average_precision_ratio_of_means"))
    return f"average precision {own:.3f} on planted faults, ratio of means {other:.3f}"


def _comparison(
    own: AlertPredictor, other: AlertPredictor, as_of_date: date, settings: Settings | None
) -> promotions.Comparison:
    params = WarehouseAlertParams()
    _, later = labels.split(labelled(as_of_date, own.days, params, settings))
    if labels.can_judge(later, params):
        return compare(own, other, later, later["label"].to_numpy() == 1, params.seed, "findings_auc")
    try:
        judged = _planted_now(own, as_of_date, params, settings)
    except AlertsSkippedError as word:
        raise promotions.IncomparableError(str(word)) from word
    return compare(own, other, judged.found, judged.is_planted, params.seed, "average_precision")


def compare(
    challenger: AlertPredictor, champion: AlertPredictor, found: pd.DataFrame, is_faulty: Flags, seed: int, metric: str
) -> promotions.Comparison:
    """Compare what two models say of the same meters; whole meters make the noise."""
    figure = metrics.auc if metric == "findings_auc" else average_precision
    scores = [model.predict(found)["score"].to_numpy() for model in (challenger, champion)]

    def _difference(times: Vector) -> float:
        drawn = np.repeat(np.arange(len(times)), times.astype(int))
        one, another = (figure(is_faulty[drawn], score[drawn]) for score in scores)
        return one - another

    noise = metrics.difference_noise(_difference, found["meter_id"], seed)
    words = "AUC on findings" if metric == "findings_auc" else "average precision on planted faults"
    one, another = (figure(is_faulty, score) for score in scores)
    return promotions.Comparison(metric, words, one, another, noise)


def average_precision(is_faulty: Flags, score: Vector) -> float:
    """Return the average precision that would be seen if ``FAULTY_SHARE`` of the meters were faulty."""
    if not 0 < is_faulty.sum() < len(is_faulty):
        return float("nan")
    faulty = FAULTY_SHARE / is_faulty.mean()
    weight = np.where(is_faulty, faulty, (1 - FAULTY_SHARE) / (1 - is_faulty.mean()))
    return float(average_precision_score(is_faulty, score, sample_weight=weight))


def quality_dropped(as_of_date: str, settings: Settings | None = None) -> str | None:
    """Say in words why a new model should be trained before its time; None while the champion finds planted faults."""
    settings = settings or get_settings()
    champion = registry.champion(MODEL_NAME, settings)
    if champion is None:
        return "alerts has no champion yet"
    try:
        now = _now(champion, date.fromisoformat(as_of_date), settings)
    except AlertsSkippedError:
        return None  # nothing to train on, so nothing to train
    promised = champion.metrics.get("average_precision", float("nan"))
    if np.isfinite(promised) and now < LEAST_OF_PROMOTED * promised:
        return (
            f"alerts champion finds planted faults with an average precision of {now:.3f}, {promised:.3f} at training"
        )
    return None


def quality(as_of_date: str, settings: Settings | None = None) -> list[Figure]:
    """Return how well the champion finds faults planted into today's reads, and how well it did at training."""
    champion = registry.champion(MODEL_NAME, settings)
    if champion is None:
        return []
    found = at_training(MODEL_NAME, champion.version, champion.as_of_date, champion.metrics, AT_TRAINING)
    day, params = date.fromisoformat(as_of_date), WarehouseAlertParams()
    try:
        judged = _planted_now(cast(AlertPredictor, champion.predictor), day, params, settings)
    except AlertsSkippedError:
        return found
    own = beside(cast(AlertPredictor, champion.predictor), judged)
    names = [(name, other) for name, (other, _) in AT_TRAINING.items() if other]
    said = (MODEL_NAME, champion.version, day)
    return found + [
        Figure(*said, name, own[name], own[other], "ratio of means", len(judged.found)) for name, other in names
    ]


def _now(champion: registry.Champion, as_of_date: date, settings: Settings) -> float:
    predictor = cast(AlertPredictor, champion.predictor)
    judged = _planted_now(predictor, as_of_date, WarehouseAlertParams(), settings)
    return average_precision(judged.is_planted, predictor.predict(judged.found)["score"].to_numpy())


def _planted_now(
    predictor: AlertPredictor, as_of_date: date, params: WarehouseAlertParams, settings: Settings | None
) -> Judged:
    reads = judged_cube(as_of_date, params, settings, predictor.days)
    return planted(reads, predictor.days - params.later_days >= LEAST_DAYS, params)


def _figures(is_faulty: Flags, score: Vector) -> Mapping[str, float]:
    return measure(is_faulty, score) | {"average_precision": average_precision(is_faulty, score)}

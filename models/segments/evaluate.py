"""How well load shapes describe later profiles, beside one shape for all, and whether they become champion."""

from collections.abc import Mapping
from datetime import date
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from meterwise import metrics, promotions, registry
from meterwise.settings import Settings, get_settings
from meterwise.watching.quality import Figure, at_training
from models.segments.dataset import SegmentsDataset, SegmentsSkippedError, training_set
from models.segments.params import MODEL_NAME, SegmentsParams
from models.segments.predictor import LoadShapes, profiles

LEAST_OF_PROMOTED = 0.8  # a fifth less explained than at promotion: habits have changed
AT_TRAINING: dict[str, tuple[str | None, str]] = {
    "explained_variance": ("explained_variance_one_cluster", "one shape for all")
}


def measure(shapes: LoadShapes, train: pd.DataFrame, evaluate: pd.DataFrame) -> dict[str, float]:
    """Return explained variance on the evaluation window and how many customers keep their shape until then."""
    found = {
        "explained_variance": explained_variance(shapes, evaluate),
        "explained_variance_train": explained_variance(shapes, train),
        "shapes": float(len(set(shapes.names))),
        "customers": float(len(evaluate)),
    }
    return found | _keeping(shapes, train, evaluate)


def beside_one_cluster(train: pd.DataFrame, evaluate: pd.DataFrame) -> dict[str, float]:
    """Return what the mean profile of the training window explains alone: nothing, or less than nothing."""
    mean = LoadShapes(("all",), (tuple(profiles(train).mean(axis=0)),), 0)
    return {"explained_variance_one_cluster": explained_variance(mean, evaluate)}


def explained_variance(shapes: LoadShapes, frame: pd.DataFrame) -> float:
    """Return the share of the profiles' variance around their own mean that the nearest centres explain."""
    rows = profiles(frame)
    total = float(((rows - rows.mean(axis=0)) ** 2).sum())
    if total == 0:
        return 1.0
    return 1.0 - float((shapes.nearest(rows)[1] ** 2).sum()) / total


def _keeping(shapes: LoadShapes, train: pd.DataFrame, evaluate: pd.DataFrame) -> dict[str, float]:
    """Share of customers whose name is the same on the last training day and on the evaluation day."""
    before = train[train["as_of_date"] == train["as_of_date"].max()]
    both = pd.DataFrame(
        {
            "before": pd.Series(shapes.predict(before)["load_shape"].to_numpy(), index=before["customer_id"]),
            "after": pd.Series(shapes.predict(evaluate)["load_shape"].to_numpy(), index=evaluate["customer_id"]),
        }
    ).dropna()
    if both.empty:
        return {}
    chance = (both["before"].value_counts(normalize=True) * both["after"].value_counts(normalize=True)).sum()
    return {
        "same_shape_share": float((both["before"] == both["after"]).mean()),
        "same_shape_share_by_chance": float(chance),
    }


def promote_if_better(run_id: str, as_of_date: str, settings: Settings | None = None) -> bool:
    """Make the run's shapes champion if they explain more of the same later window; say whether they are champion.

    More by the setting ``promotion_margin`` (a share of the champion's), since new shapes rename customers and a tie is
    not worth it, and by more than the standard error of the difference, customers drawn anew. The first version needs
    no rival.
    """

    def _compare(challenger: registry.RegisteredModel, champion: registry.RegisteredModel) -> promotions.Comparison:
        own, other = (cast(LoadShapes, model.predictor) for model in (challenger, champion))
        return compare(own, other, _dataset(as_of_date, settings).evaluate, SegmentsParams().seed)

    return promotions.promote_if_better(MODEL_NAME, run_id, as_of_date, _first, _compare, settings)


def _first(logged: Mapping[str, float]) -> str:
    own = logged.get("explained_variance", float("nan"))
    return f"explains {own:.1%} of the variance of profiles, one shape for all 0 %"


def compare(challenger: LoadShapes, champion: LoadShapes, evaluate: pd.DataFrame, seed: int) -> promotions.Comparison:
    """Compare what two sets of shapes explain of the same profiles; customers make the noise."""
    rows = profiles(evaluate)
    spread = ((rows - rows.mean(axis=0)) ** 2).sum(axis=1)
    gain = champion.nearest(rows)[1] ** 2 - challenger.nearest(rows)[1] ** 2

    def _difference(times: npt.NDArray[np.float64]) -> float:
        total = float((times * spread).sum())
        return float((times * gain).sum()) / total if total > 0 else float("nan")

    own, other = (explained_variance(shapes, evaluate) for shapes in (challenger, champion))
    noise = metrics.difference_noise(_difference, evaluate["customer_id"], seed)
    return promotions.Comparison("explained_variance", "explained variance of profiles", own, other, noise)


def quality_dropped(as_of_date: str, settings: Settings | None = None) -> str | None:
    """Say in words why new shapes should be learnt before their time; None while the champion's hold."""
    settings = settings or get_settings()
    try:
        evaluate = _dataset(as_of_date, settings).evaluate
    except SegmentsSkippedError:
        return None  # nothing to train on, so nothing to train
    champion = registry.champion(MODEL_NAME, settings)
    if champion is None:
        return "segments has no champion yet"
    promised = champion.metrics.get("explained_variance", float("nan"))
    now = explained_variance(cast(LoadShapes, champion.predictor), evaluate)
    if np.isfinite(promised) and now < LEAST_OF_PROMOTED * promised:
        return f"segments champion explains {now:.1%} of the variance of profiles, {promised:.1%} when it was promoted"
    return None


def _dataset(as_of_date: str, settings: Settings | None) -> SegmentsDataset:
    return training_set(date.fromisoformat(as_of_date), SegmentsParams(), settings)


def quality(as_of_date: str, settings: Settings | None = None) -> list[Figure]:
    """Return how much of today's profiles the champion's shapes explain, and how much they did at training."""
    champion = registry.champion(MODEL_NAME, settings)
    if champion is None:
        return []
    found = at_training(MODEL_NAME, champion.version, champion.as_of_date, champion.metrics, AT_TRAINING)
    try:
        evaluate = _dataset(as_of_date, settings).evaluate
    except SegmentsSkippedError:
        return found
    explained = explained_variance(cast(LoadShapes, champion.predictor), evaluate)
    day = date.fromisoformat(as_of_date)
    now = Figure(
        MODEL_NAME, champion.version, day, "explained_variance", explained, 0.0, "one shape for all", len(evaluate)
    )
    return [*found, now]

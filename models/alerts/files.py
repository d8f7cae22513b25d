"""Scores a reads file alone: no stack, and no labels needed."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from meterwise import metrics
from meterwise.sources.cube import Cube
from models.alerts.features import features
from models.alerts.naming import METER_TYPES, told
from models.alerts.params import AlertParams
from models.alerts.supervised import FOLDS, out_of_fold
from models.alerts.suspicion import fit

SHORT, FEW = "not enough history", "too few meters to know what is usual"


class LabelsError(ValueError):
    """The labels cannot be learnt from; the text says why."""


@dataclass(frozen=True)
class Scored:
    """Meters with scores.

    Attributes:
        meters: meter_id, score (NaN where nothing can be said), type, evidence; most suspect first.
        found: The features of those with a score, by meter_id.
    """

    meters: pd.DataFrame
    found: pd.DataFrame


def score_cube(cube: Cube, params: AlertParams) -> Scored:
    """Score each meter against the others of the same file, by its newest days. Deterministic."""
    cube = Cube(cube.meter_ids, cube.days[-params.most_days :], cube.kwh[:, -params.most_days :])
    is_long = (~np.isnan(cube.kwh)).any(-1).sum(1) >= params.least_days
    is_scored = is_long & (is_long.sum() >= params.least_meters)
    unknown = pd.DataFrame({"meter_id": cube.meter_ids, "score": np.nan, "type": "", "evidence": FEW})
    unknown.loc[~is_long, "evidence"] = SHORT
    rows = np.flatnonzero(is_scored)
    chunks = _chunks(cube, rows, params) if len(rows) else []
    meters = pd.concat([unknown[~is_scored], *(meters for meters, _ in chunks)])
    return Scored(
        meters.sort_values(["score", "meter_id"], ascending=[False, True], ignore_index=True),
        pd.concat([found for _, found in chunks]) if chunks else pd.DataFrame(),
    )


def _chunks(cube: Cube, rows: npt.NDArray[np.int64], params: AlertParams) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    model = fit(cube.kwh, rows, params)
    done = []
    for at in range(0, len(rows), params.chunk_meters):
        part = rows[at : at + params.chunk_meters]
        kwh, ids = cube.kwh[part], cube.meter_ids[part]
        found = features(kwh, model.usual)
        score = model.log_odds(found, part, params).astype(float)
        words = told(kwh, found, score, model.kinds(found), cube.days)
        meters = {"meter_id": ids, "score": score.round(6), "type": words["alert_type"], "evidence": words["evidence"]}
        done.append((pd.DataFrame(meters), found.set_index(pd.Index(ids, name="meter_id"))))
    return done


def with_labels(scored: Scored, labels: pd.DataFrame, params: AlertParams) -> tuple[pd.DataFrame, dict[str, float]]:
    """Add supervised_score and supervised_type, out of fold by meter, and say how well both scores do.

    Args:
        scored: Of ``score_cube``.
        labels: meter_id, label (1 = faulty) and type, where known; without it the folds repeat the alert types. Meters
            without a label are left out.
        params: Those of the scores.

    Raises:
        LabelsError: Fewer faulty or sound meters with a score than folds.
    """
    known = scored.meters.dropna(subset="score").merge(labels, on="meter_id", suffixes=("", "_label"))
    label = known["label"].to_numpy().astype(int)
    if min(label.sum(), (1 - label).sum()) < FOLDS:
        raise LabelsError(f"labels name {label.sum()} faulty of {len(label)} meters with a score; {FOLDS} are needed")
    kind = known["type_label" if "type" in labels else "type"].to_numpy().astype(str)
    folds = out_of_fold(scored.found.loc[known["meter_id"]], known["score"].to_numpy(), label, kind, params)
    known = known.assign(supervised_score=folds["log_odds"].round(6), supervised_type=folds["type"])
    is_faulty = label.astype(bool)
    figures = {
        f"{name}_{metric}": value
        for name, score in (("unsupervised", known["score"]), ("supervised", known["supervised_score"]))
        for metric, value in measure(is_faulty, score.to_numpy()).items()
    }
    figures["supervised_type_right"] = float((known["supervised_type"] == kind)[is_faulty].mean())
    figures["unsupervised_type_of_meter"] = float(known["type"].isin(METER_TYPES)[is_faulty].mean())
    columns = ["meter_id", "supervised_score", "supervised_type"]
    return scored.meters.merge(known[columns], on="meter_id", how="left"), figures


def measure(is_faulty: npt.NDArray[np.bool_], score: npt.NDArray[np.float64]) -> dict[str, float]:
    """AUC, average precision, and recall where one in a hundred sound meters gives a false alarm."""
    allowed = int(0.01 * (~is_faulty).sum())
    bar = np.sort(score[~is_faulty])[::-1][allowed]
    return {
        "auc": metrics.auc(is_faulty, score),
        "average_precision": metrics.average_precision(is_faulty, score),
        "recall_at_1_per_100": float((score[is_faulty] > bar).mean()),
    }

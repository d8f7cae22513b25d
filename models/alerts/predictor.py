"""The alert model as it is registered: trees of each fold, names of faults, what labels added, and the calibration."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression

from models.alerts.params import AlertParams
from models.alerts.reads import drawn
from models.alerts.supervised import SUSPICION_WEIGHT, Labelled
from models.alerts.suspicion import NOT_FEATURES, booster, certain, likeliest_fault

Vector = npt.NDArray[np.float64]
NOT_LEARNT_FROM = ["meter_id", "closed_on", "label", "kind", "split_day"]


@dataclass(frozen=True)
class Calibration:
    """From a score to the chance of a fault, as a logistic curve (Platt)."""

    slope: float
    shift: float

    def probability(self, score: Vector) -> Vector:
        """Return the chance of each score."""
        return np.asarray(1 / (1 + np.exp(-(self.slope * score + self.shift))))


def calibrated(score: Vector, is_faulty: npt.NDArray[np.bool_], prior_share: float) -> Calibration:
    """Fit the curve as if half of the meters were faulty, then move it to the share that is."""
    curve = LogisticRegression(class_weight="balanced").fit(score[:, None], is_faulty)
    odds = prior_share / (1 - prior_share)
    return Calibration(max(float(curve.coef_[0, 0]), 0.0), float(curve.intercept_[0]) + float(np.log(odds)))


@dataclass(frozen=True)
class AlertPredictor:
    """Scores meters by their features.

    Attributes:
        params: Those of the training.
        days: Days that it looks at.
        trees: A model a fold, LightGBM's text; a meter belongs to a fold by its number.
        namer: Names the planted fault that the reads look most like.
        calibration: From score to confidence.
        labelled: Trees that learnt from findings; None while there are too few.
    """

    params: AlertParams
    days: int
    trees: tuple[str, ...]
    namer: str
    calibration: Calibration
    labelled: Labelled | None = None

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return score, confidence, kind (the likeliest planted fault) and finding (what crews would call it, or "").

        Args:
            frame: ``features`` of each meter and meter_id. A row's result does not depend on the rows beside it.
        """
        score, finding = self.suspicion(frame), np.full(len(frame), "")
        if self.labelled:
            x = with_suspicion(frame, score)
            score = self.labelled.log_odds(x) + SUSPICION_WEIGHT * score
            finding = self.labelled.types(x)
        return pd.DataFrame(
            {
                "score": score,
                "confidence": self.calibration.probability(score),
                "kind": likeliest_fault(self.namer, without_names(frame)),
                "finding": finding,
            },
            index=frame.index,
        )

    def suspicion(self, frame: pd.DataFrame) -> Vector:
        """Return log odds without labels; each meter by the trees that saw neither it nor its copies."""
        found, fold = without_names(frame), fold_of(frame["meter_id"], len(self.trees))
        x, score = found.drop(columns=NOT_FEATURES), np.zeros(len(frame))
        for number, text in enumerate(self.trees):
            if (is_in := fold == number).any():
                score[is_in] = booster(text).predict(x[is_in], raw_score=True, num_threads=1)
        return score + certain(found, self.params)


def fold_of(meter_ids: "pd.Series[str]", folds: int) -> npt.NDArray[np.int64]:
    """Return the fold of each meter, which follows from its number alone, so that no list of meters is kept."""
    return (drawn(meter_ids.to_numpy().astype(str)) % np.uint64(folds)).astype(np.int64)


def without_names(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the features alone."""
    return frame.drop(columns=[name for name in NOT_LEARNT_FROM[:-1] if name in frame])


def with_suspicion(frame: pd.DataFrame, suspicion: Vector) -> pd.DataFrame:
    """Return what the trees with labels look at."""
    return without_names(frame).drop(columns="split_day").assign(suspicion=suspicion)

"""The churn model as it is registered: names of features, trees and calibration in one picklable object."""

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd

from models.churn.calibration import Platt

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Encoding:
    """How a feature frame becomes numbers; fixed in training, so scoring fits nothing.

    Attributes:
        numeric: Columns taken as they are.
        categories: Names of each categorical column as seen in training, in order; others count as unknown.
    """

    numeric: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Features in the order of the matrix."""
        return (*self.numeric, *self.categories)

    def example(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return rows as a caller would send them, and one of gaps alone, so that the signature lets gaps pass."""
        numbers = {name: _numbers(frame, name) for name in self.numeric}
        names = {name: frame[name].astype("object").where(frame[name].notna(), None) for name in self.categories}
        rows = pd.DataFrame({**numbers, **{name: value.to_numpy() for name, value in names.items()}})
        return rows.reindex(range(len(rows) + 1))

    def named(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame with only those names that training knew; what is rare could be a person's."""
        known = {
            name: frame[name].where(frame[name].astype("object").isin(list(names)))
            for name, names in self.categories.items()
            if name in frame
        }
        return frame.assign(**known)

    def matrix(self, frame: pd.DataFrame) -> Matrix:
        """Return features as numbers; an unknown, unseen or absent value is NaN."""
        columns = [_numbers(frame, name) for name in self.numeric]
        columns += [_codes(frame, name, known) for name, known in self.categories.items()]
        return np.column_stack(columns) if columns else np.empty((len(frame), 0))


@dataclass(frozen=True)
class ChurnPredictor:
    """Probability that a customer leaves within the horizon.

    Attributes:
        encoding: From frame to matrix.
        trees: LightGBM's own text format, so that the model reads with any pickle version.
        calibration: Fitted on a later window than the trees.
        horizon_days: What 'leaves' means.
    """

    encoding: Encoding
    trees: str
    calibration: Platt
    horizon_days: int

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return ``churn_probability`` for each row; a row's value does not depend on the other rows."""
        log_odds = self.log_odds(frame)
        return pd.DataFrame({"churn_probability": self.calibration.probability(log_odds)}, index=frame.index)

    def log_odds(self, frame: pd.DataFrame) -> Matrix:
        """Return the raw scores before calibration."""
        if frame.empty:
            return np.empty(0)
        raw = self._booster().predict(self.encoding.matrix(frame), raw_score=True, num_threads=1)
        return np.asarray(raw, dtype=np.float64)

    def contributions(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return what each feature adds to the log odds of each row; about a millisecond a row, so ask for few."""
        names = list(self.encoding.names)
        if frame.empty:
            return pd.DataFrame(columns=names, index=frame.index, dtype=float)
        shares = self._booster().predict(self.encoding.matrix(frame), pred_contrib=True, num_threads=1)
        return pd.DataFrame(np.asarray(shares)[:, :-1], columns=names, index=frame.index)

    def _booster(self) -> lgb.Booster:
        return lgb.Booster(model_str=self.trees)


def _numbers(frame: pd.DataFrame, name: str) -> Matrix:
    if name not in frame:
        return np.full(len(frame), np.nan)
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def _codes(frame: pd.DataFrame, name: str, known: tuple[str, ...]) -> Matrix:
    if name not in frame:
        return np.full(len(frame), np.nan)
    codes = pd.Categorical(frame[name].astype("object"), categories=list(known)).codes.astype(np.float64)
    codes[codes < 0] = np.nan
    return codes

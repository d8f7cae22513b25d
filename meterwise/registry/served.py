"""A predictor as it is stored, and as MLflow serves it."""

import pickle
from pathlib import Path
from typing import Any, Protocol

import pandas as pd


class Predictor(Protocol):
    """What can be registered: picklable, fitted preprocessing included; ``predict`` never fits anything."""

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return one row of predictions for each row of features."""
        ...


class _Served:
    """A predictor as MLflow serves it."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Predict with the stored predictor."""
        return self.predictor.predict(model_input)

    def get_raw_model(self) -> Predictor:
        """Return the stored predictor itself."""
        return self.predictor


def _load_pyfunc(path: str) -> _Served:
    """Read a stored predictor; MLflow calls this by name when it loads a model."""
    return _Served(pickle.loads(Path(path).read_bytes()))  # noqa: S301 - our own artifact, from our own registry

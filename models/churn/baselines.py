"""What people would use instead: the base rate, and a logistic regression on the same features."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from models.churn.dataset import LABEL, ChurnDataset
from models.churn.params import CATEGORICAL, NUMERIC, ChurnParams

Vector = npt.NDArray[np.float64]


def baseline_probabilities(dataset: ChurnDataset, params: ChurnParams) -> dict[str, Vector]:
    """Return the test window's probabilities of each baseline, learnt from the training window alone."""
    rate = float(dataset.train[LABEL].mean())
    return {
        "base_rate": np.full(len(dataset.test), rate),
        "logistic_regression": _logistic(dataset, params),
    }


def _logistic(dataset: ChurnDataset, params: ChurnParams) -> Vector:
    train, test = _plain(dataset.train), _plain(dataset.test)
    # A column that training never saw filled has nothing to impute from.
    numeric = [name for name in NUMERIC if name in train and train[name].notna().any()]
    named = [name for name in CATEGORICAL if name in train and train[name].notna().any()]
    model = _pipeline(numeric, named, params)
    model.fit(train[numeric + named], dataset.train[LABEL].to_numpy(dtype=bool))
    return np.asarray(model.predict_proba(test[numeric + named])[:, 1], dtype=np.float64)


def _pipeline(numeric: list[str], named: list[str], params: ChurnParams) -> Pipeline:
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    names = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="unknown"), OneHotEncoder(handle_unknown="ignore")
    )
    columns = ColumnTransformer([("numbers", numbers, numeric), ("names", names, named)])
    return make_pipeline(columns, LogisticRegression(C=0.1, max_iter=500, random_state=params.seed))


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    numbers = {n: pd.to_numeric(frame[n], errors="coerce").astype("float64") for n in NUMERIC if n in frame}
    names = {
        n: frame[n].astype("object").where(frame[n].notna(), np.nan).map(str, na_action="ignore")
        for n in CATEGORICAL
        if n in frame
    }
    return pd.DataFrame(numbers | names)

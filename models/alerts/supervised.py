"""What labels add: trees on the same features and the unsupervised score, judged out of fold by meter."""

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from models.alerts.params import AlertParams
from models.alerts.suspicion import booster

FOLDS = 5
SEEDS = 3
"""Trees are grown by so many seeds and their log odds averaged: with some 40 faults to learn from, one is noisy."""
SUSPICION_WEIGHT = 0.3
"""Share of the unsupervised log odds that is added: it knows kinds of faults that no label tells of."""

_REPEATABLE = {"deterministic": True, "force_row_wise": True, "num_threads": 1, "verbose": -1}


def out_of_fold(
    found: pd.DataFrame,
    score: npt.NDArray[np.float64],
    label: npt.NDArray[np.int64],
    kind: npt.NDArray[np.str_],
    params: AlertParams,
) -> pd.DataFrame:
    """Return ``log_odds`` and ``type`` of each meter by models that saw neither it nor its label.

    The unsupervised score is a feature; it was made without labels, so no fold learns from another's.
    """
    x = found.drop(columns="split_day").assign(suspicion=score)
    log_odds, named = np.zeros(len(x)), np.full(len(x), "", dtype=object)
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=params.seed).split(x, label):
        told = grown(x.iloc[train], label[train], kind[train], params)
        log_odds[test], named[test] = told.log_odds(x.iloc[test]), told.types(x.iloc[test])
    return pd.DataFrame({"log_odds": log_odds + SUSPICION_WEIGHT * score, "type": named})


@dataclass(frozen=True)
class Labelled:
    """Trees that learnt from labels, in LightGBM's text.

    Attributes:
        faulty: One of each seed: is the meter faulty.
        names: Kinds that the labels of faulty meters name.
        namer: Which of them it is; empty where there is but one.
    """

    faulty: tuple[str, ...]
    names: tuple[str, ...]
    namer: str

    def log_odds(self, x: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the log odds of each row of features, ``suspicion`` among them."""
        return np.asarray(
            np.mean([booster(text).predict(x, raw_score=True, num_threads=1) for text in self.faulty], axis=0)
        )

    def types(self, x: pd.DataFrame) -> npt.NDArray[np.str_]:
        """Return the likeliest kind of each row."""
        if not self.namer:
            return np.full(len(x), self.names[0] if self.names else "")
        return np.array(self.names)[np.asarray(booster(self.namer).predict(x, num_threads=1)).argmax(1)]


def grown(x: pd.DataFrame, label: npt.NDArray[np.int64], kind: npt.NDArray[np.str_], params: AlertParams) -> Labelled:
    """Learn from labels; ``kind`` counts for the faulty ones only. Deterministic."""
    faulty = tuple(_is_faulty(x, label, seed) for seed in range(SEEDS))
    names = np.unique(kind[label == 1])
    namer = _namer(x[label == 1], kind[label == 1], params) if len(names) > 1 else ""
    return Labelled(faulty, tuple(str(name) for name in names), namer)


def _is_faulty(x: pd.DataFrame, label: npt.NDArray[np.int64], seed: int) -> str:
    knobs = {"objective": "binary", "num_leaves": 7, "min_data_in_leaf": 4, "learning_rate": 0.03, "lambda_l2": 5.0}
    knobs |= {"feature_fraction": 0.4, "bagging_fraction": 0.7, "bagging_freq": 1, "seed": seed, **_REPEATABLE}
    return str(lgb.train(knobs, lgb.Dataset(x, label), 300).model_to_string())


def _namer(x: pd.DataFrame, kind: npt.NDArray[np.str_], params: AlertParams) -> str:
    names, y = np.unique(kind, return_inverse=True)
    knobs = {"objective": "multiclass", "num_class": len(names), "num_leaves": 4, "min_data_in_leaf": 3}
    knobs |= {"learning_rate": 0.05, "feature_fraction": 0.3, "lambda_l2": 1.0, "seed": params.seed, **_REPEATABLE}
    return str(lgb.train(knobs, lgb.Dataset(x, y), 150).model_to_string())

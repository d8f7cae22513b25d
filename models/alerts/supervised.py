"""What labels add: trees on the same features and the unsupervised score, judged out of fold by meter."""

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from models.alerts.params import AlertParams

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
        log_odds[test] = np.mean([_is_faulty(x, label, train, test, seed) for seed in range(SEEDS)], axis=0)
        named[test] = _type(x, kind, train[label[train] == 1], test, params)
    return pd.DataFrame({"log_odds": log_odds + SUSPICION_WEIGHT * score, "type": named})


def _is_faulty(
    x: pd.DataFrame, label: npt.NDArray[np.int64], train: npt.NDArray[np.int64], test: npt.NDArray[np.int64], seed: int
) -> npt.NDArray[np.float64]:
    knobs = {"objective": "binary", "num_leaves": 7, "min_data_in_leaf": 4, "learning_rate": 0.03, "lambda_l2": 5.0}
    knobs |= {"feature_fraction": 0.4, "bagging_fraction": 0.7, "bagging_freq": 1, "seed": seed, **_REPEATABLE}
    trees = lgb.train(knobs, lgb.Dataset(x.iloc[train], label[train]), 300)
    return np.asarray(trees.predict(x.iloc[test], raw_score=True, num_threads=1))


def _type(
    x: pd.DataFrame,
    kind: npt.NDArray[np.str_],
    faulty: npt.NDArray[np.int64],
    test: npt.NDArray[np.int64],
    params: AlertParams,
) -> npt.NDArray[np.str_]:
    names, y = np.unique(kind[faulty], return_inverse=True)
    if len(names) < 2:
        return np.full(len(test), names[0] if len(names) else "")
    knobs = {"objective": "multiclass", "num_class": len(names), "num_leaves": 4, "min_data_in_leaf": 3}
    knobs |= {"learning_rate": 0.05, "feature_fraction": 0.3, "lambda_l2": 1.0, "seed": params.seed, **_REPEATABLE}
    trees = lgb.train(knobs, lgb.Dataset(x.iloc[faulty], y), 150)
    return names[np.asarray(trees.predict(x.iloc[test], num_threads=1)).argmax(1)]

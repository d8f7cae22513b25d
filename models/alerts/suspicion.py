"""A score without labels: trees that tell meters with a planted fault of ours from meters as they are."""

from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd

from models.alerts.day_features import filled
from models.alerts.faults import FAULTS, plant
from models.alerts.features import ORDER_CHANGES, Population, features, population
from models.alerts.params import AlertParams

Floats = npt.NDArray[np.floating[Any]]
NOT_FEATURES = ["split_day", *ORDER_CHANGES]


@dataclass(frozen=True)
class Suspicion:
    """A fitted score of one file.

    Attributes:
        usual: What the sampled meters do.
        sampled: Rows of the sampled meters in the file.
        fold_of: The fold of each sampled meter.
        models: One for each fold, LightGBM's text, fitted on the other folds.
        namer: Names the planted fault from the features.
    """

    usual: Population
    sampled: npt.NDArray[np.int64]
    fold_of: npt.NDArray[np.int64]
    models: tuple[str, ...]
    namer: str

    def log_odds(self, found: pd.DataFrame, rows: npt.NDArray[np.int64], params: AlertParams) -> Floats:
        """Score features of the file's rows; a sampled meter by the model that did not see it, others by all."""
        x = found.drop(columns=NOT_FEATURES)
        by_model = np.stack([booster(text).predict(x, raw_score=True, num_threads=1) for text in self.models])
        score = by_model.mean(0)
        place = np.searchsorted(self.sampled, rows).clip(max=len(self.sampled) - 1)
        is_sampled = self.sampled[place] == rows
        score[is_sampled] = by_model[self.fold_of[place[is_sampled]], np.flatnonzero(is_sampled)]
        return score + certain(found, params)

    def kinds(self, found: pd.DataFrame) -> npt.NDArray[np.str_]:
        """Return the likeliest planted fault of each row."""
        return likeliest_fault(self.namer, found)


@dataclass(frozen=True)
class Copies:
    """Features of copies of sampled meters, each with a fault planted.

    Attributes:
        found: A row a copy.
        kinds: The fault of each.
        source: The sampled meter of each, by position.
    """

    found: pd.DataFrame
    kinds: npt.NDArray[np.str_]
    source: npt.NDArray[np.int64]


def likeliest_fault(namer: str, found: pd.DataFrame) -> npt.NDArray[np.str_]:
    """Return the likeliest planted fault of each row, by the trees of ``grown_namer``."""
    chance = np.asarray(booster(namer).predict(found.drop(columns=NOT_FEATURES), num_threads=1))
    return np.array(list(FAULTS))[chance.argmax(1)]


def certain(found: pd.DataFrame, params: AlertParams) -> Floats:
    """Log odds of what no home does: the same value over and over, and hours newly at zero every day."""
    stuck = 2 * np.clip(found["d_same"].to_numpy() - 0.5, 0, 1)
    emptied = 0.5 * (found["new_zero_slots"].to_numpy() >= 2 / 24)
    return params.certain_weight * (stuck + emptied)


def fit(kwh: Floats, rows: npt.NDArray[np.int64], params: AlertParams) -> Suspicion:
    """Learn from some rows of (meters, days, slots) kWh, without labels. Deterministic."""
    rng = np.random.default_rng(params.seed)
    sampled = np.sort(rng.permutation(rows)[: params.sample_meters])
    sample = filled(kwh[sampled])
    usual = population(sample)
    copies = planted_copies(sample, usual, rng, params)
    fold_of = rng.permutation(len(sample)) % params.folds
    models = grown_by_fold(features(sample, usual), copies, fold_of, params)
    return Suspicion(usual, sampled, fold_of, models, grown_namer(copies, params))


def planted_copies(sample: Floats, usual: Population, rng: np.random.Generator, params: AlertParams) -> Copies:
    """Plant faults into ``planted_per_meter`` copies of each of (n, days, slots) complete reads."""
    parts, kinds = [], []
    for _ in range(params.planted_per_meter):
        planted, kind = plant(sample, rng)
        parts.append(features(planted, usual))
        kinds.append(kind)
    return Copies(
        pd.concat(parts, ignore_index=True), np.concatenate(kinds), np.tile(np.arange(len(sample)), len(parts))
    )


def grown_by_fold(
    own: pd.DataFrame, copies: Copies, fold_of: npt.NDArray[np.int64], params: AlertParams
) -> tuple[str, ...]:
    """Grow a model for each fold on the others; the most suspect are taken out of the sound ones in between."""
    is_sound = np.ones(len(own), bool)
    models: list[str] = []
    for _ in range(params.rounds):
        models, score = [], np.zeros(len(own))
        for fold in range(params.folds):
            use = (fold_of != fold) & is_sound
            models.append(_told_apart(own[use], copies.found[use[copies.source]], params))
            held = own[fold_of == fold].drop(columns=NOT_FEATURES)
            score[fold_of == fold] = booster(models[-1]).predict(held, raw_score=True, num_threads=1)
        is_sound = score < np.quantile(score, params.presumed_sound)
    return tuple(models)


def _told_apart(sound: pd.DataFrame, planted: pd.DataFrame, params: AlertParams) -> str:
    x = pd.concat([sound, planted]).drop(columns=NOT_FEATURES)
    y = np.r_[np.zeros(len(sound)), np.ones(len(planted))]
    weight = np.where(y == 1, 1 / params.planted_per_meter, 1.0)
    return _grown(x, y, weight, {"objective": "binary"}, params.trees, params)


def grown_namer(copies: Copies, params: AlertParams) -> str:
    """Grow trees that name the planted fault."""
    y = pd.Categorical(copies.kinds, categories=list(FAULTS)).codes.astype(float)
    extra = {"objective": "multiclass", "num_class": len(FAULTS), "num_leaves": 7}
    return _grown(copies.found.drop(columns=NOT_FEATURES), y, None, extra, 60, params)


def _grown(
    x: pd.DataFrame, y: Floats, weight: Floats | None, extra: dict[str, object], trees: int, params: AlertParams
) -> str:
    knobs = {
        "learning_rate": params.learning_rate,
        "num_leaves": params.leaves,
        "min_data_in_leaf": params.least_in_leaf,
        "feature_fraction": params.feature_share,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "seed": params.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
    return str(lgb.train(knobs | extra, lgb.Dataset(x, y, weight=weight), trees).model_to_string())


def booster(text: str) -> lgb.Booster:
    """Read trees from LightGBM's text."""
    return lgb.Booster(model_str=text)

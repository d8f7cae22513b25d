"""What past cutoffs teach: rows of all customers, lines that are held to the usual weights, and trees on the rest."""

from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np

from models.bills.bands import Bands
from models.bills.day_grid import Bools, DayGrid, Floats, Integers, Month
from models.bills.params import LATE, LEVELS, SOON, USUAL_WEIGHTS, BillParams
from models.bills.rests import LEVEL_DAYS, InCommon, Rests

MOST_MISSED = 1.0
"""Shares of use that a tree learns at most: a home that was empty for a month makes any month immense."""


@dataclass(frozen=True)
class Learning:
    """Rows of past cutoffs, in shares of use.

    Attributes:
        features: (rows, features).
        change: (rows,) how far the days that came lie from the level before them.
        spread: (rows,) of the customer's weeks.
        weight: (rows,) large customers count more, as they do in the error of all.
        has_season: (rows,) whether the customer's season of a year before was known.
        cutoff: (rows,) column.
        days: Days that each row looks ahead.
    """

    features: Floats
    change: Floats
    spread: Floats
    weight: Floats
    has_season: Bools
    cutoff: Integers
    days: int

    @classmethod
    def of(cls, grid: DayGrid, cutoff: int, days: int, params: BillParams) -> "Learning":
        """Go back from ``cutoff``: each row's ``days`` days lie before it wholly."""
        last = cutoff - days
        first = max(LEVEL_DAYS // 2, last - params.step_days * (params.past_cutoffs - 1))
        parts = [_rows(grid, past, days, params) for past in range(last, first - 1, -params.step_days)]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else _nothing()
        features, change, spread, scale, has_season, at = columns
        weight = np.sqrt(scale / scale.mean()) if len(scale) else scale
        return cls(features, change, spread, weight, has_season.astype(np.bool_), at.astype(np.int64), days)

    def where(self, mask: Bools | Integers) -> "Learning":
        """Return some of the rows."""
        return replace(
            self,
            features=self.features[mask],
            change=self.change[mask],
            spread=self.spread[mask],
            weight=self.weight[mask],
            has_season=self.has_season[mask],
            cutoff=self.cutoff[mask],
        )

    def apart(self, params: BillParams) -> float:
        """Return the share of the rows whose days do not overlap."""
        return min(params.step_days / self.days, 1.0)


def _nothing() -> list[Floats]:
    return [np.empty((0, len(USUAL_WEIGHTS)))] + [np.empty(0)] * 5


def _rows(grid: DayGrid, cutoff: int, days: int, params: BillParams) -> tuple[Floats, ...]:
    end = cutoff + days
    common = InCommon.of(grid, cutoff, end, LEVELS, params)
    rests = Rests.of(grid, cutoff, end, Month(cutoff, end), common, params)
    came = grid.known.mean(cutoff, end, params.least_target_share * days) / np.maximum(rests.shares.mean(axis=1), 0.1)
    told = rests.is_modelled & ~np.isnan(came)
    change = (came - rests.level) / rests.scale
    at = np.full(len(came), cutoff)
    columns = (rests.features, change, rests.spread, rests.scale, rests.has_season, at)
    return tuple(column[told] for column in columns)


@dataclass(frozen=True)
class Fitted:
    """From features to the change that is expected.

    Attributes:
        weights: (features,) of the lines.
        trees: LightGBM's text of what the lines miss; "" is none.
    """

    weights: Floats
    trees: str = ""

    @classmethod
    def of(cls, rows: Learning, params: BillParams) -> "Fitted":
        """Fit lines, and trees on what they miss where there are rows enough."""
        weights = _lines(rows, params)
        if len(rows.change) < params.trees_from_rows:
            return cls(weights)
        drawn = np.random.default_rng(params.seed).permutation(len(rows.change))[: params.rows]
        few = rows.where(np.sort(drawn))
        missed = np.clip(few.change - few.features @ weights, -MOST_MISSED, MOST_MISSED)
        data = lgb.Dataset(_seen(few.features, few.spread), missed, weight=few.weight)
        return cls(weights, lgb.train(_settings(params), data, params.trees).model_to_string())

    def change(self, features: Floats, spread: Floats) -> Floats:
        """Return (rows,) the change from the level, in shares of use."""
        found: Floats = features @ self.weights
        if self.trees and len(found):
            booster = lgb.Booster(model_str=self.trees)
            found = found + np.asarray(booster.predict(_seen(features, spread), num_threads=1), dtype=np.float64)
        return found


def _seen(features: Floats, spread: Floats) -> Floats:
    return np.column_stack([features, spread])


def _settings(params: BillParams) -> dict[str, object]:
    return {
        "objective": "l1",
        "learning_rate": params.learning_rate,
        "num_leaves": params.leaves,
        "min_data_in_leaf": params.leaf_rows,
        "feature_fraction": 0.6,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "seed": params.seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def usual_weights(days: int) -> Floats:
    """Return (features,) the weights before anything is learnt, of so many days ahead."""
    late = float(np.clip((days - SOON) / (LATE - SOON), 0, 1))
    return np.array([(1 - late) * soon + late * later for soon, later in USUAL_WEIGHTS.values()])


def _lines(rows: Learning, params: BillParams) -> Floats:
    """Weights that are pulled to the usual ones by so many rows; wild rows lose weight (Huber)."""
    usual, pull = usual_weights(rows.days), params.ridge_rows / rows.apart(params)
    weights: Floats = usual
    for _ in range(params.rounds if len(rows.change) else 0):
        missed = np.abs(rows.change - rows.features @ weights)
        weight = rows.weight * np.minimum(1, params.huber / np.maximum(missed, 1e-9))
        weighted = rows.features.T * weight
        squares = weighted @ rows.features + pull * np.eye(len(weights))
        weights = np.asarray(np.linalg.solve(squares, weighted @ rows.change + pull * usual), dtype=np.float64)
    return weights


def bands(rows: Learning, params: BillParams) -> tuple[Bands, Bands]:
    """Measure the misses of stretches of cutoffs by fits without them and without what overlaps with them.

    Returns:
        Bands of customers whose season of a year before is not known, and of those whose is. Where either is not known
        of enough cutoffs, the bands of all stand for both.
    """
    cutoffs, place = np.unique(rows.cutoff, return_inverse=True)
    if len(rows.change) < params.least_misses or len(cutoffs) < params.folds:
        return Bands.usual(params), Bands.usual(params)
    missed = _misses(rows, place * params.folds // len(cutoffs), params)
    of_all = Bands.of_misses(missed, rows.spread, rows.apart(params))
    without, with_season = (
        Bands.of_misses(missed[some], rows.spread[some], rows.apart(params))
        if len(np.unique(rows.cutoff[some])) >= params.least_season_cutoffs
        else of_all
        for some in (~rows.has_season, rows.has_season)
    )
    return without, with_season


def _misses(rows: Learning, fold: Integers, params: BillParams) -> Floats:
    missed = np.empty(len(fold))
    for one in range(params.folds):
        inside = fold == one
        first, last = rows.cutoff[inside].min(), rows.cutoff[inside].max()
        outside = (rows.cutoff + rows.days <= first) | (rows.cutoff >= last + rows.days)
        fitted = Fitted.of(rows.where(outside), params)
        missed[inside] = rows.change[inside] - fitted.change(rows.features[inside], rows.spread[inside])
    return missed

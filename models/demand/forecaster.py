"""The demand model: a linear part that extrapolates, trees on what it leaves, and a band that keeps its promise.

Everything is fitted on load as a share of the region's mean load of the last known week, so that large and small
regions, and a region that grows, look alike. No data access and no MLflow here.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from models.demand.dataset import FEATURES, LABEL
from models.demand.params import DemandParams

Floats = NDArray[np.float64]
Hours = NDArray[np.int64]

SCALE = "load_mean_7d_kwh"
LOADS = [
    "naive_kwh",
    "load_same_hour_1w_kwh",
    "load_same_hour_2w_kwh",
    "load_same_hour_mean_4w_kwh",
    "load_last_known_day_mean_kwh",
]
# The day of the year itself is left out: in one year of history it names single weeks, and a week not seen before would
# get whatever its neighbour had. The length of the day is there instead: spring has seen autumn's.
CALENDAR_AND_WEATHER = [column for column in FEATURES if column not in {*LOADS, SCALE, "day_of_year"}]
QUANTILES = (0.1, 0.5, 0.9)
COMFORT_FROM_C, COMFORT_TO_C = 15.0, 20.0
CONSTANT = 1e-9
LEAST_HALF_BAND = 0.002  # share of the mean load; a band of no width could not be widened


def linear_terms(frame: pd.DataFrame) -> Floats:
    """Build the terms of the linear part: kind of day, degrees, and loads of earlier weeks.

    Degrees stand beside those of the hours that the known loads come from: what counts is how much warmer it is now.
    """
    working = frame["is_working_day"].to_numpy(np.float64)
    saturday = ((frame["day_of_week"] == 6) & (frame["is_working_day"] == 0)).to_numpy(np.float64)
    then = frame["temperature_same_hour_1w_c"].to_numpy(np.float64)
    memory = frame["temperature_mean_72h_c"].to_numpy(np.float64)
    terms: list[ArrayLike] = [
        working,
        saturday,
        frame["cooling_degrees"],
        frame["heating_degrees"],
        np.maximum(0, memory - COMFORT_TO_C),
        np.maximum(0, COMFORT_FROM_C - memory),
        np.maximum(0, then - COMFORT_TO_C),
        np.maximum(0, COMFORT_FROM_C - then),
        frame["cooling_degrees_mean_7d"],
        frame["heating_degrees_mean_7d"],
        frame["cloud_cover_pct"],
        _day_length(frame),
        *(frame[load] / frame[SCALE] for load in LOADS),
    ]
    return np.column_stack(terms).astype(np.float64)


@dataclass
class LinearPart:
    """A ridge regression for each hour of the day, with its own standardisation; a missing term counts as its mean."""

    mean: Floats
    weights: Floats
    intercept: Floats

    @classmethod
    def fit(cls, hour: Hours, terms: Floats, target: Floats, ridge: float) -> "LinearPart":
        """Fit on all rows of one region; an hour without rows gets the mean of the others."""
        size = terms.shape[1]
        part = cls(np.zeros((24, size)), np.zeros((24, size)), np.full(24, target.mean()))
        for number in np.unique(hour):
            rows = hour == number
            part._fit_hour(number, terms[rows], target[rows], ridge)
        return part

    def _fit_hour(self, number: int, terms: Floats, target: Floats, ridge: float) -> None:
        known = ~np.isnan(terms)
        mean = np.where(known, terms, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        centred = np.where(known, terms - mean, 0)
        spread = centred.std(axis=0)
        scaled = centred / np.where(spread > CONSTANT, spread, np.inf)
        weights = np.linalg.solve(scaled.T @ scaled + ridge * np.eye(len(mean)), scaled.T @ (target - target.mean()))
        self.mean[number] = mean
        self.weights[number] = weights / np.where(spread > CONSTANT, spread, np.inf)
        self.intercept[number] = target.mean()

    def predict(self, hour: Hours, terms: Floats) -> Floats:
        """Return the linear forecast as a share of the mean load."""
        centred = np.where(np.isnan(terms), 0, terms - self.mean[hour])
        # Summed row by row: a matrix product would round a single row differently from the same row in a batch.
        return self.intercept[hour] + (centred * self.weights[hour]).sum(axis=1)


@dataclass
class DemandForecaster:
    """Forecasts P10, P50 and P90 of hourly load in kWh for each row of features.

    Invariants:
        ``0 <= p10_kwh <= p50_kwh <= p90_kwh``; a row's forecast does not depend on the rows beside it.
    """

    params: DemandParams
    linear: dict[str, LinearPart]
    pooled: LinearPart
    trees: dict[float, str]
    widen_low: dict[str, float] = field(default_factory=dict)
    widen_high: dict[str, float] = field(default_factory=dict)

    @classmethod
    def fit(cls, rows: pd.DataFrame, params: DemandParams, threads: int) -> "DemandForecaster":
        """Fit linear part and trees; the band is as the trees give it until ``calibrate``."""
        target = (rows[LABEL] / rows[SCALE]).to_numpy(np.float64)
        hour, terms, regions = _hour(rows), linear_terms(rows), rows["region_code"].to_numpy()
        pooled = LinearPart.fit(hour, terms, target, params.ridge)
        linear = {
            str(region): LinearPart.fit(hour[mine], terms[mine], target[mine], params.ridge)
            for region in sorted(set(regions))
            for mine in [regions == region]
        }
        forecaster = cls(params, linear, pooled, {})
        linear_share = forecaster._linear_share(rows)
        inputs = forecaster._tree_inputs(rows, linear_share)
        with ThreadPoolExecutor(threads) as pool:
            fits = [pool.submit(_fit_trees, inputs, target - linear_share, q, params) for q in QUANTILES]
        forecaster.trees = {q: done.result() for q, done in zip(QUANTILES, fits, strict=True)}
        return forecaster

    def calibrate(self, rows: pd.DataFrame) -> None:
        """Widen or narrow each half of the band so that it would have held 80 % of these later rows (conformal)."""
        low, middle, high = self._shares(rows)
        actual = (rows[LABEL] / rows[SCALE]).to_numpy(np.float64)
        group = self._group(rows)
        for name in sorted(set(group)):
            mine = group == name
            self.widen_low[name] = _upper_decile((middle - actual)[mine] / (middle - low)[mine])
            self.widen_high[name] = _upper_decile((actual - middle)[mine] / (high - middle)[mine])

    def with_band_of(self, other: "DemandForecaster") -> "DemandForecaster":
        """Take over the widening that another fit of the same parameters was calibrated to."""
        return DemandForecaster(
            self.params, self.linear, self.pooled, self.trees, dict(other.widen_low), dict(other.widen_high)
        )

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return p10_kwh, p50_kwh and p90_kwh, rounded to the milliwatt-hour, on the frame's index."""
        low, middle, high = self._shares(frame)
        group = self._group(frame)
        widen_low = np.array([self.widen_low.get(name, 1.0) for name in group])
        widen_high = np.array([self.widen_high.get(name, 1.0) for name in group])
        shares = np.column_stack([middle - widen_low * (middle - low), middle, middle + widen_high * (high - middle)])
        kwh = np.maximum(0, np.sort(shares, axis=1)) * frame[[SCALE]].to_numpy(np.float64)
        return pd.DataFrame(kwh.round(6), columns=["p10_kwh", "p50_kwh", "p90_kwh"], index=frame.index)

    def feature_gain(self) -> pd.Series:
        """Return how much each feature contributed to the trees of the median, as a share."""
        booster = lgb.Booster(model_str=self.trees[0.5])
        gain = pd.Series(booster.feature_importance("gain"), index=booster.feature_name())
        return gain.sort_values(ascending=False) / max(gain.sum(), 1e-9)

    def _shares(self, frame: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
        linear = self._linear_share(frame)
        inputs = self._tree_inputs(frame, linear)
        residuals = [np.asarray(lgb.Booster(model_str=self.trees[q]).predict(inputs, num_threads=1)) for q in QUANTILES]
        low, middle, high = np.sort(np.column_stack(residuals), axis=1).T + linear
        return np.minimum(low, middle - LEAST_HALF_BAND), middle, np.maximum(high, middle + LEAST_HALF_BAND)

    def _linear_share(self, frame: pd.DataFrame) -> Floats:
        hour, terms, regions = _hour(frame), linear_terms(frame), frame["region_code"].to_numpy()
        share = np.empty(len(frame))
        for region in set(regions):
            mine = regions == region
            share[mine] = self.linear.get(str(region), self.pooled).predict(hour[mine], terms[mine])
        return share

    def _tree_inputs(self, frame: pd.DataFrame, linear_share: Floats) -> pd.DataFrame:
        inputs = frame[CALENDAR_AND_WEATHER].astype(np.float64)
        for column in LOADS:
            inputs[column.replace("_kwh", "_share")] = frame[column] / frame[SCALE]
        numbers = {region: number for number, region in enumerate(self.linear)}
        inputs["day_length"] = _day_length(frame)
        inputs["region"] = frame["region_code"].map(numbers).fillna(-1).astype(np.int64)
        inputs["linear_share"] = linear_share
        return inputs.round(6)

    def _group(self, frame: pd.DataFrame) -> NDArray[np.object_]:
        """Rows that share a widening: a region's day ahead, and the rest of its week."""
        lead = np.where(frame["horizon_hours"] <= 24, "day ahead", "week ahead")
        return np.array([f"{r}, {name}" for r, name in zip(frame["region_code"], lead, strict=True)], dtype=object)


def _day_length(frame: pd.DataFrame) -> pd.Series:
    """From -1 in midwinter to 1 in midsummer (north of the equator): lamps and roofs follow it, not the date."""
    return np.cos(2 * np.pi * (frame["day_of_year"] - 172) / 365.25)


def _hour(frame: pd.DataFrame) -> Hours:
    return frame["hour_of_day"].to_numpy(np.int64)


def _upper_decile(ratios: Floats) -> float:
    rank = min(1.0, 0.9 * (1 + 1 / len(ratios)))
    return float(np.clip(np.quantile(ratios, rank, method="higher"), 0.2, 10.0))


def _fit_trees(inputs: pd.DataFrame, residual: Floats, quantile: float, params: DemandParams) -> str:
    data = lgb.Dataset(inputs, residual, categorical_feature=["region"])
    return lgb.train(_lightgbm(params, quantile), data, params.trees).model_to_string()


def _lightgbm(params: DemandParams, quantile: float) -> dict[str, object]:
    return {
        "objective": "quantile",
        "alpha": quantile,
        "learning_rate": params.learning_rate,
        "num_leaves": params.leaves,
        "min_data_in_leaf": params.min_rows_per_leaf,
        "feature_fraction": params.feature_share,
        "seed": params.seed,
        # One thread a fit, and the fits side by side: OpenMP's waiting threads are many times slower on a busy machine,
        # and so the trees are the same whatever the number of threads.
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }

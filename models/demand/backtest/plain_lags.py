"""LightGBM as anyone would set it up with mlforecast: default trees on a few lags, one step ahead, step by step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from mlforecast import MLForecast

from models.demand.backtest.naive import repeated
from models.demand.backtest.target import Target
from models.demand.grid import Floats

YEARS = 2
DateFeature = Callable[[pd.DatetimeIndex], "pd.Index[Any]"]


@dataclass(frozen=True)
class PlainLags:
    """A fitted baseline.

    Attributes:
        forecast: The fitted ``MLForecast``; None where no series is long enough for its lags.
        target: What it forecasts.
        freq: Distance of its steps, as pandas writes it.
    """

    forecast: Any
    target: Target
    freq: str

    @classmethod
    def fit(cls, target: Target, first: int, minutes: int, timezone: str) -> "PlainLags":
        """Fit on at most two years before step ``first``."""
        freq = "D" if target.day == 1 else f"{minutes}min"
        # On a busy machine a second thread is waited for far longer than it saves; the trees are the same.
        model = lgb.LGBMRegressor(verbosity=-1, n_jobs=1, random_state=7, deterministic=True, force_row_wise=True)
        dates: list[str | DateFeature] = ["dayofweek"] if target.day == 1 else _local_features(timezone)
        forecast = MLForecast(models={"y_hat": model}, freq=freq, lags=lags(target.day), date_features=dates)
        found = cls(forecast, target, freq)
        history = found._history(first, YEARS * 366 * target.day)
        if history is None:
            return cls(None, target, freq)
        forecast.fit(history, static_features=[])
        return found

    def predict(self, first: int, horizon: int) -> Floats:
        """Return (series, horizon) forecasts; a series too short for the lags gets its last week once more."""
        known = self.target.before(first)
        forecast = repeated(known, 7 * self.target.day, horizon)
        history = self._history(first, 3 * max(lags(self.target.day)))
        if history is None or self.forecast is None:
            return forecast
        found = self.forecast.predict(h=horizon, new_df=history)
        row = found["unique_id"].to_numpy()[::horizon]
        forecast[row] = found["y_hat"].to_numpy().reshape(-1, horizon)
        return forecast

    def _history(self, first: int, most: int) -> pd.DataFrame | None:
        known = self.target.before(first)[:, -most:]
        begun = np.isfinite(known).argmax(axis=1)
        long = known.shape[1] - begun > max(lags(self.target.day)) + self.target.day
        rows = np.flatnonzero(np.isfinite(known).any(axis=1) & long)
        steps = np.arange(first - known.shape[1], first)
        times = pd.DatetimeIndex(self.target.starts[steps].astype("datetime64[ns]"))
        parts = [
            pd.DataFrame({"unique_id": row, "ds": times[begun[row] :], "y": _filled(known[row])[begun[row] :]})
            for row in rows
        ]
        return pd.concat(parts, ignore_index=True) if parts else None


def lags(day: int) -> Sequence[int]:
    """Return the lags in steps, of intervals or of days."""
    return [1, 2, 3, 7, 14] if day == 1 else sorted({1, 2, 3, day, 2 * day, 7 * day})


def _local_features(timezone: str) -> list[str | DateFeature]:
    def local_hour(times: pd.DatetimeIndex) -> "pd.Index[Any]":
        return times.tz_localize("UTC").tz_convert(timezone).hour

    def local_dayofweek(times: pd.DatetimeIndex) -> "pd.Index[Any]":
        return times.tz_localize("UTC").tz_convert(timezone).dayofweek

    return [local_hour, local_dayofweek]


def _filled(values: Floats) -> Floats:
    """Fill gaps between what is known; after the last known value it stays."""
    known = np.flatnonzero(np.isfinite(values))
    return np.interp(np.arange(len(values)), known, values[known])

"""Load with a daily and a weekly shape, files of it, and a forecaster that only repeats last week."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from models.demand.backtest.naive import repeated
from models.demand.backtest.target import Target
from models.demand.forecast_params import ForecastParams
from models.demand.grid import LoadGrid

ZONE = "Europe/Berlin"


def load_of(index: pd.DatetimeIndex, seed: int = 1) -> np.ndarray:
    """Load of each time, rounded like a file's."""
    shape = 10 + 3 * np.sin(2 * np.pi * index.hour / 24) + (index.dayofweek < 5)
    return (shape + np.random.default_rng(seed).normal(0, 0.3, len(index))).to_numpy().round(4)


def utc(first: str, days: float, minutes: int = 60) -> pd.DatetimeIndex:
    return pd.date_range(first, periods=int(days * 1440 // minutes), freq=f"{minutes}min", tz="UTC")


def frame(first: str = "2024-01-01", days: float = 60, minutes: int = 60) -> pd.DataFrame:
    """Columns time (UTC, written with Z) and load."""
    index = utc(first, days, minutes)
    return pd.DataFrame({"time": index.strftime("%Y-%m-%dT%H:%M:%SZ"), "load": load_of(index)})


def local_texts(index: pd.DatetimeIndex) -> pd.Index:
    return index.tz_convert(ZONE).strftime("%Y-%m-%d %H:%M")


def written(rows: pd.DataFrame, folder: Path, name: str = "town.csv") -> Path:
    path = folder / name
    rows.to_csv(path, index=False)
    return path


def grid_of(
    load: np.ndarray, first: str = "2024-01-01T00:00", minutes: int = 60, zone: str = "UTC", ids: Sequence[str] = "a"
) -> LoadGrid:
    series = np.atleast_2d(np.asarray(load, dtype=np.float64))
    times = np.datetime64(first, "m") + np.arange(series.shape[1]) * np.timedelta64(minutes, "m")
    return LoadGrid(
        np.array(list(ids)),
        times,
        minutes,
        zone,
        series,
        np.empty((0, *series.shape)),
        np.zeros(series.shape, dtype=np.bool_),
    )


@dataclass(frozen=True)
class Said:
    """What the fake says."""

    median: np.ndarray
    quantiles: np.ndarray
    basis: np.ndarray


class LastWeek:
    """Repeats last week, with a band of one unit; remembers what it was given."""

    def __init__(self, history: LoadGrid, by_day: bool = False) -> None:
        self.history = history
        self.by_day = by_day
        self.known: list[LoadGrid] = []

    def predict(self, known: LoadGrid, cutoff: int, levels: Sequence[float]) -> Said:
        self.known.append(known)
        y, horizon, period = known.load[:, :cutoff], known.load.shape[1] - cutoff, 7 * known.steps_a_day
        mean = repeated(y, period, horizon)
        if self.by_day:
            days = known.local_times[cutoff:].astype("datetime64[D]")
            mean = np.stack([mean[:, days == day].max(axis=1) for day in np.unique(days)], axis=1)
        quantiles = np.stack([mean + (level - 0.5) for level in levels])
        return Said(mean, quantiles, np.full(mean.shape, "last_week"))


class LastWeekForPlainLags:
    """Stands in for plain LightGBM where only the model is looked at, or the files."""

    def __init__(self, target: Target) -> None:
        self.target = target

    @classmethod
    def fit(cls, target: Target, first: int, minutes: int, timezone: str) -> "LastWeekForPlainLags":
        return cls(target)

    def predict(self, first: int, horizon: int) -> np.ndarray:
        return repeated(self.target.before(first), 7 * self.target.day, horizon)


FEW = ForecastParams(rows=4_000, trees=15, spread_trees=10, folds=2, harmonics=2, least_days=21)
"""A forecaster that is fitted in a blink."""


def town(
    days: float = 63,
    first: str = "2024-05-01T00:00",
    minutes: int = 60,
    zone: str = ZONE,
    series: int = 1,
    noise: float = 0.2,
    seed: int = 1,
) -> LoadGrid:
    """Load by hour, weekday and degree: exactly half a unit for each degree, beside the noise."""
    times, draw = int(days * 1440 // minutes), np.random.default_rng(seed)
    grid = grid_of(np.zeros((series, times)), first, minutes, zone, [f"s{number}" for number in range(series)])
    local = pd.DatetimeIndex(grid.local_times)
    wave = np.sin(2 * np.pi * (local.hour.to_numpy() + local.minute.to_numpy() / 60 - 9) / 24)
    day = (local.normalize() - local[0].normalize()).days.to_numpy()
    temperature = 17 + 5 * wave + draw.normal(0, 4, day[-1] + 1)[day]
    load = 20 + 3 * wave + 2 * (local.day_of_week.to_numpy() < 5) + 0.5 * temperature
    spread = draw.normal(0, noise, (series, times))
    return replace(
        grid,
        load=load * (1 + np.arange(series))[:, None] + spread,
        temperature_c=np.broadcast_to(temperature, (1, series, times)).copy(),
    )

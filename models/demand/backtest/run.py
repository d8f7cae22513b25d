"""The rolling origin: each window is forecast with earlier columns only, and takes its own time."""

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.demand.backtest.naive import repeated
from models.demand.backtest.plain_lags import PlainLags
from models.demand.backtest.problems import BacktestError
from models.demand.backtest.target import Target
from models.demand.backtest.windows import Window
from models.demand.grid import Floats, LoadGrid


class Forecast(Protocol):
    """What a forecaster says: ``LoadForecast`` is one."""

    @property
    def median(self) -> Floats:
        """(series, horizon)."""

    @property
    def quantiles(self) -> Floats:
        """(levels, series, horizon)."""

    @property
    def basis(self) -> npt.NDArray[np.str_]:
        """(series, horizon)."""


class Forecaster(Protocol):
    """What is judged: ``LoadForecaster`` and ``PeakForecaster`` are such."""

    def predict(self, known: LoadGrid, cutoff: int, levels: Sequence[float]) -> Forecast:
        """Forecast the columns from ``cutoff`` on."""


Fit = Callable[[LoadGrid], Forecaster]
"""From the columns before a cutoff to a forecaster."""


@dataclass(frozen=True)
class Task:
    """What is to be forecast.

    Attributes:
        grid: Everything that is known at last.
        target: What of it is forecast.
        windows: From where, earliest first.
        refits: (windows,) whether a window begins with a new fit.
        weather_is_known: Whether the temperature of the horizon is given.
        levels: Quantiles that are asked for.
    """

    grid: LoadGrid
    target: Target
    windows: Sequence[Window]
    refits: Sequence[bool]
    weather_is_known: bool
    levels: Sequence[float]


@dataclass(frozen=True)
class Run:
    """What a forecaster said.

    Attributes:
        median: (windows, series, horizon).
        quantiles: (levels, windows, series, horizon).
        basis: (windows, series, horizon).
        seconds: Of fits and forecasts together.
        peak_memory_mb: Most memory that this process held at one moment until the last forecast.
    """

    median: Floats
    quantiles: Floats
    basis: npt.NDArray[np.str_]
    seconds: float
    peak_memory_mb: float


def refits(grid: LoadGrid, target: Target, windows: Sequence[Window], minutes: int) -> list[bool]:
    """Return for each window whether ``minutes`` have passed since the last fit, by the local clock."""
    last, found = None, []
    for window in windows:
        now = grid.local_times[target.columns[window.first]]
        found.append(last is None or now - last >= np.timedelta64(minutes, "m"))
        last = now if found[-1] else last
    return found


def roll(task: Task, fit: Fit, advance: Callable[[], None]) -> Run:
    """Forecast every window; ``advance`` is called after each.

    Raises:
        BacktestError: The forecaster's answer has not the shape that was asked for.
    """
    started, said = time.perf_counter(), []
    for window, is_fit in zip(task.windows, task.refits, strict=True):
        cutoff, end = (int(task.target.columns[step]) for step in (window.first, window.end))
        if is_fit:
            forecaster = fit(task.grid.between(0, cutoff))
        known = task.grid.as_known_at(cutoff, end - cutoff, task.weather_is_known)
        forecast = forecaster.predict(known, cutoff, task.levels)
        _check_shape(forecast, task, window)
        said.append(forecast)
        advance()
    return Run(
        np.stack([forecast.median for forecast in said]),
        np.stack([forecast.quantiles for forecast in said], axis=1),
        np.stack([forecast.basis for forecast in said]),
        time.perf_counter() - started,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _check_shape(forecast: Forecast, task: Task, window: Window) -> None:
    shape = (task.target.y.shape[0], window.end - window.first)
    found = (forecast.median.shape, forecast.quantiles.shape, forecast.basis.shape)
    if found != (shape, (len(task.levels), *shape), shape):
        raise BacktestError(f"The forecaster answered with arrays of {found} where {shape} was asked for.")


def roll_naive(task: Task, days: int) -> Floats:
    """Return (windows, series, horizon) the last days once more."""
    period = days * task.target.day
    return np.stack([repeated(task.target.before(w.first), period, w.end - w.first) for w in task.windows])


def roll_plain_lags(task: Task, advance: Callable[[], None]) -> Floats:
    """Return (windows, series, horizon) what plain LightGBM forecasts, fitted anew when the model is."""
    said = []
    for window, is_fit in zip(task.windows, task.refits, strict=True):
        if is_fit:
            fitted = PlainLags.fit(task.target, window.first, task.grid.minutes, task.grid.timezone)
        said.append(fitted.predict(window.first, window.end - window.first))
        advance()
    return np.stack(said)

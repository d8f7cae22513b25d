"""Searches hyperparameters of the load forecaster on windows that lie before everything that is scored."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import optuna

from models.demand.forecast_params import ForecastParams
from models.demand.grid import Floats, LoadGrid
from models.demand.training import YEAR_DAYS, Training, rows_to_forecast, scene_of

log = logging.getLogger(__name__)

WINDOWS = 6
"""Forecasts of the last year, two months apart, so that each season has its word."""


@dataclass(frozen=True)
class Task:
    """What parameters are tried on.

    Attributes:
        grid: What is known; load may hold NaN.
        cutoffs: First column of each window that is forecast, latest first.
        horizon: Intervals of a window.
        weather_is_known: Whether the temperature of the horizon is there when it is forecast.
        threads: Windows side by side.
    """

    grid: LoadGrid
    cutoffs: Sequence[int]
    horizon: int
    weather_is_known: bool
    threads: int

    @classmethod
    def of(cls, grid: LoadGrid, horizon: int, weather_is_known: bool, params: ForecastParams, threads: int) -> "Task":
        """Take the windows of the last year of a grid; none where its history is too short for one."""
        return cls(grid, _cutoffs(grid, horizon, params), horizon, weather_is_known, threads)

    def loss(self, params: ForecastParams) -> float:
        """Return the mean absolute error of all windows, as a share of the mean absolute load of each series."""
        with ThreadPoolExecutor(self.threads) as pool:
            what = self.horizon, self.weather_is_known, params
            return float(np.mean(list(pool.map(lambda cutoff: _loss(self.grid, cutoff, *what), self.cutoffs))))


@dataclass(frozen=True)
class Tried:
    """What a search has tried.

    Attributes:
        best: The parameters of the least loss.
        losses: (trials,) in the order of the search; the first is that of the given parameters.
    """

    best: ForecastParams
    losses: Floats


def tune(
    grid: LoadGrid, horizon: int, weather_is_known: bool, params: ForecastParams, threads: int, budget: timedelta
) -> ForecastParams:
    """Return the parameters of the least mean absolute error; the given ones where none is better within ``budget``.

    A grid that is too short for a single window is not searched.
    """
    task = Task.of(grid, horizon, weather_is_known, params, threads)
    if not task.cutoffs:
        log.warning("Nothing is tuned: the history is too short for a forecast to be tried on it.")
        return params
    return try_out(task, params, budget).best


def try_out(task: Task, params: ForecastParams, budget: timedelta, trials: int | None = None) -> Tried:
    """Try the given parameters, so that the search can only gain on its own windows, and then others.

    Args:
        task: With one window at least.
        params: To begin with; those that are not searched stay, and ``seed`` fixes which others are tried.
        budget: Time for the others; the last of them is still ended.
        trials: How many others at most; as many as there is time for by default.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=params.seed))
    study.enqueue_trial(searched(params))

    def objective(trial: optuna.Trial) -> float:
        return task.loss(params.model_copy(update=_suggest(trial)))

    study.optimize(objective, n_trials=1)
    study.optimize(objective, n_trials=trials, timeout=budget.total_seconds())
    log.info("Tuned in %d trials: %s", len(study.trials), study.best_params)
    losses = [np.nan if trial.value is None else trial.value for trial in study.trials]
    return Tried(params.model_copy(update=study.best_params), np.array(losses, dtype=np.float64))


def searched(params: ForecastParams) -> dict[str, float | int]:
    """Return those of the parameters that are searched, by name."""
    return {name: getattr(params, name) for name in _suggested_names()}


def _suggested_names() -> list[str]:
    return list(_suggest(optuna.trial.FixedTrial(ForecastParams().model_dump())))


def _suggest(trial: optuna.trial.BaseTrial) -> dict[str, float | int]:
    return {
        "half_life_days": trial.suggest_float("half_life_days", 120, 1500, log=True),
        "harmonics": trial.suggest_int("harmonics", 1, 8),
        "season_shrinkage": trial.suggest_float("season_shrinkage", 0.03, 10, log=True),
        "shrinkage": trial.suggest_float("shrinkage", 1, 100, log=True),
        "carried_shrinkage": trial.suggest_float("carried_shrinkage", 0.001, 0.3, log=True),
        "trees": trial.suggest_int("trees", 40, 400, log=True),
        "leaves": trial.suggest_int("leaves", 4, 31, log=True),
        "days_per_leaf": trial.suggest_float("days_per_leaf", 3, 40, log=True),
    }


def _cutoffs(grid: LoadGrid, horizon: int, params: ForecastParams) -> list[int]:
    """At the time of day at which the grid ends: of other times no forecast of the weather may be known."""
    day, times = grid.steps_a_day, grid.load.shape[1]
    length = -(-horizon // day) * day
    apart = max(length, YEAR_DAYS // WINDOWS * day)
    first = max(2 * params.least_days * day, times - YEAR_DAYS * day)
    cutoffs = list(range(times - length, first, -apart))[:WINDOWS]
    return [cutoff for cutoff in cutoffs if _can_be_tried(grid, cutoff, horizon, params)]


def _can_be_tried(grid: LoadGrid, cutoff: int, horizon: int, params: ForecastParams) -> bool:
    """Whether a series is known well enough before the window, and known inside it."""
    came = ~np.isnan(grid.load)
    if not came[:, :cutoff].any():
        return False
    modelled = Training(grid.between(0, cutoff), horizon, params, 1).modelled
    return bool((modelled & came[:, cutoff : cutoff + horizon].any(axis=1)).any())


def _loss(grid: LoadGrid, cutoff: int, horizon: int, weather_is_known: bool, params: ForecastParams) -> float:
    """Mean absolute error of one window in units of scale; the trees count in full."""
    training = Training(grid.between(0, cutoff), horizon, params, 1)
    known = scene_of(grid.as_known_at(cutoff, horizon, weather_is_known), training.scale)
    blend = training.fit(weather_is_known and bool(training.scene.drivers), with_trees=True)
    rows = rows_to_forecast(len(grid.load), cutoff, cutoff + horizon, grid.steps_a_day)
    missed = blend.point(known, rows) - _actual(grid, training, cutoff, horizon)
    return float(np.nanmean(np.abs(missed)))


def _actual(grid: LoadGrid, training: Training, cutoff: int, horizon: int) -> Floats:
    return (grid.load[:, cutoff : cutoff + horizon] / training.scale[:, None]).ravel()

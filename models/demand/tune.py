"""Searches hyperparameters of the load forecaster on windows that lie before everything that is scored."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import optuna

from models.demand.forecast_params import ForecastParams
from models.demand.grid import Floats, LoadGrid
from models.demand.training import YEAR_DAYS, Training, rows_to_forecast, scene_of

log = logging.getLogger(__name__)

WINDOWS = 6
"""Forecasts of the last year, two months apart, so that each season has its word."""


def tune(
    grid: LoadGrid, horizon: int, weather_is_known: bool, params: ForecastParams, threads: int, budget: timedelta
) -> ForecastParams:
    """Return the parameters of the least mean absolute error; the given ones where none is better within ``budget``.

    The given ones are tried first, so that the search can only gain on its own windows. A grid that is too short for a
    single window is not searched.
    """
    cutoffs = _cutoffs(grid, horizon, params)
    if not len(cutoffs):
        log.warning("Nothing is tuned: the history is too short for a forecast to be tried on it.")
        return params
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=params.seed))
    study.enqueue_trial({name: getattr(params, name) for name in _suggested_names()})

    def objective(trial: optuna.Trial) -> float:
        tried = params.model_copy(update=_suggest(trial))
        with ThreadPoolExecutor(threads) as pool:
            losses = pool.map(lambda cutoff: _loss(grid, cutoff, horizon, weather_is_known, tried), cutoffs)
            return float(np.mean(list(losses)))

    study.optimize(objective, timeout=budget.total_seconds())
    log.info("Tuned in %d trials: %s", len(study.trials), study.best_params)
    return params.model_copy(update=study.best_params)


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
    day, times = grid.steps_a_day, grid.load.shape[1]
    apart = max(horizon, YEAR_DAYS * day // WINDOWS)
    first = max(2 * params.least_days * day, times - YEAR_DAYS * day)
    return list(range(times - horizon, first, -apart))[:WINDOWS]


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

"""Searches better parameters of the load forecaster on what lies before the test window, and records what it found.

The next training takes them (``searched``); whether its model becomes champion is decided on the test window as ever.
"""

import logging
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from meterwise import registry
from meterwise.outcomes import NothingToDoError
from meterwise.settings import Settings, get_settings
from models.demand import plots
from models.demand.dataset import Demand, known, skip_reason, test_issues
from models.demand.forecast_params import ForecastParams
from models.demand.grid import Floats, LoadGrid
from models.demand.params import DemandParams
from models.demand.searched import SEARCHES, newest_search
from models.demand.tune import Task, searched, try_out

log = logging.getLogger(__name__)

MARGIN = 0.01
"""Share of the loss by which found parameters must be better than the given ones."""
LOOKED_AT = {"areas": "region", "feeders": "feeder"}
"""Level that stands for each family. The weather of the total and of classes is mixed by load, also that of the test
window, of which nothing may be seen; regions are what versions are judged on besides."""


class TooShortToSearchError(NothingToDoError):
    """Less is known before the test window than a forecast can be tried on."""


@dataclass(frozen=True)
class Outcome:
    """What a search came to. Losses are mean absolute errors as a share of each series' mean load.

    Attributes:
        params: To train with: found, or given.
        verdict: Why.
        losses: (trials,) of areas in turn; the first is that of the given parameters.
        losses_by_family: Of the given ones and of the best tried, by name; of feeders only where they were asked.
    """

    params: ForecastParams
    verdict: str
    losses: Floats
    losses_by_family: dict[str, float]


def search(
    as_of_date: str,
    settings: Settings | None = None,
    params: DemandParams | None = None,
    trials: int | None = None,
) -> str:
    """Search parameters on what was known at the end of ``as_of_date``; returns the MLflow run.

    One set for all families: searched on regions for ``METERWISE_SEARCH_MINUTES``, then checked on feeders. The
    warehouse is free meanwhile.

    Args:
        as_of_date: The day (ISO); its test window is left out.
        settings: Defaults to those of the process.
        params: To begin with; by default what was found before this day.
        trials: How many others are tried at most, for a search that can be repeated.

    Raises:
        TooShortToSearchError: There is no window to try a forecast on.
    """
    settings = settings or get_settings()
    day_before = (date.fromisoformat(as_of_date) - timedelta(days=1)).isoformat()
    params = params or newest_search(day_before, settings).params
    if reason := skip_reason(as_of_date, params, settings):
        raise TooShortToSearchError(reason)
    demand = known(as_of_date, params, settings)
    tasks = _tasks(demand, params, settings.threads)
    outcome = _outcome(tasks, params.forecast, timedelta(minutes=settings.search_minutes), trials)
    return _record(outcome, tasks["areas"], demand, params, settings)


def before_the_test_window(demand: Demand, params: DemandParams) -> LoadGrid:
    """Return what the twin is fitted on that is judged by the test window."""
    return demand.grid.between(0, demand.issued_before(test_issues(demand, params)[-1]).cutoff)


def _tasks(demand: Demand, params: DemandParams, threads: int) -> dict[str, Task]:
    grid = before_the_test_window(demand, params)
    is_known = ~np.isnan(grid.load).all(axis=1)
    tasks = {}
    for family, level in LOOKED_AT.items():
        names = grid.unique_ids[is_known & (demand.series["level"] == level).to_numpy()]
        tasks[family] = Task.of(grid.of(names), demand.horizon, True, params.forecast, threads)
    if not tasks["areas"].cutoffs:
        raise TooShortToSearchError(
            f"Parameters of demand are not searched: as of {demand.as_of_date} too little is known before the test "
            "window for a forecast to be tried on it. The given ones serve until more meter reads are there."
        )
    return tasks


def _outcome(tasks: dict[str, Task], given: ForecastParams, budget: timedelta, trials: int | None) -> Outcome:
    tried = try_out(tasks["areas"], given, budget, trials)
    start, best = float(tried.losses[0]), float(np.nanmin(tried.losses))
    losses = {"loss_start_areas": start, "loss_best_areas": best}
    told = f"loss of areas {start:.3%}, the least of {len(tried.losses) - 1} others {best:.3%}"
    if best >= (1 - MARGIN) * start:
        return Outcome(given, f"the given parameters stay, none is better by the margin: {told}", tried.losses, losses)
    feeders = tasks["feeders"]
    if not feeders.cutoffs:
        return Outcome(tried.best, f"better parameters were found: {told}; no feeder to check", tried.losses, losses)
    start, best = feeders.loss(given), feeders.loss(tried.best)
    losses |= {"loss_start_feeders": start, "loss_best_feeders": best}
    told += f"; of feeders {start:.3%} and {best:.3%}"
    if best > start:
        return Outcome(given, f"the given parameters stay, others make feeders worse: {told}", tried.losses, losses)
    return Outcome(tried.best, f"better parameters were found: {told}", tried.losses, losses)


def _record(outcome: Outcome, task: Task, demand: Demand, params: DemandParams, settings: Settings) -> str:
    as_of_date, windows = demand.as_of_date.isoformat(), _windows(task)
    days = task.grid.local_times[[0, -1]].astype("datetime64[D]")
    with registry.run(SEARCHES, f"{days[0]} to {days[1]}", as_of_date, settings=settings) as run:
        run.log_params(searched(outcome.params))
        run.log_params({"looked_at": f"{days[0]} to {days[1]}", "trials": len(outcome.losses) - 1})
        run.log_params({"minutes": settings.search_minutes, "search_seed": params.forecast.seed})
        run.log_metrics(outcome.losses_by_family)
        run.log_text("windows.csv", windows.to_csv(index=False))
        run.log_figure("losses", plots.losses_of_search(outcome.losses))
        registry.record_verdict(run.run_id, outcome.verdict, settings=settings)
    log.info("Searched parameters of demand: %s", outcome.verdict)
    return run.run_id


def _windows(task: Task) -> pd.DataFrame:
    """Return the local days that forecasts were tried on."""
    days = task.grid.local_times.astype("datetime64[D]")
    spans = [(days[cutoff], days[cutoff + task.horizon - 1]) for cutoff in task.cutoffs]
    return pd.DataFrame(spans, columns=["first_day", "last_day"])

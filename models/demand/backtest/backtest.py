"""A backtest from options to files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.demand.backtest.options import DAILY_MAX, Options
from models.demand.backtest.picture import picture, save
from models.demand.backtest.prepare import prepare
from models.demand.backtest.results import report, write_figures, write_forecasts
from models.demand.backtest.run import Fit, Task, roll, roll_naive, roll_plain_lags
from models.demand.backtest.scored_rows import scales, scored_rows
from models.demand.grid import Floats

MakeFit = Callable[[Task, Options], Fit]
Track = Callable[[str, int], Callable[[], None]]
"""From what is done and how many windows it takes to what is called after each."""


@dataclass(frozen=True)
class Places:
    """Where the files go."""

    figures: Path
    forecasts: Path
    picture: Path


def backtest(options: Options, places: Places, make_fit: MakeFit, track: Track) -> dict[str, Any]:
    """Run a backtest and write its files; returns what ``figures`` holds.

    Raises:
        BacktestError: The file or an option cannot be used; nothing is written then.
    """
    prepared = prepare(options)
    task = prepared.task
    # The model goes first: what memory it needs could not be told after the baselines.
    run = roll(task, make_fit(task, options), track("model", len(task.windows)))
    baselines = _baselines(task, track)
    rows = scored_rows(task, run, baselines)
    protocol = options.protocol(len(task.grid.temperature_c), prepared.notes)
    found = report(protocol, task, run, rows, baselines)
    write_figures(found, places.figures)
    write_forecasts(rows, task, places.forecasts)
    save(picture(rows, task.levels, scales(task), options.target == DAILY_MAX), places.picture)
    return found


def _baselines(task: Task, track: Track) -> dict[str, Floats]:
    plain = roll_plain_lags(task, track("plain LightGBM", len(task.windows)))
    return {"seasonal_naive": roll_naive(task, 1), "week_ago": roll_naive(task, 7), "lightgbm_plain_lags": plain}

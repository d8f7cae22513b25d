"""From options to a task: the file is read, its target made, the windows laid."""

from dataclasses import dataclass

import numpy as np

from models.demand.backtest.files import FileOfLoad, read_grid
from models.demand.backtest.options import DAILY_MAX, Options
from models.demand.backtest.run import Task, refits
from models.demand.backtest.target import of_daily_maxima, of_intervals
from models.demand.backtest.windows import daily_windows, interval_windows


@dataclass(frozen=True)
class Prepared:
    """A task, and what is to be said about it."""

    task: Task
    notes: tuple[str, ...]


def prepare(options: Options) -> Prepared:
    """Read the file and lay the windows.

    Raises:
        BacktestError: Something in the file or the options is wrong; the text says what and the cure.
    """
    minutes, asked, levels, refit = options.minutes, options.asked, options.levels, options.refit_minutes
    file = read_grid(options.series, options.columns, options.timezone, minutes, options.country)
    if options.target == DAILY_MAX:
        target = of_daily_maxima(file.grid)
        windows, notes = daily_windows(target, asked)
    else:
        target = of_intervals(file.grid, file.clock.written(file.grid))
        windows, notes = interval_windows(target, file.grid, asked)
    weather_is_known = options.known and len(file.grid.temperature_c) > 0
    task = Task(file.grid, target, windows, refits(file.grid, target, windows, refit), weather_is_known, levels)
    return Prepared(task, (*_zone_notes(options), *file.notes, *notes, *_weather_notes(options, file, task)))


def _zone_notes(options: Options) -> list[str]:
    return [] if options.timezone else ["No --timezone was given: days are those of UTC."]


def _weather_notes(options: Options, file: FileOfLoad, task: Task) -> list[str]:
    if not len(file.grid.temperature_c):
        idle = {"--known": options.known, "--humidity": len(file.grid.humidity_pct) > 0}
        return [f"{name} has no effect without --temperature." for name, given in idle.items() if given]
    if not task.weather_is_known:
        return []
    unknown = np.isnan(file.grid.temperature_c).all(axis=0).mean(axis=0)
    missing = [
        float(unknown[task.target.columns[window.first] : task.target.columns[window.end]].mean())
        for window in task.windows
    ]
    without = sum(share > 0 for share in missing)
    if not without:
        return []
    last = "the last window" if without == 1 and missing[-1] > 0 else f"{without} windows"
    share = sum(missing) / without
    return [f"Temperature is missing in {last}, {share:.0%} of the horizon: there it is forecast without."]

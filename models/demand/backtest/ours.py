"""The forecaster that is judged, made from a task; imported only when a backtest is run."""

from dataclasses import dataclass
from typing import Any

from models.demand.backtest.options import DAILY_MAX, Options
from models.demand.backtest.run import Fit, Forecaster, Task
from models.demand.grid import LoadGrid

TUNING_SECONDS = 600.0


@dataclass(frozen=True)
class Ours:
    """Fits the forecaster of a target with given parameters."""

    task: Task
    params: Any
    threads: int
    is_daily: bool

    def __call__(self, history: LoadGrid) -> Forecaster:
        """Fit on the columns before a cutoff."""
        window = self.task.windows[0]
        horizon, weather = window.end - window.first, self.task.weather_is_known
        if self.is_daily:
            from models.demand.peak_forecaster import PeakForecaster

            return PeakForecaster.fit(history, horizon, weather, self.params, self.threads)
        from models.demand.load_forecaster import LoadForecaster

        return LoadForecaster.fit(history, horizon, weather, self.params, self.threads)


def ours(task: Task, options: Options) -> Fit:
    """Return what fits the forecaster, its parameters tuned on what lies before the first cutoff if so asked."""
    from models.demand.load_forecaster import ForecastParams

    params = ForecastParams()
    if options.tune_before:
        params = _tuned(task, params, options)
    return Ours(task, params, options.threads, options.target == DAILY_MAX)


def _tuned(task: Task, params: Any, options: Options) -> Any:
    from models.demand.tune import tune

    before = task.grid.between(0, int(task.target.columns[task.windows[0].first]))
    horizon = options.asked.horizon // task.grid.minutes
    return tune(before, horizon, task.weather_is_known, params, options.threads, TUNING_SECONDS)

"""The forecaster that is judged, made as production makes it."""

from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from models.demand.backtest.options import DAILY_MAX, Options
from models.demand.backtest.problems import BacktestError
from models.demand.backtest.run import Fit, Forecaster, Task
from models.demand.forecast_params import ForecastParams
from models.demand.grid import LoadGrid
from models.demand.load_forecaster import LoadForecaster
from models.demand.peak_forecaster import PeakForecaster
from models.demand.training import NoHistoryError
from models.demand.tune import tune

TUNING = timedelta(minutes=10)
BANDS_HOLD = np.timedelta64(28, "D")
"""Bands are measured anew after that time: they need a fit for each part of the last year that is left out."""


@dataclass
class Ours:
    """Fits the forecaster of a target with given parameters, and remembers whose bands still hold.

    Attributes:
        task: What is forecast.
        params: Hyperparameters.
        threads: Fits side by side.
        is_daily: Whether daily maxima are forecast.
    """

    task: Task
    params: ForecastParams
    threads: int
    is_daily: bool
    _measured: tuple[np.datetime64, LoadForecaster | PeakForecaster] | None = field(default=None, init=False)

    def __call__(self, history: LoadGrid) -> Forecaster:
        """Fit on the columns before a cutoff.

        Raises:
            BacktestError: No series has any load before it.
        """
        now = history.times_utc[-1]
        earlier = self._measured[1] if self._measured and now - self._measured[0] < BANDS_HOLD else None
        try:
            fitted = self._fit(history, earlier)
        except NoHistoryError as error:
            raise BacktestError(f"Before {history.local_times[-1]}: {error} Ask for fewer --windows.") from None
        if earlier is None:
            self._measured = (now, fitted)
        return fitted

    def _fit(
        self, history: LoadGrid, earlier: LoadForecaster | PeakForecaster | None
    ) -> LoadForecaster | PeakForecaster:
        window = self.task.windows[0]
        what = (history, window.end - window.first, self.task.weather_is_known, self.params, self.threads)
        if self.is_daily:
            return PeakForecaster.fit(*what, earlier if isinstance(earlier, PeakForecaster) else None)
        return LoadForecaster.fit(*what, earlier if isinstance(earlier, LoadForecaster) else None)


def ours(task: Task, options: Options) -> Fit:
    """Return what fits the forecaster, its parameters tuned on what lies before the first cutoff if so asked."""
    params = ForecastParams()
    if options.tune_before:
        before = task.grid.between(0, int(task.target.columns[task.windows[0].first]))
        horizon = options.asked.horizon // task.grid.minutes
        params = tune(before, horizon, task.weather_is_known, params, options.threads, TUNING)
    return Ours(task, params, options.threads, options.target == DAILY_MAX)

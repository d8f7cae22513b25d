"""Forecasts of load for every interval of a horizon, with quantiles and the rung of the ladder that each stands on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.demand.forecast_params import ForecastParams
from models.demand.grid import LoadGrid
from models.demand.ladder import MODEL, REMEMBERED_DAYS, WITHOUT_WEATHER, Fitted, LoadForecast, Standing
from models.demand.training import Training, rows_to_forecast, scene_of


@dataclass(frozen=True)
class LoadForecaster(Fitted):
    """Fitted for the intervals of all series of a grid."""

    @classmethod
    def fit(
        cls,
        grid: LoadGrid,
        horizon: int,
        weather_is_known: bool,
        params: ForecastParams,
        threads: int,
        earlier: "LoadForecaster | None" = None,
    ) -> "LoadForecaster":
        """Fit on a grid that ends at the cutoff.

        Args:
            grid: What is known; load may hold NaN.
            horizon: Intervals ahead of the cutoff that will be forecast.
            weather_is_known: Whether the temperature of the horizon will be there when it is forecast.
            params: Hyperparameters.
            threads: Fits side by side.
            earlier: A forecaster of the same series whose bands still hold: they are taken over, which saves the fits
                that measure them.

        Raises:
            NoHistoryError: No load is known at all.
        """
        return cls.learn(Training(grid, horizon, params, threads), weather_is_known, earlier)

    @classmethod
    def learn(
        cls, training: Training, weather_is_known: bool, earlier: "LoadForecaster | None" = None
    ) -> "LoadForecaster":
        """Fit as ``fit`` does, on what a forecaster of maxima may learn from too."""
        best = blind = None
        if training.modelled.any():
            sees_ahead = weather_is_known and bool(training.scene.drivers)
            best = training.rung(sees_ahead, True, earlier.best if earlier else None)
            blind = training.rung(False, False, earlier.blind if earlier else None) if sees_ahead else None
        return cls(training.scale, training.least, training.modelled, best, blind)

    def predict(self, known: LoadGrid, cutoff: int, levels: Sequence[float]) -> LoadForecast:
        """Forecast the columns from ``cutoff`` on; never NaN.

        Args:
            known: History and horizon, with NaN for what is not known yet.
            cutoff: First column that is forecast.
            levels: Quantiles asked for, between 0 and 1, ascending.
        """
        known, cutoff = self.as_learnt(known).recent(cutoff, REMEMBERED_DAYS)
        scene = scene_of(known, self.scale)
        rows = rows_to_forecast(len(known.load), cutoff, known.load.shape[1], known.steps_a_day)
        asked, modelled = np.asarray(levels, dtype=np.float64), self.modelled[rows.series]
        standing = Standing.on_like_days(scene, rows, asked)
        for rung, name in ((self.blind, WITHOUT_WEATHER), (self.best, MODEL)):
            if rung is not None:
                point = rung.blend.point(scene, rows)
                standing = standing.below(rung.bands, name, scene, rows, point, modelled, asked)
        standing = standing.told_of_silence(known.load, cutoff, known.steps_a_day, rows)
        return standing.as_forecast(self.scale, self.least)

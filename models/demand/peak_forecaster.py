"""The highest load of each local day: the maximum of the forecast intervals, with bands of its own.

The maximum of a forecast lies below what the maximum will be, more so the less is known of the weather. The bands are
of daily maxima that were forecast without having been seen, so their median mends that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.demand.bands import Bands
from models.demand.blend import Scene
from models.demand.daily import grid_of_maxima
from models.demand.forecast_params import ForecastParams
from models.demand.grid import Floats, Integers, LoadGrid
from models.demand.ladder import MODEL, REMEMBERED_DAYS, WITHOUT_WEATHER, Fitted, LoadForecast, Rung, Standing
from models.demand.lags import Rows
from models.demand.training import Training, rows_to_forecast, scene_of


@dataclass(frozen=True)
class PeakForecaster(Fitted):
    """Fitted for the daily maxima of all series of a grid: its bands are around those."""

    @classmethod
    def fit(
        cls,
        grid: LoadGrid,
        days: int,
        weather_is_known: bool,
        params: ForecastParams,
        threads: int,
        earlier: "PeakForecaster | None" = None,
    ) -> "PeakForecaster":
        """Fit on a grid of intervals that ends with a local day, to forecast the maxima of ``days`` days.

        Raises:
            NoHistoryError: No load is known at all.
        """
        return cls.learn(Training(grid, days * grid.steps_a_day, params, threads), weather_is_known, earlier)

    @classmethod
    def learn(
        cls, training: Training, weather_is_known: bool, earlier: "PeakForecaster | None" = None
    ) -> "PeakForecaster":
        """Fit as ``fit`` does, on what a forecaster of intervals may learn from too."""
        best = blind = None
        days = training.horizon // training.grid.steps_a_day
        if training.modelled.any():
            sees_ahead = weather_is_known and bool(training.scene.drivers)
            best = _rung(training, days, sees_ahead, True, earlier.best if earlier else None)
            blind = _rung(training, days, False, False, earlier.blind if earlier else None) if sees_ahead else None
        return cls(training.scale, training.least, training.modelled, best, blind)

    def predict(self, known: LoadGrid, cutoff: int, levels: Sequence[float]) -> LoadForecast:
        """Forecast the maximum of each local day from interval ``cutoff`` on, (series, days); never NaN."""
        known, cutoff = self.as_learnt(known).recent(cutoff, REMEMBERED_DAYS)
        scene, (daily, first) = scene_of(known, self.scale), _days(known, self.scale)
        day = int(np.searchsorted(first, cutoff))
        intervals = rows_to_forecast(len(known.load), cutoff, known.load.shape[1], known.steps_a_day)
        rows = rows_to_forecast(len(known.load), day, len(first), 1)
        asked, modelled = np.asarray(levels, dtype=np.float64), self.modelled[rows.series]
        standing = Standing.on_like_days(daily, rows, asked)
        for rung, name in ((self.blind, WITHOUT_WEATHER), (self.best, MODEL)):
            if rung is not None:
                point = rung.blend.point(scene, intervals).reshape(len(known.load), -1)
                highest = np.maximum.reduceat(point, first[day:] - cutoff, axis=1).ravel()
                standing = standing.below(rung.bands, name, daily, rows, highest, modelled, asked)
        standing = standing.told_of_silence(known.load, cutoff, known.steps_a_day, rows)
        return standing.as_forecast(self.scale, self.least)


def _days(grid: LoadGrid, scale: Floats) -> tuple[Scene, Integers]:
    """Return the daily maxima in units of scale, and the first interval of each day."""
    maxima, drivers, first = grid_of_maxima(grid)
    return scene_of(maxima, scale, drivers), first


def _rung(training: Training, days: int, sees_ahead: bool, with_trees: bool, earlier: Rung | None) -> Rung:
    if earlier is not None:
        blend = training.fit(sees_ahead, with_trees)
        return Rung(replace(blend, tree_share=earlier.blend.tree_share), earlier.bands)
    daily, first = _days(training.grid, training.scale)
    with training.side_by_side() as pool:
        fitted = pool.submit(training.fit, sees_ahead, with_trees)
        tried = training.left_out(_whole_days(training, first, days), sees_ahead, with_trees, pool)
    point = tried.line + tried.tree_share * tried.correction
    rows, highest = _highest(tried.rows, point, training.scene.calendar.day, first, len(training.scale))
    missed = daily.load[rows.series, rows.column] - highest
    usable = ~np.isnan(missed)
    seen = daily if sees_ahead else replace(daily, drivers={})
    bands = Bands.fit(seen, rows.where(usable), highest[usable], missed[usable], training.params)
    return Rung(replace(fitted.result(), tree_share=tried.tree_share), bands)


def _whole_days(training: Training, first: Integers, days: int) -> Rows:
    """Return every interval of every day, forecast from one to ``days`` days before in turn, for a hundred series."""
    day, times = training.scene.calendar.day, training.grid.load.shape[1]
    lead = np.arange(len(first)) % days
    issued = first[np.maximum(np.arange(len(first)) - lead, 0)]
    series = np.flatnonzero(training.modelled)[: training.params.peak_series]
    column = np.tile(np.arange(times), len(series))
    rows = Rows(np.repeat(series, times), issued[day][column], column, training.grid.steps_a_day)
    return rows.where(rows.cutoff > training.params.least_days * training.grid.steps_a_day // 2)


def _highest(rows: Rows, point: Floats, day: Integers, first: Integers, series: int) -> tuple[Rows, Floats]:
    """Return a row for each series and day, and the highest ``point`` of it."""
    table = np.full((series, len(first)), -np.inf)
    issued = np.zeros((series, len(first)), dtype=np.int64)
    np.maximum.at(table, (rows.series, day[rows.column]), point)
    issued[rows.series, day[rows.column]] = np.searchsorted(first, rows.cutoff)
    which, column = np.nonzero(np.isfinite(table))
    return Rows(which, issued[which, column], column, 1), table[which, column]

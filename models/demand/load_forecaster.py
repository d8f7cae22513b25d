"""Forecasts of load for every interval of a horizon, with quantiles and the rung of the ladder that each stands on."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from models.demand.bands import Bands
from models.demand.blend import Blend, Scene
from models.demand.calendar import Calendar
from models.demand.forecast_params import ForecastParams
from models.demand.grid import Bools, Floats, Integers, LoadGrid
from models.demand.lags import Rows
from models.demand.like_day import like_day
from models.demand.weather import Drivers, interval_drivers

MODEL, WITHOUT_WEATHER, WITHOUT_RECENT_LOAD = "model", "without_weather", "without_recent_load"
TREE_SHARES = np.linspace(0, 1, 6)


class NoHistoryError(ValueError):
    """No series has a known load before the cutoff, so that nothing can be forecast."""


@dataclass(frozen=True)
class LoadForecast:
    """A forecast of each series and interval of the horizon, in the unit of the load.

    Attributes:
        median: (series, horizon): the point that absolute errors are judged by.
        mean: (series, horizon): what adds up over series.
        quantiles: (levels, series, horizon), never crossing.
        basis: (series, horizon) rung: ``model``, ``without_recent_load`` (no reads of the last day), ``without_weather``,
            ``like_day``, ``last_week``, ``last_known``, ``other_series``.
    """

    median: Floats
    mean: Floats
    quantiles: Floats
    basis: npt.NDArray[np.str_]


@dataclass(frozen=True)
class Rung:
    """A point forecast and its bands."""

    blend: Blend
    bands: Bands


@dataclass(frozen=True)
class LoadForecaster:
    """Fitted for all series of a grid.

    Attributes:
        scale: (series,) mean absolute load, the unit that the model works in.
        modelled: (series,) whether enough is known of a series; the others get like days.
        least: (series,) 0 where load was never negative, else no bound (-inf).
        horizon: Intervals ahead.
        best: With the weather of the horizon, where it is known.
        blind: Without it, as the rung below; None where ``best`` does without anyway.
    """

    scale: Floats
    modelled: Bools
    least: Floats
    horizon: int
    best: Rung | None
    blind: Rung | None

    @classmethod
    def fit(
        cls,
        grid: LoadGrid,
        horizon: int,
        weather_is_known: bool,
        params: ForecastParams,
        threads: int,
        drivers: Drivers | None = None,
        earlier: "LoadForecaster | None" = None,
    ) -> "LoadForecaster":
        """Fit on a grid that ends at the cutoff.

        Args:
            grid: What is known; load may hold NaN.
            horizon: Intervals ahead of the cutoff that will be forecast.
            weather_is_known: Whether the temperature of the horizon will be there when it is forecast.
            params: Hyperparameters.
            threads: Fits side by side.
            drivers: Temperatures (series, times), if not those of intervals.
            earlier: A forecaster of the same series whose bands still hold: they are taken over, which saves the fits
                that measure them.

        Raises:
            NoHistoryError: No load is known at all.
        """
        known = ~np.isnan(grid.load)
        if not known.any():
            raise NoHistoryError("No load is known before the cutoff, so nothing can be forecast.")
        scale = _scale(grid.load)
        scene = _scene(grid, scale, drivers)
        modelled = known.sum(1) >= params.least_days * grid.steps_a_day
        modelled &= np.array([np.ptp(row[~np.isnan(row)]) > 0 if (~np.isnan(row)).any() else False for row in grid.load])
        least = np.where(np.nanmin(np.where(known, grid.load, np.inf), axis=1) < 0, -np.inf, 0.0)
        if not modelled.any():
            return cls(scale, modelled, least, horizon, None, None)
        weight = _weight(scene, known & modelled[:, None], params)
        rows = _rows_to_learn(modelled, grid, horizon, params)
        sees_ahead = weather_is_known and bool(scene.drivers)
        work = _Work(scene, weight, rows, params, threads)
        best = work.rung(sees_ahead, True, earlier.best if earlier else None)
        blind = work.rung(False, False, earlier.blind if earlier else None) if sees_ahead else None
        return cls(scale, modelled, least, horizon, best, blind)

    def predict(
        self, known: LoadGrid, cutoff: int, levels: Sequence[float], drivers: Drivers | None = None
    ) -> LoadForecast:
        """Forecast the columns from ``cutoff`` on; never NaN.

        Args:
            known: History and horizon, with NaN for what is not known yet.
            cutoff: First column that is forecast.
            levels: Quantiles asked for, between 0 and 1.
            drivers: As in ``fit``.
        """
        scene = _scene(known, self.scale, drivers)
        rows = _rows_to_forecast(len(known.load), cutoff, known.load.shape[1], known.steps_a_day)
        asked = np.sort(np.asarray(levels, dtype=np.float64))
        found = _from_like_days(scene, rows, asked)
        for rung, name in ((self.blind, WITHOUT_WEATHER), (self.best, MODEL)):
            if rung is not None:
                found = _overlay(found, rung, name, scene, rows, self.modelled[rows.series], asked)
        found = _without_recent_load(found, scene, rows)
        return self._as_forecast(found, rows, known.load.shape[1] - cutoff)

    def _as_forecast(self, found: "_Found", rows: Rows, horizon: int) -> LoadForecast:
        unit, least = self.scale[rows.series], self.least[rows.series]
        shape = (len(self.scale), horizon)
        # Sorted, as the levels are: quantiles of one rung do not cross, but rounding may.
        quantiles = np.sort(np.maximum(found.quantiles * unit, least), axis=0)
        return LoadForecast(
            np.maximum(found.median * unit, least).reshape(shape),
            np.maximum(found.mean * unit, least).reshape(shape),
            quantiles.reshape(-1, *shape),
            found.basis.reshape(shape),
        )


@dataclass(frozen=True)
class _Found:
    median: Floats
    mean: Floats
    quantiles: Floats
    basis: npt.NDArray[np.str_]


@dataclass(frozen=True)
class _Work:
    """What every fit of one training shares."""

    scene: Scene
    weight: Floats
    rows: Rows
    params: ForecastParams
    threads: int

    def rung(self, sees_ahead: bool, with_trees: bool, earlier: Rung | None) -> Rung:
        """Fit on everything; bands and the trees' share are measured on stretches that a fit has not seen."""
        params = self.params if with_trees else self.params.model_copy(update={"trees": 0})
        if earlier is None:
            rows, line, correction, left = self._left_out(sees_ahead, params)
            share = _best_share(left, correction)
            bands = Bands.fit(self.scene, rows, line + share * correction, left - share * correction, params)
        else:
            share, bands = earlier.blend.tree_share, earlier.bands
        blend = Blend.fit(self.scene, self.weight, self.rows, sees_ahead, params, self.threads)
        return Rung(replace(blend, tree_share=share), bands)

    def _left_out(self, sees_ahead: bool, params: ForecastParams) -> tuple[Rows, Floats, Floats, Floats]:
        """Return rows, the lines' forecast, the trees' correction, and what the lines missed, of days left out."""
        fold = _folds(self.scene.calendar.day, params)

        def one(number: int) -> tuple[Rows, Floats, Floats, Floats]:
            inside = fold == number
            blend = Blend.fit(self.scene, np.where(inside, 0.0, self.weight), self.rows, sees_ahead, params, 1)
            at = (self.rows.series, self.rows.column)
            rows = self.rows.where(inside[self.rows.column] & (self.weight[at] > 0))
            line, correction = blend.predict(self.scene, rows, 1)
            return rows, line, correction, self.scene.load[rows.series, rows.column] - line

        with ThreadPoolExecutor(self.threads) as pool:
            parts = list(pool.map(one, range(params.folds)))
        rows = Rows.joined([part[0] for part in parts])
        line, correction, left = (np.concatenate([part[place] for part in parts]) for place in (1, 2, 3))
        usable = ~np.isnan(left)
        return rows.where(usable), line[usable], correction[usable], left[usable]


def _scale(load: Floats) -> Floats:
    known = ~np.isnan(load)
    mean = np.where(known, np.abs(load), 0).sum(1) / np.maximum(known.sum(1), 1)
    usual = mean[mean > 0].mean() if (mean > 0).any() else 1.0
    return np.where(mean > 0, mean, usual)


def _scene(grid: LoadGrid, scale: Floats, drivers: Drivers | None) -> Scene:
    found = interval_drivers(grid) if drivers is None else drivers
    return Scene(grid.load / scale[:, None], Calendar.of(grid), found, grid.steps_a_day)


def _weight(scene: Scene, usable: Bools, params: ForecastParams) -> Floats:
    age = scene.calendar.day[-1] - scene.calendar.day
    return usable * 0.5 ** (age / params.half_life_days)


def _rows_to_learn(modelled: Bools, grid: LoadGrid, horizon: int, params: ForecastParams) -> Rows:
    """Draw forecasts as they could have been made, once a day at the time of day of the cutoff."""
    day, times = grid.steps_a_day, grid.load.shape[1]
    cutoffs = np.arange(times, params.least_days * day // 2, -day)[1:]
    series = np.flatnonzero(modelled)
    total = len(series) * len(cutoffs) * horizon
    wanted = min(total, params.rows + params.rows_a_series * (len(series) - 1))
    drawn = np.sort(np.random.default_rng(params.seed).choice(total, wanted, replace=False))
    which, rest = np.divmod(drawn, len(cutoffs) * horizon)
    cutoff = cutoffs[rest // horizon]
    rows = Rows(series[which], cutoff, cutoff + rest % horizon, day)
    return rows.where(rows.column < times)


def _rows_to_forecast(series: int, cutoff: int, times: int, steps_a_day: int) -> Rows:
    columns = np.arange(cutoff, times)
    everywhere = np.tile(columns, series)
    return Rows(np.repeat(np.arange(series), len(columns)), np.full(len(everywhere), cutoff), everywhere, steps_a_day)


def _folds(day: Integers, params: ForecastParams) -> Integers:
    """Return the fold of each column, -1 for none: stretches of the last year in turn, so that each sees all seasons."""
    length = max(1, min(params.fold_days, (day[-1] + 1) // (2 * params.folds)))
    stretch = (day[-1] - day) // length
    return np.where(day[-1] - day < 364, stretch % params.folds, -1)


def _best_share(left: Floats, correction: Floats) -> float:
    losses = [float(np.abs(left - share * correction).mean()) for share in TREE_SHARES]
    return float(TREE_SHARES[int(np.argmin(losses))])


def _from_like_days(scene: Scene, rows: Rows, levels: Floats) -> _Found:
    point, spread, rung = like_day(scene, rows)
    return _Found(point, point, point + spread * norm.ppf(levels)[:, None], rung)


def _overlay(
    below: _Found, rung: Rung, name: str, scene: Scene, rows: Rows, modelled: Bools, levels: Floats
) -> _Found:
    """Put a rung's forecast over the one below where it has one."""
    line, correction = rung.blend.predict(scene, rows, 1)
    point = line + rung.blend.tree_share * correction
    has = modelled & ~np.isnan(point)
    around = rung.bands.around(scene, rows, point, np.append(levels, 0.5))
    mean = rung.bands.mean(scene, rows, point)
    return _Found(
        np.where(has, around[-1], below.median),
        np.where(has, mean, below.mean),
        np.where(has, around[:-1], below.quantiles),
        np.where(has, name, below.basis),
    )


def _without_recent_load(found: _Found, scene: Scene, rows: Rows) -> _Found:
    cutoff = int(rows.cutoff[0])
    stale = np.isnan(scene.load[:, max(0, cutoff - scene.steps_a_day) : cutoff]).all(1)[rows.series]
    return replace(found, basis=np.where(stale & (found.basis == MODEL), WITHOUT_RECENT_LOAD, found.basis))

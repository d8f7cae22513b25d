"""What every fit of a forecaster shares: the scene, the rows to learn from, and the stretches that are left out."""

from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from models.demand.bands import Bands
from models.demand.blend import Blend, Responses, Scene
from models.demand.calendar import Calendar
from models.demand.forecast_params import ForecastParams
from models.demand.grid import Bools, Floats, Integers, LoadGrid
from models.demand.ladder import Rung
from models.demand.lags import Rows
from models.demand.weather import Drivers, foreseen, interval_drivers

YEAR_DAYS = 364
TREE_SHARES = np.linspace(0, 1, 6)
EVERYTHING = -2
"""The number of no fold."""


class NoHistoryError(ValueError):
    """No series has a known load before the cutoff, so that nothing can be forecast."""


@dataclass(frozen=True)
class LeftOut:
    """Forecasts of days that their fit had not seen, (rows,) each in units of scale.

    Attributes:
        rows: What was forecast.
        line: The lines' forecast.
        correction: The trees' correction.
        load: What came.
    """

    rows: Rows
    line: Floats
    correction: Floats
    load: Floats

    @property
    def tree_share(self) -> float:
        """Share of the trees' correction that leaves the least absolute error."""
        losses = [np.abs(self.load - self.line - share * self.correction).mean() for share in TREE_SHARES]
        return float(TREE_SHARES[int(np.argmin(losses))])


@dataclass(frozen=True)
class Training:
    """A grid that ends at the cutoff, ready to be learnt from.

    Attributes:
        grid: What is known.
        horizon: Intervals ahead.
        params: Hyperparameters.
        threads: Fits side by side.
    """

    grid: LoadGrid
    horizon: int
    params: ForecastParams
    threads: int
    _responses: dict[int, Responses] = field(default_factory=dict, init=False, repr=False)
    _blends: dict[tuple[int, bool, bool], Blend] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if np.isnan(self.grid.load).all():
            raise NoHistoryError("No load is known before the cutoff, so nothing can be forecast.")

    @cached_property
    def scale(self) -> Floats:
        """(series,) mean absolute load; that of the others for a series of zeros or nothing."""
        return scale_of(self.grid.load)

    @cached_property
    def least(self) -> Floats:
        """(series,) 0 where load was never negative, else no bound."""
        return least_of(self.grid.load)

    @cached_property
    def modelled(self) -> Bools:
        """(series,) whether enough is known of a series in the last year, on which bands are measured, and it moves."""
        known = ~np.isnan(self.grid.load)
        spread = np.where(known, self.grid.load, -np.inf).max(1) > np.where(known, self.grid.load, np.inf).min(1)
        of_last_year = known[:, -YEAR_DAYS * self.grid.steps_a_day :].sum(1)
        return spread & (of_last_year >= self.params.least_days * self.grid.steps_a_day)

    @cached_property
    def scene(self) -> Scene:
        """The grid as the model sees it; without the temperature of a series that knows too little of it."""
        found = scene_of(self.grid, self.scale)
        if not found.drivers:
            return found
        known = ~np.isnan(found.drivers["temperature"]) & ~np.isnan(found.load)
        enough = known.sum(1) >= self.params.least_days * self.grid.steps_a_day
        drivers = {name: np.where(enough[:, None], values, np.nan) for name, values in found.drivers.items()}
        return replace(found, drivers=drivers if enough.any() else {})

    @cached_property
    def weight(self) -> Floats:
        """(series, times) older days count less; 0 where nothing is known or modelled."""
        age = self.scene.calendar.day[-1] - self.scene.calendar.day
        usable = ~np.isnan(self.grid.load) & self.modelled[:, None]
        return usable * 0.5 ** (age / self.params.half_life_days)

    @cached_property
    def rows(self) -> Rows:
        """Forecasts as they could have been made, once a day at the time of day of the cutoff, drawn by chance."""
        day, times = self.grid.steps_a_day, self.grid.load.shape[1]
        cutoffs = np.arange(times, self.params.least_days * day // 2, -day)[1:]
        series = np.flatnonzero(self.modelled)
        total = len(series) * len(cutoffs) * self.horizon
        wanted = min(total, self.params.rows + self.params.rows_a_series * (len(series) - 1))
        drawn = np.sort(np.random.default_rng(self.params.seed).choice(total, wanted, replace=False))
        which, rest = np.divmod(drawn, len(cutoffs) * self.horizon)
        cutoff = cutoffs[rest // self.horizon]
        rows = Rows(series[which], cutoff, cutoff + rest % self.horizon, day)
        return rows.where(rows.column < times)

    @cached_property
    def fold(self) -> Integers:
        """(times,) fold, -1 for none: stretches of the last year in turn, so that each fold has all seasons."""
        day = self.scene.calendar.day
        length = max(1, min(self.params.fold_days, int(day[-1] + 1) // (2 * self.params.folds)))
        return np.where(day[-1] - day < YEAR_DAYS, (day[-1] - day) // length % self.params.folds, -1)

    def fit(self, sees_ahead: bool, with_trees: bool) -> Blend:
        """Fit on everything."""
        return self._fit(EVERYTHING, sees_ahead, with_trees)

    def left_out(self, rows: Rows, sees_ahead: bool, with_trees: bool, pool: Executor) -> LeftOut:
        """Forecast ``rows``, those of each fold by a fit that has seen no load of the fold as a target."""

        def one(number: int) -> LeftOut:
            inside = self.fold == number
            blend = self._fit(number, sees_ahead, with_trees)
            asked = rows.where(inside[rows.column] & (self.weight[rows.series, rows.column] > 0))
            return LeftOut(asked, *blend.predict(self.scene, asked), self.scene.load[asked.series, asked.column])

        parts = list(pool.map(one, range(self.params.folds)))
        line, correction, load = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("line", "correction", "load")
        )
        usable = ~np.isnan(line)
        joined = Rows.joined([part.rows for part in parts])
        return LeftOut(joined.where(usable), line[usable], correction[usable], load[usable])

    def side_by_side(self) -> Executor:
        """Return what runs fits side by side, one thread each: OpenMP's waiting threads are slow on a busy machine."""
        _ = self.rows, self.fold, self.scene, self.weight  # made now, not by two threads at once
        return ThreadPoolExecutor(self.threads)

    def rung(self, sees_ahead: bool, with_trees: bool, earlier: Rung | None) -> Rung:
        """Fit on everything; bands and the trees' share are an earlier rung's, or measured on what was left out."""
        if earlier is not None:
            blend = self.fit(sees_ahead, with_trees)
            return Rung(replace(blend, tree_share=earlier.blend.tree_share), earlier.bands)
        with self.side_by_side() as pool:
            fitted = pool.submit(self.fit, sees_ahead, with_trees)
            tried = self.left_out(self.rows, sees_ahead, with_trees, pool)
        point = tried.line + tried.tree_share * tried.correction
        seen = self.scene if sees_ahead else replace(self.scene, drivers={})
        bands = Bands.fit(seen, tried.rows, point, tried.load - point, self.params)
        return Rung(replace(fitted.result(), tree_share=tried.tree_share), bands)

    def _fit(self, left_out: int, sees_ahead: bool, with_trees: bool) -> Blend:
        """Fit once: bands of intervals and of daily maxima are measured on the same fits."""
        key = (left_out, sees_ahead, with_trees)
        if key not in self._blends:
            self._blends[key] = self._fit_anew(*key)
        return self._blends[key]

    def _fit_anew(self, left_out: int, sees_ahead: bool, with_trees: bool) -> Blend:
        params = self.params if with_trees else self.params.model_copy(update={"trees": 0})
        weight = np.where(self.fold == left_out, 0.0, self.weight)
        if left_out not in self._responses:
            self._responses[left_out] = Responses.fit(self.scene, weight, params)
        return Blend.fit(self._responses[left_out], self.scene, weight, self.rows, sees_ahead, params)


def scale_of(load: Floats) -> Floats:
    """Return (series,) mean absolute load of (series, times); that of the others for a series of zeros or nothing."""
    known = ~np.isnan(load)
    mean = np.where(known, np.abs(load), 0).sum(1) / np.maximum(known.sum(1), 1)
    return np.where(mean > 0, mean, mean[mean > 0].mean() if (mean > 0).any() else 1.0)


def least_of(load: Floats) -> Floats:
    """Return (series,) 0 where load (series, times) was never negative, else -inf."""
    lowest = np.where(np.isnan(load), np.inf, load).min(1)
    return np.where(lowest < 0, -np.inf, 0.0)


def scene_of(grid: LoadGrid, scale: Floats, drivers: Drivers | None = None) -> Scene:
    """Return a grid in units of scale, with the temperatures of its intervals if no others are given."""
    found, then = (interval_drivers(grid), foreseen(grid)) if drivers is None else (drivers, None)
    return Scene(grid.load / scale[:, None], Calendar.of(grid), found, grid.steps_a_day, then)


def rows_to_forecast(series: int, cutoff: int, times: int, steps_a_day: int) -> Rows:
    """Return a row for each series and column from ``cutoff`` on, series by series."""
    columns = np.tile(np.arange(cutoff, times), series)
    return Rows(np.repeat(np.arange(series), times - cutoff), np.full(len(columns), cutoff), columns, steps_a_day)

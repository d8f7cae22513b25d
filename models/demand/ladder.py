"""Which forecast stands where: the best rung that has one, and its name beside it. The lowest rung always has one."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from models.demand.bands import Bands
from models.demand.blend import Blend, Scene
from models.demand.grid import Bools, Floats, Integers, LoadGrid
from models.demand.lags import Rows
from models.demand.like_day import like_day

MODEL, WITHOUT_WEATHER, WITHOUT_RECENT_LOAD = "model", "without_weather", "without_recent_load"
REMEMBERED_DAYS = 60
"""A forecast looks back so far: four weeks of a horizon of a month, and the misses of four weeks before."""


@dataclass(frozen=True)
class Rung:
    """A point forecast of intervals, and bands around it or around its daily maximum."""

    blend: Blend
    bands: Bands


@dataclass(frozen=True)
class Fitted:
    """What a forecaster has learnt of all series of a grid.

    Attributes:
        scale: (series,) mean absolute load, the unit that the model works in.
        least: (series,) 0 where load was never negative, else no bound (-inf).
        modelled: (series,) whether enough is known of a series; the others get like days.
        best: With the weather of the horizon, where it is known; None where no series is modelled.
        blind: Without it, the rung below; None where ``best`` does without anyway.
    """

    scale: Floats
    least: Floats
    modelled: Bools
    best: Rung | None
    blind: Rung | None

    def as_learnt(self, grid: LoadGrid) -> LoadGrid:
        """Return a grid with the weather that was learnt from: without humidity, or with a humidity not known."""
        felt = self.best.blend.responses.by_weather if self.best else None
        if felt is None or "humid_heat" not in felt.shape.knots:
            return replace(grid, humidity_pct=np.empty((0, *grid.load.shape)))
        return grid if len(grid.humidity_pct) else replace(grid, humidity_pct=np.full((1, *grid.load.shape), np.nan))


@dataclass(frozen=True)
class LoadForecast:
    """A forecast of each series and interval (or local day) of the horizon, in the unit of the load.

    Attributes:
        median: (series, horizon): the point that absolute errors are judged by.
        mean: (series, horizon): what adds up over series.
        quantiles: (levels, series, horizon), never crossing.
        basis: (series, horizon) rung: ``model``, ``without_recent_load`` (no reads of the last day),
            ``without_weather``, ``like_day``, ``last_week``, ``last_known``, ``other_series``, ``usual_level``.
    """

    median: Floats
    mean: Floats
    quantiles: Floats
    basis: npt.NDArray[np.str_]

    def over(self, below: "LoadForecast", rows: Integers) -> "LoadForecast":
        """Return ``below`` with this forecast in place of some of its series; -1 is for those that it lacks."""
        mine, theirs = np.flatnonzero(rows >= 0), rows[rows >= 0]
        median, mean, quantiles, basis = below.median.copy(), below.mean.copy(), below.quantiles.copy(), below.basis
        median[theirs], mean[theirs], quantiles[:, theirs] = self.median[mine], self.mean[mine], self.quantiles[:, mine]
        basis = basis.astype(object)
        basis[theirs] = self.basis[mine]
        return LoadForecast(median, mean, quantiles, basis.astype(str))


@dataclass(frozen=True)
class Standing:
    """The forecast so far, a row each, in units of scale."""

    median: Floats
    mean: Floats
    quantiles: Floats
    basis: npt.NDArray[np.str_]

    @classmethod
    def on_like_days(cls, scene: Scene, rows: Rows, levels: Floats) -> "Standing":
        """Begin at the bottom, with like days and a normal band."""
        point, spread, rung = like_day(scene, rows)
        return cls(point, point, point + spread * norm.ppf(levels)[:, None], rung)

    def below(
        self, bands: Bands, name: str, scene: Scene, rows: Rows, point: Floats, modelled: Bools, levels: Floats
    ) -> "Standing":
        """Put a forecast ``point`` (rows,) with its bands over this one, where it is not NaN."""
        has = modelled & ~np.isnan(point)
        around = bands.around(scene, rows, point, np.append(levels, 0.5))
        return Standing(
            np.where(has, around[-1], self.median),
            np.where(has, bands.mean(scene, rows, point), self.mean),
            np.where(has, around[:-1], self.quantiles),
            np.where(has, name, self.basis),
        )

    def told_of_silence(self, load: Floats, cutoff: int, steps_a_day: int, rows: Rows) -> "Standing":
        """Name the rows of series whose last day before interval ``cutoff`` brought no read."""
        silent = np.all(np.isnan(load[:, max(0, cutoff - steps_a_day) : cutoff]), axis=1)[rows.series]
        return replace(self, basis=np.where(silent & (self.basis == MODEL), WITHOUT_RECENT_LOAD, self.basis))

    def as_forecast(self, scale: Floats, least: Floats) -> LoadForecast:
        """Return it in the unit of the load; rows stand series by series."""
        shape = (len(scale), len(self.median) // len(scale))
        unit, bound = np.repeat(scale, shape[1]), np.repeat(least, shape[1])
        # Sorted, as the levels are: quantiles of one rung do not cross, but rounding may.
        quantiles = np.sort(np.maximum(self.quantiles * unit, bound), axis=0)
        return LoadForecast(
            np.maximum(self.median * unit, bound).reshape(shape),
            np.maximum(self.mean * unit, bound).reshape(shape),
            quantiles.reshape(-1, *shape),
            self.basis.astype(object).astype(str).reshape(shape),
        )

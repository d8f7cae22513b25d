"""Weather as load feels it: now, and what houses and people remember of the last days."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.demand.grid import Floats, Integers, IssuedWeather, LoadGrid
from models.demand.lags import Rows

MEMORY_DAYS = 3
MEMORY = ("temperature_24h", "temperature_72h")
Drivers = dict[str, Floats]
"""Temperatures in degrees Celsius by name, each (series, times); NaN where they are not known."""


def interval_drivers(grid: LoadGrid) -> Drivers:
    """Return the temperature of each interval and its means over the last 3, 24 and 72 hours; {} without stations.

    Several stations count as their mean.
    """
    if not len(grid.temperature_c):
        return {}
    return _remembered(mean_of_known(grid.temperature_c), grid.minutes)


@dataclass(frozen=True)
class Foreseen:
    """Drivers of the intervals behind each cutoff as they were foreseen then.

    Attributes:
        cutoffs: (issues,) ascending columns.
        drivers: Degrees by name, each (issues, places, steps); NaN where nothing was forecast.
        place: (series,) place of each series.
    """

    cutoffs: Integers
    drivers: Drivers
    place: Integers

    @classmethod
    def of(cls, grid: LoadGrid, issued: IssuedWeather) -> "Foreseen":
        """Join what had been observed before each cutoff with what was forecast from it on."""
        days = MEMORY_DAYS * grid.steps_a_day
        places, series, place = np.unique(issued.place, return_index=True, return_inverse=True)
        forecast = issued.temperature_c[:, places]
        observed = mean_of_known(grid.temperature_c[:, series])
        column = issued.cutoffs[:, None] + np.arange(-days, 0)
        before = np.where(column >= 0, observed[:, np.maximum(column, 0)], np.nan).transpose(1, 0, 2)
        joined = _remembered(np.concatenate([before, forecast], axis=-1), grid.minutes)
        is_known = ~np.isnan(forecast)
        ahead = {name: np.where(is_known, values[..., days:], np.nan) for name, values in joined.items()}
        return cls(issued.cutoffs, ahead, place)

    def at(self, name: str, rows: Rows) -> Floats:
        """Return (rows,) degrees; NaN for rows of no issue here, and beyond what was forecast."""
        values = self.drivers[name]
        issue = np.searchsorted(self.cutoffs, rows.cutoff)
        step = rows.column - rows.cutoff
        known = (issue < len(self.cutoffs)) & (step < values.shape[-1])
        issue = np.minimum(issue, len(self.cutoffs) - 1)
        known &= self.cutoffs[issue] == rows.cutoff
        return np.where(known, values[issue, self.place[rows.series], np.where(known, step, 0)], np.nan)


def foreseen(grid: LoadGrid) -> Foreseen | None:
    """Return what was foreseen of the drivers in the past; None where no forecast of the weather is known."""
    issued = grid.issued_weather
    if issued is None or not len(issued.cutoffs) or not len(grid.temperature_c):
        return None
    return Foreseen.of(grid, issued)


def _remembered(now: Floats, minutes: int) -> Drivers:
    hour = max(1, 60 // minutes)
    return {
        "temperature": now,
        "temperature_3h": trailing_mean(now, 3 * hour),
        "temperature_24h": trailing_mean(now, 24 * hour),
        "temperature_72h": trailing_mean(now, 24 * MEMORY_DAYS * hour),
    }


def mean_of_known(values: Floats) -> Floats:
    """Mean over the first axis of what is not NaN; NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def quantiles_of_known(values: Floats, shares: Sequence[float]) -> Floats:
    """Quantiles along the last axis of what is not NaN, (shares, series); 0 where nothing is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nan_to_num(np.nanquantile(values, shares, axis=-1))


def trailing_mean(values: Floats, steps: int) -> Floats:
    """Mean of the last ``steps`` known values along the last axis, the own one among them; NaN where none is known."""
    known = ~np.isnan(values)
    total, count = np.cumsum(np.where(known, values, 0.0), -1), np.cumsum(known, -1, dtype=np.float64)
    window_total, window_count = total.copy(), count.copy()
    window_total[..., steps:] -= total[..., :-steps]
    window_count[..., steps:] -= count[..., :-steps]
    return np.where(window_count > 0, window_total / np.maximum(window_count, 1), np.nan)

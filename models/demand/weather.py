"""Weather as load feels it: now, and what houses and people remember of the last days."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.demand.grid import Floats, Integers, IssuedWeather, LoadGrid
from models.demand.lags import Rows

MEMORY_DAYS = 3
MEMORY = ("temperature_24h", "temperature_72h")
WARM = 14.5
"""Degrees Celsius above which humidity is felt."""
MOISTURE_DAYS = 28
Drivers = dict[str, Floats]
"""Temperatures in degrees Celsius by name, each (series, times); NaN where they are not known."""


def interval_drivers(grid: LoadGrid) -> Drivers:
    """Return the temperature of each interval and its means over the last 3, 24 and 72 hours; {} without stations.

    Several stations count as their mean. Where humidity has stations, what it adds to warm air is there too.
    """
    if not len(grid.temperature_c):
        return {}
    humidity_pct = mean_of_known(grid.humidity_pct) if len(grid.humidity_pct) else None
    return _felt(mean_of_known(grid.temperature_c), humidity_pct, grid.minutes)


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
        column = issued.cutoffs[:, None] + np.arange(-days, 0)

        def joined(actual: Floats, forecast: Floats) -> Floats:
            observed = mean_of_known(actual[:, series])
            before = np.where(column >= 0, observed[:, np.maximum(column, 0)], np.nan).transpose(1, 0, 2)
            return np.concatenate([before, forecast[:, places]], axis=-1)

        humidity_pct = None
        if len(grid.humidity_pct) and issued.humidity_pct is not None:
            humidity_pct = joined(grid.humidity_pct, issued.humidity_pct)
        felt = _felt(joined(grid.temperature_c, issued.temperature_c), humidity_pct, grid.minutes)
        is_known = ~np.isnan(issued.temperature_c[:, places])
        ahead = {name: np.where(is_known, values[..., days:], np.nan) for name, values in felt.items()}
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


def _felt(now: Floats, humidity_pct: Floats | None, minutes: int) -> Drivers:
    hour = max(1, 60 // minutes)
    drivers = {
        "temperature": now,
        "temperature_3h": trailing_mean(now, 3 * hour),
        "temperature_24h": trailing_mean(now, 24 * hour),
        "temperature_72h": trailing_mean(now, 24 * MEMORY_DAYS * hour),
    }
    if humidity_pct is None:
        return drivers
    return drivers | {"humid_heat": humid_heat(now, humidity_pct, 24 * MOISTURE_DAYS * hour)}


def humid_heat(temperature: Floats, humidity_pct: Floats, steps: int) -> Floats:
    """Return the degrees that humidity adds to what warm air feels like; 0 below 14.5 degrees.

    Thom's discomfort index (Weatherwise 12, 1959) is T - 0.55 (1 - h) (T - 14.5) in the form of Giles and others (Int.
    J. Biometeorology 34, 1990), as is the temperature-humidity index of PJM's load forecast (Manual 19). What it is in
    dry air is a matter of temperature; here is what humidity h adds, 0.55 h (T - 14.5).

    Args:
        temperature: (..., times) degrees Celsius.
        humidity_pct: (..., times) relative humidity; gaps are filled from the last ``steps`` intervals.
        steps: Intervals for which air keeps its moisture.
    """
    share = _known_humidity(humidity_pct / 100, temperature, steps)
    return 0.55 * share * np.maximum(temperature - WARM, 0)


def _known_humidity(share: Floats, temperature: Floats, steps: int) -> Floats:
    """Return relative humidity with gaps filled: air keeps its moisture for longer than its temperature.

    That of the last ``steps`` intervals is taken, at the temperature of the gap; 50 % where none is known. Moisture at
    saturation is by Magnus' formula (coefficients of Alduchov and Eskridge, 1996).
    """
    saturated = np.exp(17.625 * temperature / (temperature + 243.04))
    kept = np.nan_to_num(trailing_mean(share * saturated, steps) / saturated, nan=0.5)
    return np.where(np.isnan(share), np.minimum(kept, 1), share)


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

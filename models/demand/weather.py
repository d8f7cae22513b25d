"""Weather as load feels it: now, and what houses and people remember of the last days."""

import warnings
from collections.abc import Sequence

import numpy as np

from models.demand.grid import Floats, LoadGrid

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
    now = mean_of_known(grid.temperature_c)
    hour = max(1, 60 // grid.minutes)
    drivers = {
        "temperature": now,
        "temperature_3h": trailing_mean(now, 3 * hour),
        "temperature_24h": trailing_mean(now, 24 * hour),
        "temperature_72h": trailing_mean(now, 72 * hour),
    }
    return drivers | ({"humid_heat": humid_heat(grid)} if len(grid.humidity_pct) else {})


def humid_heat(grid: LoadGrid) -> Floats:
    """Return (series, times) the degrees that humidity adds to what warm air feels like; 0 below 14.5 degrees.

    Thom's discomfort index (Weatherwise 12, 1959) is T - 0.55 (1 - h) (T - 14.5) in the form of Giles and others (Int.
    J. Biometeorology 34, 1990), as is the temperature-humidity index of PJM's load forecast (Manual 19). What it is in
    dry air is a matter of temperature; here is what humidity h adds, 0.55 h (T - 14.5).
    """
    temperature = mean_of_known(grid.temperature_c)
    share = _known_humidity(mean_of_known(grid.humidity_pct) / 100, temperature, MOISTURE_DAYS * grid.steps_a_day)
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean: Floats = np.nanmean(values, axis=0)
    return mean


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

"""Weather as load feels it: now, and what houses and people remember of the last days."""

import warnings
from collections.abc import Sequence

import numpy as np

from models.demand.grid import Floats, LoadGrid

MEMORY = ("temperature_24h", "temperature_72h")
Drivers = dict[str, Floats]
"""Temperatures in degrees Celsius by name, each (series, times); NaN where they are not known."""


def interval_drivers(grid: LoadGrid) -> Drivers:
    """Return the temperature of each interval and its means over the last 3, 24 and 72 hours; {} without stations.

    Several stations count as their mean.
    """
    if not len(grid.temperature_c):
        return {}
    now = mean_of_known(grid.temperature_c)
    hour = max(1, 60 // grid.minutes)
    return {
        "temperature": now,
        "temperature_3h": trailing_mean(now, 3 * hour),
        "temperature_24h": trailing_mean(now, 24 * hour),
        "temperature_72h": trailing_mean(now, 72 * hour),
    }


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

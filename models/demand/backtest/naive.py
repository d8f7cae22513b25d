"""The forecasts that a model has to beat: what was, once more."""

import numpy as np

from models.demand.grid import Floats
from models.demand.like_day import last_known

BACK = 4
"""Periods that are looked back for a value that is known."""


def repeated(known: Floats, period: int, horizon: int) -> Floats:
    """Return (series, horizon) the last ``period`` steps over and over.

    A value that is unknown is taken a period earlier, up to four; then the series' last known value counts.

    Args:
        known: (series, steps) up to the cutoff.
        period: Steps after which it repeats.
        horizon: Steps ahead.
    """
    earlier = np.full((known.shape[0], (BACK + 1) * period), np.nan)
    some = known[:, -earlier.shape[1] :]
    earlier[:, earlier.shape[1] - some.shape[1] :] = some
    periods = earlier.reshape(-1, BACK + 1, period)[:, ::-1]
    newest = np.isfinite(periods).argmax(axis=1)
    latest = np.take_along_axis(periods, newest[:, None], axis=1)[:, 0]
    filled = np.where(np.isfinite(latest), latest, last_known(known)[:, None])
    return filled[:, np.arange(horizon) % period]

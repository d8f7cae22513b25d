"""The forecast that needs nothing but a few known days: the same time of like days, and how far those lay apart."""

import numpy as np

from models.demand.blend import Scene
from models.demand.grid import Floats
from models.demand.lags import Rows
from models.demand.weather import mean_of_known

WEEKS = 4
RUNGS = ("like_day", "last_week", "last_known", "other_series", "usual_level")
USUAL_SPREAD = 0.3
"""Standard deviation as a share of scale that is taken where no two like days are known."""


def like_day(scene: Scene, rows: Rows) -> tuple[Floats, Floats, np.ndarray]:
    """Return point (rows,), standard deviation (rows,) and rung (rows,) of each row, in units of scale.

    The rung is ``like_day`` (median of the last four same weekdays), ``last_week`` (one of them is known),
    ``last_known`` (the day before, or whatever was known last), ``other_series`` (nothing is known: the mean of the
    others) or ``usual_level`` (nothing of them either: the load is at its scale).
    """
    days, weeks = rows.whole_days_back(), rows.whole_weeks_back()
    alike = np.stack([rows.lag(scene.load, weeks + 7 * back, scene.calendar) for back in range(WEEKS)])
    lately = np.stack([rows.lag(scene.load, days + back, scene.calendar) for back in range(7)])
    known = (~np.isnan(alike)).sum(0)
    last = last_known(scene.load[:, : int(rows.cutoff.max())])[rows.series]
    point = _median(alike)
    rung = np.where(known >= 2, 0, np.where(known == 1, 1, 2))
    point = np.where(known > 0, point, np.where(np.isnan(_median(lately)), last, _median(lately)))
    others = mean_of_known(_by_time(point, rows))[rows.column - rows.column.min()]
    rung = np.where(np.isnan(point), np.where(np.isnan(others), 4, 3), rung)
    point = np.where(np.isnan(point), np.nan_to_num(others, nan=1.0), point)
    return point, _spread(alike, lately), np.array(RUNGS)[rung]


def _median(values: Floats) -> Floats:
    some = ~np.isnan(values).all(0)
    found = np.full(values.shape[1], np.nan)
    found[some] = np.nanmedian(values[:, some], axis=0)
    return found


def last_known(known: Floats) -> Floats:
    """Return (series,) the last value that is known of (series, steps), NaN if none is."""
    is_known = np.isfinite(known)
    if not known.shape[1]:
        return np.full(known.shape[0], np.nan)
    place = known.shape[1] - 1 - is_known[:, ::-1].argmax(axis=1)
    return known[np.arange(known.shape[0]), place]


def _by_time(point: Floats, rows: Rows) -> Floats:
    """(series, columns) of the rows that are forecast."""
    table = np.full((int(rows.series.max()) + 1, int(np.ptp(rows.column)) + 1), np.nan)
    table[rows.series, rows.column - rows.column.min()] = point
    return table


def _spread(alike: Floats, lately: Floats) -> Floats:
    """Standard deviation among all days that could serve, as a forecast from few days must be modest."""
    days = np.concatenate([alike, lately])
    known = (~np.isnan(days)).sum(0)
    squared = mean_of_known(np.square(days - mean_of_known(days)))
    enough = (known >= 3) & (squared >= 0)
    return np.where(enough, np.sqrt(np.where(enough, squared * known / np.maximum(known - 1, 1), 0)), USUAL_SPREAD)

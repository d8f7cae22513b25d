"""How the days of a customer's week differ: what a rest of five workdays and four weekend days is told by."""

import numpy as np

from models.bills.day_grid import DayGrid, Floats

DAYS_BACK = 56
KINDS = 7
MOST = 5.0
"""Times its mean that a day of the week has at most."""


def common_week(grid: DayGrid, cutoff: int) -> Floats:
    """Return (7,) the days of the week of all customers, as shares of the mean day."""
    ratio, count = _by_kind(grid, cutoff)
    total = count.sum(axis=0)
    return _leveled(np.where(total > 0, ratio.sum(axis=0) / np.maximum(total, 1), 1.0))


def own_weeks(grid: DayGrid, cutoff: int, common: Floats, weight: float) -> Floats:
    """Return (customers, 7) the days of each customer's week, drawn to those of all by ``weight`` days."""
    ratio, count = _by_kind(grid, cutoff)
    return _leveled((ratio + weight * common) / np.maximum(count + weight, 1e-9))


def on_days(weeks: Floats, grid: DayGrid, first: int, end: int) -> Floats:
    """Return (customers, days) the share of the mean day that each day from ``first`` up to ``end`` has."""
    return np.take_along_axis(weeks, grid.day_kind[:, first:end], axis=1)


def _by_kind(grid: DayGrid, cutoff: int) -> tuple[Floats, Floats]:
    """(customers, 7) sums of days in units of the customer's mean, and how many were known."""
    first = max(cutoff - DAYS_BACK, 0)
    mean = grid.known.mean(first, cutoff)[:, None]
    has_mean = mean > 0
    ratio = np.clip(grid.kwh[:, first:cutoff] / np.where(has_mean, mean, 1.0), 0, MOST)
    is_known = ~np.isnan(ratio) & has_mean
    kind, ratio = grid.day_kind[:, first:cutoff], np.where(is_known, ratio, 0.0)
    sums = [np.where(kind == one, ratio, 0.0).sum(axis=1) for one in range(KINDS)]
    counts = [(is_known & (kind == one)).sum(axis=1) for one in range(KINDS)]
    return np.stack(sums, axis=1), np.stack(counts, axis=1).astype(np.float64)


def _leveled(week: Floats) -> Floats:
    mean = week.mean(axis=-1, keepdims=True)
    return np.where(mean > 0, week / np.where(mean > 0, mean, 1.0), 1.0)

"""Days of homes with a level, a season and a week of their own."""

import numpy as np

from models.bills.day_grid import DayGrid

FIRST = "2023-01-01"


def grid_of(kwh: np.ndarray, first: str = FIRST, measured: np.ndarray | None = None) -> DayGrid:
    """A grid of (customers, days)."""
    values = np.atleast_2d(np.asarray(kwh, dtype=np.float64))
    dates = np.datetime64(first, "D") + np.arange(values.shape[1])
    share = np.isfinite(values).astype(np.float64) if measured is None else measured
    ids = np.array([f"home {number:02d}" for number in range(len(values))])
    return DayGrid.of_measured(ids, dates, values, share, np.zeros(values.shape, dtype=np.bool_))


def homes(customers: int = 12, days: int = 731, seed: int = 1) -> np.ndarray:
    """(customers, days) kWh: winters are half as high again, Sundays too, and every day has its own chance."""
    draw, day = np.random.default_rng(seed), np.arange(days)
    level = draw.lognormal(2.3, 0.5, (customers, 1))
    season = 1 + draw.uniform(0.1, 0.5, (customers, 1)) * np.cos(2 * np.pi * day / 365.25)
    sunday = np.where(day % 7 == 0, 1.5, 1.0)
    return level * season * sunday * draw.lognormal(0, 0.2, (customers, days))

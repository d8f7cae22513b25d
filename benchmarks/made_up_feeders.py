"""Hourly load of made-up feeders: heating and cooling, working days and holidays, growth, and weather that persists."""

import numpy as np

from models.demand.backtest.country import CountryDays
from models.demand.grid import Floats, LoadGrid

ZONE, COUNTRY, LATITUDE, LONGITUDE = "Europe/Berlin", "DE", 52.5, 13.4
FIRST = np.datetime64("2023-01-01T00:00", "m")
HOUR = np.timedelta64(60, "m")


def made_up_feeders(feeders: int, days: int, seed: int = 7) -> LoadGrid:
    """Return so many feeders of one region; the same seed gives the same load."""
    draw = np.random.default_rng(seed)
    times = FIRST + np.arange(days * 24) * HOUR
    ids = np.array([f"feeder {number:04d}" for number in range(feeders)])
    nothing = np.zeros((feeders, len(times)))
    grid = LoadGrid(ids, times, 60, ZONE, nothing, np.empty((0, *nothing.shape)), nothing.astype(np.bool_))
    dates, day = np.unique(grid.local_times.astype("datetime64[D]"), return_inverse=True)
    is_holiday = CountryDays.of(COUNTRY, dates).is_holiday[day]
    air = _temperature(grid, draw)[None] + draw.normal(0, 1.0, (feeders, 1))
    load = _load(grid, air, is_holiday, draw)
    # A station of the region is rounded, and not quite where the feeder is.
    measured = (air + draw.normal(0, 0.3, air.shape)).round(1)
    return LoadGrid(ids, times, 60, ZONE, load.round(2), measured[None], np.tile(is_holiday, (feeders, 1)))


def _temperature(grid: LoadGrid, draw: np.random.Generator) -> Floats:
    """Return (times,) a year's and a day's course, and weather that lasts for days."""
    hour, day = _hour(grid), np.arange(len(grid.times_utc)) / 24
    course = 10 - 10 * np.cos(2 * np.pi * (day - 20) / 365.25) - 4 * np.cos(2 * np.pi * (hour - 3) / 24)
    return course + _persistent(draw, (1, len(hour)), 3.5, 72)[0]


def _load(grid: LoadGrid, air: Floats, is_holiday: np.ndarray, draw: np.random.Generator) -> Floats:
    """Return (feeders, times) load in kW: homes and shops in some mix, heated and cooled with a building's delay."""
    feeders = len(grid.unique_ids)
    size, shops, heating, cooling, growth = (
        low + (high - low) * draw.random((feeders, 1))
        for low, high in ((200, 2000), (0.1, 0.9), (0.005, 0.03), (0.0, 0.03), (-0.03, 0.08))
    )
    hour, weekday = _hour(grid), (grid.local_times.astype("datetime64[D]").astype(int) + 3) % 7
    is_free = (weekday >= 5) | is_holiday
    homes = 0.7 + 0.25 * _hump(hour, 8 + 1.5 * is_free, 2) + 0.5 * _hump(hour, 19, 2.5) + 0.08 * is_free
    open_hours = 0.4 + 0.8 * _hump(hour, 12.5, 4) * np.where(is_free, np.where(weekday == 5, 0.6, 0.25), 1)
    felt = _smoothed(air, 12)
    weather = heating * np.maximum(0, 15 - felt) + cooling * np.maximum(0, felt - 21)
    years = np.arange(len(hour)) / 8766
    noise = 1 + _persistent(draw, air.shape, 0.03, 12) + draw.normal(0, 0.015, air.shape)
    return size * (1 + growth * years) * ((1 - shops) * homes + shops * open_hours + weather) * noise


def _hour(grid: LoadGrid) -> Floats:
    return (grid.local_times.astype(int) % 1440) / 60


def _hump(hour: Floats, at: Floats | float, width: float) -> Floats:
    apart = (hour - at + 12) % 24 - 12
    return np.exp(-0.5 * (apart / width) ** 2)


def _smoothed(values: Floats, hours: float) -> Floats:
    """Return values (rows, times) of which each time keeps a share of the one before."""
    kept, found = np.exp(-1 / hours), values.copy()
    for column in range(1, values.shape[1]):
        found[:, column] = kept * found[:, column - 1] + (1 - kept) * values[:, column]
    return found


def _persistent(draw: np.random.Generator, shape: tuple[int, int], deviation: float, hours: float) -> Floats:
    """Return noise (rows, times) of a standard deviation that fades within some hours."""
    kept, noise = np.exp(-1 / hours), draw.normal(0, deviation, shape)
    for column in range(1, shape[1]):
        noise[:, column] = kept * noise[:, column - 1] + np.sqrt(1 - kept**2) * noise[:, column]
    return noise

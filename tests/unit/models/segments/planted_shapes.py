"""Customers whose load shapes are known: five kinds of day, each with a noise of its own."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from meterwise.warehouse.duckdb import opened
from models.segments.params import PROFILE

LAST_DAY = date(2026, 7, 15)
GRID = [LAST_DAY - timedelta(days=28 * step) for step in range(9)]
HOURS = np.arange(24)


def bump(centre: float, width: float, height: float) -> np.ndarray:
    """A peak over the hours of a day, round the clock."""
    away = np.minimum(np.abs(HOURS - centre), 24 - np.abs(HOURS - centre))
    return height * np.exp(-((away / width) ** 2))


SHAPES = {
    "flat": np.ones(24),
    "strong evening peak": 0.5 + bump(19, 2, 3.0),
    "morning and evening": 0.5 + bump(7, 1.5, 1.2) + bump(19, 2, 1.2),
    "office hours": 0.3 + bump(12, 4.5, 1.5),
    "night": 0.4 + bump(1, 3, 2.5),
}


@dataclass(frozen=True)
class PlantedShapes:
    """Where the planted customers lie."""

    settings: Settings
    warehouse: Warehouse
    truth: dict[str, str]


def plant(settings: Settings, customers: int, days: list[date], noise: float = 0.10) -> PlantedShapes:
    """Fill ``features.features_segments``; every tenth customer has too few days, every eleventh no read at all."""
    draw = np.random.default_rng(9)
    names = list(SHAPES)
    kinds = [names[i % len(names)] for i in range(customers)]
    frames = []
    for day in days:
        profile = np.stack([SHAPES[kind] for kind in kinds]) * draw.lognormal(0, noise, (customers, 24))
        profile = (profile / profile.sum(axis=1, keepdims=True)).round(6)
        profile[::11] = np.nan
        frame = pd.DataFrame(profile, columns=list(PROFILE))
        frame.insert(0, "days_known", [5 if i % 10 == 0 else 56 for i in range(customers)])
        frame.insert(0, "customer_id", [f"C{i:05d}" for i in range(customers)])
        frame.insert(0, "as_of_date", day)
        frames.append(frame)
    warehouse = Warehouse(settings)
    with opened(settings) as connection:
        connection.register("planted", pd.concat(frames))
        connection.execute("create schema features")
        connection.execute("create table features.features_segments as from planted")
    known = {f"C{i:05d}": kind for i, kind in enumerate(kinds) if i % 10 and i % 11}
    return PlantedShapes(settings, warehouse, known)

"""The made-up utility as a warehouse, and its rows in their windows."""

import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from made_up_utility import AS_OF_DATE, CONDITIONS, DAYS, LABELS, LIMITS, METERS, USAGE, loads, weather

from meterwise.settings import Settings
from meterwise.warehouse.duckdb import opened
from models.demand.forecast_params import ForecastParams
from models.demand.params import DemandParams


def make_up(settings: Settings, timezone: str = "UTC") -> None:
    """Fill a warehouse with the made-up utility by the step of the settings."""
    with opened(settings) as connection:
        connection.register("weather", weather())
        connection.register(
            "issued", pd.DataFrame({"as_of_date": pd.date_range("2025-09-01", AS_OF_DATE, unit="us").date})
        )
        for schema in ("marts", "features", "scores"):
            connection.execute(f"create schema {schema}")
        for table in (loads(settings.forecast_step_minutes, timezone), METERS, CONDITIONS, DAYS, USAGE, LABELS, LIMITS):
            connection.execute(table)
        connection.execute("delete from marts.load_intervals where local_date >= $day", {"day": date(2026, 7, 15)})


@pytest.fixture(scope="session")
def made_up_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = Settings(home=tmp_path_factory.mktemp("utility"))
    make_up(settings)
    return settings.warehouse_path


@pytest.fixture
def utility(mlflow_settings: Settings, made_up_warehouse: Path) -> Settings:
    """Settings of the made-up utility, whose reads are known up to the day before ``AS_OF_DATE``."""
    shutil.copy(made_up_warehouse, mlflow_settings.warehouse_path)
    return mlflow_settings


@pytest.fixture(scope="session")
def small_params() -> DemandParams:
    """A short test window and few trees."""
    return DemandParams(test_days=14, forecast=ForecastParams(trees=40, rows=8000, folds=2, spread_trees=20))


@pytest.fixture
def params(small_params: DemandParams) -> DemandParams:
    return small_params

"""The made-up utility as a warehouse, and its rows in their windows."""

import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from made_up_utility import AS_OF_DATE, FEATURES, LOADS, weather

from meterwise.settings import Settings
from meterwise.warehouse.duckdb import opened
from models.demand import dataset
from models.demand.params import DemandParams


@pytest.fixture(scope="session")
def made_up_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = Settings(home=tmp_path_factory.mktemp("utility"))
    with opened(settings) as connection:
        connection.register("weather", weather())
        connection.register(
            "issued", pd.DataFrame({"as_of_date": pd.date_range("2025-09-01", AS_OF_DATE, unit="us").date})
        )
        for schema in ("marts", "features", "scores"):
            connection.execute(f"create schema {schema}")
        connection.execute(LOADS)
        connection.execute(FEATURES)
        connection.execute("delete from marts.region_load_hourly where local_date >= $day", {"day": date(2026, 7, 15)})
    return settings.warehouse_path


@pytest.fixture
def utility(mlflow_settings: Settings, made_up_warehouse: Path) -> Settings:
    """Settings of the made-up utility, whose reads are known up to the day before ``AS_OF_DATE``."""
    shutil.copy(made_up_warehouse, mlflow_settings.warehouse_path)
    return mlflow_settings


@pytest.fixture(scope="session")
def small_params() -> DemandParams:
    """Small windows and few trees."""
    return DemandParams(issue_step=6, trees=60, test_days=14, calibration_days=14, leaves=15)


@pytest.fixture
def params(small_params: DemandParams) -> DemandParams:
    return small_params


@pytest.fixture(scope="session")
def made_up_split(made_up_warehouse: Path, small_params: DemandParams) -> dataset.Split:
    """The labelled rows of the made-up utility in their windows."""
    settings = Settings(home=made_up_warehouse.parent)
    return dataset.split(dataset.labelled_rows(AS_OF_DATE, small_params, settings), AS_OF_DATE, small_params)

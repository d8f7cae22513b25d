"""What every test gets: settings of its own, in a folder of its own."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")

from meterwise.settings import Settings
from meterwise.warehouse import Warehouse


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose home is this test's folder."""
    return Settings(home=tmp_path / "home")


@pytest.fixture
def warehouse(settings: Settings) -> Warehouse:
    """An empty warehouse with every raw table."""
    warehouse = Warehouse(settings)
    warehouse.create_raw_tables()
    return warehouse

"""What every test gets: settings of its own, in a folder of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")

from meterwise import registry
from meterwise.postgres import EmbeddedPostgres
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


DATABASE_NUMBERS = count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """One PostgreSQL server for all tests; its folder is not pytest's, which other accounts may not enter."""
    folder = Path(tempfile.mkdtemp(prefix="meterwise-test-"))
    with EmbeddedPostgres(folder, durable=False) as server:
        yield server
    shutil.rmtree(folder)


@pytest.fixture
def database(settings: Settings, postgres_server: EmbeddedPostgres) -> Settings:
    """Settings that name an empty PostgreSQL database of this test's own."""
    url = postgres_server.create_database(f"test_{next(DATABASE_NUMBERS)}")
    return settings.model_copy(update={"database_url": SecretStr(url)})


@pytest.fixture(scope="session")
def _empty_mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("mlflow")
    registry.has_champion("none", Settings(home=home))
    return home / "mlflow.db"


@pytest.fixture
def mlflow_settings(settings: Settings, _empty_mlflow_store: Path) -> Settings:
    """Settings with an empty MLflow store; copied, since making one takes seconds."""
    settings.home_path.mkdir(parents=True, exist_ok=True)
    shutil.copy(_empty_mlflow_store, settings.home_path / "mlflow.db")
    return settings

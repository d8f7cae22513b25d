"""What every test gets: settings of its own, in a folder of its own."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")

from meterwise import parsed_project, registry
from meterwise.database import connect
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    """All homes of these tests have the same dbt project, which is parsed once for a name of the warehouse."""
    parse, parsed = parsed_project._parse, {}

    def known(settings: Settings, mark: str) -> tuple[bytes, bytes]:
        if mark not in parsed:
            parsed[mark] = parse(settings, mark)
        return parsed[mark]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parsed_project, "_parse", known)
        yield


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


@pytest.fixture
def places_in_database() -> Callable[[Settings, Sequence[str]], list[str]]:
    """Return a search for planted texts in every row of the schemas that leave the warehouse, comments included."""

    def _places(settings: Settings, planted: Sequence[str]) -> list[str]:
        patterns = [f"%{text}%" for text in planted]
        with connect(settings) as connection:
            tables = connection.execute(
                "select format('%%I.%%I', table_schema, table_name) from information_schema.tables "
                "where table_schema = any(%s) order by 1",
                [["published", "published_data", "ops"]],
            ).fetchall()
            assert tables, "no table to search in"
            return [
                name
                for (name,) in [*tables, ("pg_catalog.pg_description",)]
                if connection.execute(
                    f"select 1 from {name} as row_of where row_of::text ilike any(%s) limit 1", [patterns]
                ).fetchone()
            ]

    return _places


@pytest.fixture(scope="session")
def empty_mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an MLflow store without any run."""
    home = tmp_path_factory.mktemp("mlflow")
    registry.has_champion("none", Settings(home=home))
    return home / "mlflow.db"


@pytest.fixture
def mlflow_settings(settings: Settings, empty_mlflow_store: Path) -> Settings:
    """Settings with an empty MLflow store; copied, since making one takes seconds."""
    settings.home_path.mkdir(parents=True, exist_ok=True)
    shutil.copy(empty_mlflow_store, settings.home_path / "mlflow.db")
    return settings

"""A small utility, a server that is to be disturbed, and a home beside it where nothing is."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from chaos.server import Server
from chaos.undisturbed import Undisturbed
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings
from meterwise.sources.synthetic import SyntheticUtility

CUSTOMERS, MONTHS, FIRST = 50, 5, date(2026, 7, 15)
LAST = FIRST + timedelta(days=100)
"""Where Meterwise's clock stands: behind all days that a test can reach."""
ENGINE = os.environ.get("ENGINE", "duckdb")


def utility_in(folder: Path) -> SyntheticUtility:
    """A utility of some fifty customers; in every folder it is the same."""
    made = SyntheticUtility(folder, f"sqlite:///{folder}/crm.db", customers=CUSTOMERS, first_date=FIRST, months=MONTHS)
    made.advance_to(FIRST)
    return made


def settings_for(utility: SyntheticUtility, home: Path) -> Settings:
    return Settings(
        home=home,
        sources_file=utility.sources_path,
        last_date=LAST,
        secrets={"crm_url": SecretStr(utility.crm_url)},
        warehouse=ENGINE,
        monitor_minutes=0,
        forecast_minutes=0,
    )


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's own account may enter, unlike pytest's."""
    path = Path(tempfile.mkdtemp(prefix="meterwise-chaos-"))
    path.chmod(0o755)
    yield path
    if not os.environ.get("CHAOS_KEEP"):
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def undisturbed(folder: Path, postgres_server: EmbeddedPostgres) -> Undisturbed:
    """A home in which nothing is killed."""
    utility = utility_in(folder / "undisturbed-utility")
    databases = {"database_url": SecretStr(postgres_server.create_database("undisturbed"))}
    if ENGINE == "postgresql":
        databases["warehouse_url"] = SecretStr(postgres_server.create_database("undisturbed_warehouse"))
    settings = settings_for(utility, folder / "undisturbed")
    return Undisturbed(settings.model_copy(update=databases), utility)


@pytest.fixture(scope="session")
def utility(folder: Path) -> SyntheticUtility:
    """The utility of the server."""
    return utility_in(folder / "utility")


@pytest.fixture(scope="session")
def server(folder: Path, utility: SyntheticUtility) -> Iterator[Server]:
    """A server that is up."""
    server = Server(settings_for(utility, folder / "server"))
    server.start()
    yield server
    server.stop()

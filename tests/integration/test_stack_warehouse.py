"""Where the warehouse is to be PostgreSQL and nobody names one, the embedded stack has it in its own server."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from meterwise.settings import Settings
from meterwise.stack.stack import Stack
from meterwise.warehouse import Warehouse, WarehouseError


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that PostgreSQL's account may enter; pytest's may not be."""
    folder = Path(tempfile.mkdtemp(prefix="meterwise-test-"))
    yield folder
    shutil.rmtree(folder)


def test_the_embedded_server_holds_the_warehouse_and_a_command_beside_it_finds_it(home: Path) -> None:
    settings = Settings(home=home, warehouse="postgresql")
    stack = Stack(settings)

    try:
        stack.start_database()
        Warehouse(stack.settings).create_raw_tables()

        assert stack.settings.warehouse_url is not None
        assert Warehouse(settings).arrow("select count(*) as n from raw.load_audit").to_pylist() == [{"n": 0}]
    finally:
        stack.stop()

    with pytest.raises(WarehouseError, match="METERWISE_WAREHOUSE_URL is not set"):
        Warehouse(settings).arrow("select 1")


def test_a_warehouse_that_is_named_is_not_replaced(home: Path) -> None:
    settings = Settings(home=home, warehouse="postgresql", warehouse_url="postgresql://someone@elsewhere/warehouse")
    stack = Stack(settings)

    try:
        stack.start_database()

        assert stack.settings.warehouse_url == settings.warehouse_url
    finally:
        stack.stop()

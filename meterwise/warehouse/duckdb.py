"""The warehouse in one DuckDB file. DuckDB admits one process at a time while it writes, readers included."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import URL

from meterwise.raw_tables import create_statements
from meterwise.settings import Settings
from meterwise.warehouse.area import LoadingArea
from meterwise.warehouse.errors import WarehouseBusyError
from meterwise.warehouse.score_tables import SCORE_TABLES
from meterwise.warehouse.turns import WAIT_SECONDS, FileTurns

_TURNS = FileTurns()
SPILL_FOLDER = "duckdb_tmp"


class DuckDBEngine:
    """The DuckDB file of one installation; a second process waits for its turn."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for reading and writing; close it, and so free it for others, at the end.

        Raises:
            WarehouseBusyError: Another process held the file for more than two minutes.
        """
        with self.reserve():
            connection = self._open()
            try:
                configure(connection, self.settings)
                yield connection
            finally:
                connection.close()

    @contextmanager
    def reserve(self) -> Iterator[None]:
        """Keep the turn for this process, so that a library can open the file by itself, as often as it likes."""
        path = self.settings.warehouse_path.with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        _TURNS.take(path)
        try:
            yield
        finally:
            _TURNS.give_back(path)

    @contextmanager
    def loading(self) -> Iterator[LoadingArea]:
        """The file itself is the area."""
        with self.opened() as connection:
            yield LoadingArea(connection)

    @contextmanager
    def reading(self, tables: Sequence[str] | Mapping[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
        """The file itself can be read, whatever the tables; queries become views."""
        with self.opened() as connection:
            for name, query in tables.items() if isinstance(tables, Mapping) else ():
                connection.execute(f"create or replace temp view {name} as {query}")
            yield connection

    def create(self, statements: Sequence[str]) -> None:
        """Run statements that make what is missing."""
        with self.opened() as connection:
            for statement in statements:
                connection.execute(statement)

    def create_raw_tables(self) -> None:
        """Make every raw table where it is missing."""
        self.create(create_statements())

    def create_score_tables(self) -> None:
        """Make every table of scores where it is missing."""
        self.create(SCORE_TABLES)

    def arrow(self, sql: str, parameters: Mapping[str, Any], role: str) -> pa.Table:
        """Run a query; DuckDB knows no roles."""
        with self.opened() as connection:
            return connection.sql(sql, params=dict(parameters)).to_arrow_table()

    def execute(self, sql: str, parameters: Mapping[str, Any], role: str) -> None:
        """Run a statement for its effect; DuckDB knows no roles."""
        with self.opened() as connection:
            connection.execute(sql, dict(parameters))

    def export_parquet(self, sql: str, path: str) -> None:
        """Write the result of a query to a Parquet file."""
        with self.opened() as connection:
            connection.execute(f"copy ({sql}) to '{path}' (format parquet)")

    def replace_partition(self, table: str, rows: pa.Table, partition: Mapping[str, Any]) -> None:
        """Replace the rows of one partition in one transaction."""
        schema = table.split(".")[0]
        where = " and ".join(f"{column} = ${column}" for column in partition) or "true"
        with self.opened() as connection:
            connection.register("incoming", rows)
            connection.execute("begin")
            connection.execute(f"create schema if not exists {schema}")
            connection.execute(f"create table if not exists {table} as select * from incoming where false")
            connection.execute(f"delete from {table} where {where}", dict(partition))
            connection.execute(f"insert into {table} by name select * from incoming")
            connection.execute("commit")

    def sqlalchemy_url(self) -> URL:
        """URL of the file for duckdb-engine; ``reserve`` the turn while it is used."""
        return URL.create("duckdb", database=str(self.settings.warehouse_path))

    def _open(self) -> duckdb.DuckDBPyConnection:
        path = self.settings.warehouse_path
        path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                return duckdb.connect(str(path), config={"threads": self.settings.threads})
            except duckdb.IOException as error:
                if "lock" not in str(error).lower():
                    raise
                if time.monotonic() > deadline:
                    raise WarehouseBusyError(
                        f"The warehouse {path} is held by another process: {error}. "
                        "Warehouse tasks belong into the Airflow pool 'warehouse'; close any other session on the file."
                    ) from error
                time.sleep(0.2)


def configure(connection: duckdb.DuckDBPyConnection, settings: Settings, spill: str = "") -> None:
    """Let a connection compute as all do: in UTC, within the memory allowed, spilling under home.

    Args:
        connection: Just opened.
        settings: Of this installation.
        spill: Folder within the common one; two that spill at once must not share theirs.
    """
    connection.execute("set timezone = 'UTC'")
    connection.execute(f"set memory_limit = '{settings.memory_limit}'")
    connection.execute(f"set temp_directory = '{settings.home_path / SPILL_FOLDER / spill}'")
    connection.execute("set preserve_insertion_order = false")


@contextmanager
def opened(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse's DuckDB file; for tests, which fill it with what they plant."""
    with DuckDBEngine(settings).opened() as connection:
        yield connection

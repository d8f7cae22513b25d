"""One face for the warehouse engine: SQL in, Arrow out. The only module that opens DuckDB."""

import fcntl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import duckdb
import pyarrow as pa

from meterwise.raw_tables import create_statements
from meterwise.settings import Settings, get_settings

LOCK_WAIT_SECONDS = 120.0

SCORE_TABLES = (
    "create schema if not exists scores",
    "create table if not exists scores.demand_forecasts (as_of_date date, region_code varchar, valid_at_utc timestamp, "
    "horizon_hours integer, p10_kwh double, p50_kwh double, p90_kwh double, naive_kwh double, model_version varchar)",
    "create table if not exists scores.churn_scores (as_of_date date, customer_id varchar, churn_probability double, "
    "reason_1 varchar, reason_2 varchar, reason_3 varchar, model_version varchar)",
    "create table if not exists scores.load_shapes (as_of_date date, customer_id varchar, load_shape varchar, "
    "shape_distance double, model_version varchar)",
    "create table if not exists scores.model_skips (as_of_date date, model varchar, reason varchar)",
)
"""What the models say, one partition per as_of_date; dbt reads these tables as sources."""


class WarehouseBusyError(RuntimeError):
    """Another process held the DuckDB file for too long."""


class _Turns:
    """Whose turn it is, by a lock on a file beside the warehouse; within a process, as often as wanted."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: dict[Path, tuple[IO[str], int]] = {}

    def take(self, path: Path) -> None:
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
        while not self._try(path):
            if time.monotonic() > deadline:
                raise WarehouseBusyError(
                    f"The warehouse beside {path} has been in use by another process for {LOCK_WAIT_SECONDS:.0f} "
                    "seconds. Warehouse tasks belong into the Airflow pool 'warehouse'; see what runs there."
                )
            time.sleep(0.1)

    def give_back(self, path: Path) -> None:
        with self._guard:
            file, count = self._held.pop(path)
            if count > 1:
                self._held[path] = (file, count - 1)
            else:
                file.close()

    def _try(self, path: Path) -> bool:
        with self._guard:
            if path in self._held:
                file, count = self._held[path]
                self._held[path] = (file, count + 1)
                return True
            file = path.open("a")
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._held[path] = (file, 1)
                return True
            file.close()
            return False


_TURNS = _Turns()


class Warehouse:
    """The warehouse of one installation.

    DuckDB admits one process at a time while it writes, readers included; a second one waits for its turn here.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or get_settings()

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the warehouse for reading and writing; close it, and so free it for others, at the end.

        Raises:
            WarehouseBusyError: Another process held the file for more than two minutes.
        """
        with self.reserve():
            connection = self._open()
            try:
                connection.execute("set timezone = 'UTC'")
                connection.execute(f"set memory_limit = '{self.settings.memory_limit}'")
                connection.execute(f"set temp_directory = '{self.settings.home_path / 'duckdb_tmp'}'")
                connection.execute("set preserve_insertion_order = false")
                yield connection
            finally:
                connection.close()

    @contextmanager
    def reserve(self) -> Iterator[None]:
        """Keep the turn for this process, so that a library can open the file by itself, as often as it likes.

        Raises:
            WarehouseBusyError: Another process kept it for more than two minutes.
        """
        path = self.settings.warehouse_path.with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        _TURNS.take(path)
        try:
            yield
        finally:
            _TURNS.give_back(path)

    def _open(self) -> duckdb.DuckDBPyConnection:
        path = self.settings.warehouse_path
        path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
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

    def create_raw_tables(self) -> None:
        """Make every raw table where it is missing."""
        with self.connect() as connection:
            for statement in create_statements():
                connection.execute(statement)

    def arrow(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Run a query (``$name`` placeholders) and return its result as an Arrow table."""
        with self.connect() as connection:
            return connection.sql(sql, params=dict(parameters or {})).to_arrow_table()

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run one statement for its effect."""
        with self.connect() as connection:
            connection.execute(sql, parameters or {})

    def export_parquet(self, sql: str, path: str) -> None:
        """Write the result of a query to a Parquet file, so that the warehouse is free before a model is fitted."""
        with self.connect() as connection:
            connection.execute(f"copy ({sql}) to '{path}' (format parquet)")

    def replace_partition(self, table: str, rows: pa.Table, partition: Mapping[str, Any]) -> None:
        """Replace the rows of one partition in one transaction; makes the table from the rows' schema where missing.

        Args:
            table: ``schema.name``.
            rows: The whole partition; its columns must be those of the table.
            partition: Column values that every row of the partition carries, e.g. ``{"as_of_date": date}``.
        """
        schema = table.split(".")[0]
        where = " and ".join(f"{column} = ${column}" for column in partition)
        with self.connect() as connection:
            connection.register("incoming", rows)
            connection.execute("begin")
            connection.execute(f"create schema if not exists {schema}")
            connection.execute(f"create table if not exists {table} as select * from incoming where false")
            connection.execute(f"delete from {table} where {where}", dict(partition))
            connection.execute(f"insert into {table} by name select * from incoming")
            connection.execute("commit")

    def create_score_tables(self) -> None:
        """Make every table that the models write where it is missing, so that dbt finds its sources on a first day."""
        with self.connect() as connection:
            for statement in SCORE_TABLES:
                connection.execute(statement)

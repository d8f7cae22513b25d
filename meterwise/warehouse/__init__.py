"""One face for the warehouse engines: SQL in, Arrow out. The only package that opens the warehouse."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import duckdb
import pyarrow as pa
from sqlalchemy import URL

from meterwise.settings import Settings, get_settings
from meterwise.warehouse.area import LoadingArea
from meterwise.warehouse.errors import (
    WarehouseBusyError,
    WarehouseError,
    WarehouseNotConfiguredError,
    WarehouseRefusedError,
    WarehouseUnavailableError,
)

__all__ = [
    "LoadingArea",
    "Warehouse",
    "WarehouseBusyError",
    "WarehouseError",
    "WarehouseNotConfiguredError",
    "WarehouseRefusedError",
    "WarehouseUnavailableError",
]

Role = Literal["loader", "transformer", "publisher"]
"""With whose rights a statement runs, where the engine knows roles."""

Tables = Sequence[str] | Mapping[str, str]
"""Tables to read, or relations to make and their queries."""


class Engine(Protocol):
    """What an engine must be able to do."""

    def arrow(self, sql: str, parameters: Mapping[str, Any], role: str) -> pa.Table: ...
    def execute(self, sql: str, parameters: Mapping[str, Any], role: str) -> None: ...
    def export_parquet(self, sql: str, path: str) -> None: ...
    def replace_partition(self, table: str, rows: pa.Table, partition: Mapping[str, Any]) -> None: ...
    def create_raw_tables(self) -> None: ...
    def create_score_tables(self) -> None: ...
    def reserve(self) -> AbstractContextManager[None]: ...
    def loading(self) -> AbstractContextManager[LoadingArea]: ...
    def reading(
        self, tables: Sequence[str] | Mapping[str, str]
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]: ...
    def sqlalchemy_url(self) -> URL: ...


class Warehouse:
    """The warehouse of one installation, in the engine that the settings name.

    SQL outside this package and ``macros/cross_db.sql`` runs on every engine; its parameters are written ``$name``.

    Raises:
        WarehouseBusyError: (any method) Others had the turn for more than two minutes.
        WarehouseUnavailableError: (any method) The database is down or went away; nothing is half done.
        WarehouseRefusedError: (any method) The database refuses: password, rights, room.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or get_settings()
        self._engine = _engine(self.settings)

    def arrow(self, sql: str, parameters: Mapping[str, Any] | None = None, role: Role = "transformer") -> pa.Table:
        """Run a query (``$name`` placeholders) and return its result as an Arrow table."""
        return self._engine.arrow(sql, parameters or {}, role)

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None, role: Role = "transformer") -> None:
        """Run one statement for its effect."""
        self._engine.execute(sql, parameters or {}, role)

    def export_parquet(self, sql: str, path: str) -> None:
        """Write the result of a query to a Parquet file, so that the warehouse is free before a model is fitted."""
        self._engine.export_parquet(sql, path)

    def replace_partition(self, table: str, rows: pa.Table, partition: Mapping[str, Any]) -> None:
        """Replace the rows of one partition in one transaction; makes the table from the rows' schema where missing.

        Args:
            table: ``schema.name``.
            rows: The whole partition; its columns must be those of the table.
            partition: Column values that every row of the partition carries, e.g. ``{"as_of_date": date}``; none: the
                whole table.
        """
        self._engine.replace_partition(table, rows, partition)

    def create_raw_tables(self) -> None:
        """Make every raw table where it is missing."""
        self._engine.create_raw_tables()

    def create_score_tables(self) -> None:
        """Make every table that the models write where it is missing, so that dbt finds its sources on a first day."""
        self._engine.create_score_tables()

    def reserve(self) -> AbstractContextManager[None]:
        """Keep the turn for this process, so that a library can open the warehouse by itself, as often as it likes."""
        return self._engine.reserve()

    def loading(self) -> AbstractContextManager[LoadingArea]:
        """Open the area in which loads are made; loaders take turns."""
        return self._engine.loading()

    def reading(self, tables: Tables) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open a DuckDB connection in which tables of the warehouse can be read, all of one state.

        Args:
            tables: ``schema.name`` of each; one that is not there is left out. Or names of relations to make, each with
                a query in SQL that every engine knows: only its result is brought.
        """
        return self._engine.reading(tables)

    def sqlalchemy_url(self) -> URL:
        """SQLAlchemy URL of the warehouse, secrets in clear; hold ``reserve`` while it is used."""
        return self._engine.sqlalchemy_url()


def _engine(settings: Settings) -> Engine:
    if settings.warehouse == "postgresql":
        from meterwise.warehouse.postgresql import PostgreSQLEngine

        return PostgreSQLEngine(settings)
    from meterwise.warehouse.duckdb import DuckDBEngine

    return DuckDBEngine(settings)

"""The warehouse in a PostgreSQL database: statements run there, rows come and go as Arrow."""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any
from uuid import uuid4

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import URL, make_url

from meterwise.access import DatabaseDownError, DatabaseRefusedError, acting_as, grant_raw, open_connection
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings
from meterwise.warehouse.area import LoadingArea
from meterwise.warehouse.duckdb import SPILL_FOLDER, configure
from meterwise.warehouse.errors import (
    WarehouseBusyError,
    WarehouseError,
    WarehouseNotConfiguredError,
    WarehouseRefusedError,
    WarehouseUnavailableError,
)
from meterwise.warehouse.postgresql.area import PostgreSQLArea
from meterwise.warehouse.postgresql.arrow_types import postgresql_type
from meterwise.warehouse.postgresql.session import Session, bound, in_our_words
from meterwise.warehouse.postgresql.tables import EXISTING, missing_statements
from meterwise.warehouse.score_tables import SCORE_TABLES
from meterwise.warehouse.turns import WAIT_SECONDS

EMBEDDED_FOLDER, EMBEDDED_DATABASE = "postgres", "warehouse"
"""The embedded server of an installation and the database in it."""

TURN = "hashtextextended('meterwise: loads', 0)"
DELIVERED = {"publish", "scores"}
"""Schemas that a delivery reads."""
SPILL_LEFT_SECONDS = 86_400


class PostgreSQLEngine:
    """A PostgreSQL database as warehouse."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def url(self, role: str) -> URL:
        """Return the database's URL, acting as a role where there are roles.

        Raises:
            WarehouseNotConfiguredError: No database is named and no embedded one runs.
        """
        try:
            return acting_as(self._own_url(), role)
        except DatabaseDownError as error:
            raise WarehouseUnavailableError(str(error)) from None
        except DatabaseRefusedError as error:
            raise WarehouseRefusedError(str(error)) from None

    def arrow(self, sql: str, parameters: Mapping[str, Any], role: str) -> pa.Table:
        """Run a query in the database."""
        with Session(self.url(role)) as session, session.stream(sql, parameters) as rows:
            return rows.read_all()

    def execute(self, sql: str, parameters: Mapping[str, Any], role: str) -> None:
        """Run one statement, or several in one transaction."""
        with self._statements(role) as connection:
            connection.execute(bound(sql, parameters).encode())

    def export_parquet(self, sql: str, path: str) -> None:
        """Write the result of a query to a Parquet file, as it comes."""
        with (
            Session(self.url("transformer")) as session,
            session.stream(sql) as rows,
            pq.ParquetWriter(path, rows.schema) as writer,
        ):
            for batch in rows:
                writer.write_batch(batch)

    def replace_partition(self, table: str, rows: pa.Table, partition: Mapping[str, Any]) -> None:
        """Replace the rows of one partition in one transaction; two at once would double it, so they take turns."""
        where = " and ".join(f"{column} = ${column}" for column in partition) or "true"
        self._create_like(table, rows.schema)
        with Session(self.url("transformer")) as session:
            session.execute("select pg_advisory_xact_lock(hashtextextended($table, 1))", {"table": table})
            with session.stream(f"select {', '.join(rows.column_names)} from {table} limit 0") as columns:
                kinds = columns.schema
            session.execute(f"delete from {table} where {where}", partition)
            if len(rows):
                session.copy_in(table, rows.cast(kinds))
            session.commit()

    def create_raw_tables(self) -> None:
        """Make every raw table where it is missing, and let those read it who may."""
        with self._statements("loader") as connection:
            if not list(missing_statements(_known(connection))):
                return
            connection.execute("select pg_advisory_xact_lock(hashtextextended('meterwise: raw tables', 0))")
            if connection.execute("select to_regnamespace('raw')").fetchone() == (None,):
                connection.execute("create schema raw")
            for statement in missing_statements(_known(connection)):
                connection.execute(statement.encode())
            grant_raw(connection)

    def create_score_tables(self) -> None:
        """Make every table of scores where it is missing."""
        self._create_schema("scores")
        with self._statements("transformer") as connection:
            for statement in SCORE_TABLES[1:]:
                connection.execute(statement.encode())

    def reserve(self) -> nullcontext[None]:
        """PostgreSQL admits everyone at once."""
        return nullcontext()

    @contextmanager
    def loading(self) -> Iterator[LoadingArea]:
        """Bring the bookkeeping into DuckDB and keep the turn of loaders until the end."""
        with Session(self.url("loader")) as session, self._scratch() as connection:
            self._take_turn(session)
            area = PostgreSQLArea(session, connection)
            yield area
            with suppress(WarehouseError):  # a lost connection was told of; what is loaded stays
                area.analyse()

    @contextmanager
    def reading(self, tables: Sequence[str] | Mapping[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
        """Bring tables, or results of queries, into DuckDB: all of one snapshot, no connection kept open."""
        queries = tables if isinstance(tables, Mapping) else {name: f"select * from {name}" for name in tables}
        is_delivery = not isinstance(tables, Mapping) and {name.split(".")[0] for name in tables} <= DELIVERED
        with self._scratch() as connection:
            with Session(self.url("publisher" if is_delivery else "transformer")) as session:
                session.execute("set transaction isolation level repeatable read, read only")
                for name, query in queries.items():
                    if isinstance(tables, Mapping) or session.rows(
                        "select 1 where to_regclass($t) is not null", {"t": name}
                    ):
                        _bring(session, connection, name, query)
            yield connection

    def sqlalchemy_url(self) -> URL:
        """URL of the database, for psycopg 3."""
        return self.url("transformer").set(drivername="postgresql+psycopg")

    def _own_url(self) -> URL:
        if self.settings.warehouse_url is not None:
            return make_url(self.settings.warehouse_url.get_secret_value())
        server = EmbeddedPostgres(self.settings.home_path / EMBEDDED_FOLDER)
        if not server.is_running():
            raise WarehouseNotConfiguredError(
                "METERWISE_WAREHOUSE is postgresql and METERWISE_WAREHOUSE_URL is not set, nor does an embedded server "
                f"run in {server.folder}. Name the database (postgresql://user:password@host:5432/database), or start "
                "`meterwise up`."
            )
        return make_url(server.url(EMBEDDED_DATABASE))

    @contextmanager
    def _statements(self, role: str) -> Iterator[psycopg.Connection]:
        """One transaction of plain statements."""
        url = self.url(role)
        try:
            with open_connection(url, cursor_factory=psycopg.ClientCursor) as connection:
                yield connection
        except psycopg.Error as error:
            raise in_our_words(url, str(error), error.sqlstate) from error
        except DatabaseDownError as error:
            raise WarehouseUnavailableError(str(error)) from None
        except DatabaseRefusedError as error:
            raise WarehouseRefusedError(str(error)) from None

    def _create_schema(self, schema: str) -> None:
        """Make a schema where it is missing; where it is there, nobody needs the right to."""
        with self._statements("transformer") as connection:
            if connection.execute("select to_regnamespace(%s)", [schema]).fetchone() == (None,):
                connection.execute(f"create schema if not exists {schema}".encode())

    def _create_like(self, table: str, schema: pa.Schema) -> None:
        self._create_schema(table.split(".")[0])
        columns = ", ".join(f"{field.name} {postgresql_type(field.type)}" for field in schema)
        with self._statements("transformer") as connection:
            if connection.execute("select to_regclass(%s)", [table]).fetchone() == (None,):
                connection.execute(f"create table if not exists {table} ({columns})".encode())

    @contextmanager
    def _scratch(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A DuckDB in memory; what does not fit spills to a folder of its own, which DuckDB makes and removes."""
        spills = self.settings.home_path / SPILL_FOLDER
        spills.mkdir(parents=True, exist_ok=True)
        for left in spills.glob("scratch-*"):  # of one that was killed
            with suppress(FileNotFoundError):  # it was not left but has just ended
                if time.time() - left.stat().st_mtime > SPILL_LEFT_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)
        connection = duckdb.connect(config={"threads": self.settings.threads})
        try:
            configure(connection, self.settings, f"scratch-{uuid4().hex}")
            yield connection
        finally:
            connection.close()

    def _take_turn(self, session: Session) -> None:
        """Wait until no other load runs; the turn ends with the connection, whatever happens to this process."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not session.rows(f"select pg_try_advisory_lock({TURN})")[0][0]:
            session.rollback()
            if time.monotonic() > deadline:
                raise WarehouseBusyError(
                    f"Another load has been running in the warehouse for {WAIT_SECONDS:.0f} seconds. Loads belong into "
                    "the Airflow pool 'warehouse'; see what runs there, or in pg_stat_activity."
                )
            time.sleep(0.2)
        session.commit()


def _known(connection: psycopg.Connection) -> set[str]:
    return {name for (name,) in connection.execute(EXISTING.encode()).fetchall()}


def _bring(session: Session, connection: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    if "." in name:
        connection.execute(f"create schema if not exists {name.split('.')[0]}")
    with session.stream(query) as rows:
        connection.register("_brought", rows)
        connection.execute(f"create table {name} as select * from _brought")
        connection.unregister("_brought")

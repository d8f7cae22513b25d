"""One connection to PostgreSQL that takes and gives Arrow by binary COPY; what goes wrong is said in words."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_postgresql import dbapi
from psycopg import sql as psycopg_sql
from sqlalchemy import URL

from meterwise.access.opening import DatabaseRefusedError, in_words, where
from meterwise.warehouse.errors import WarehouseRefusedError, WarehouseUnavailableError
from meterwise.warehouse.postgresql.arrow_types import typed

BATCH_ROWS = 100_000
PLACEHOLDER = re.compile(r"\$([a-z_][a-z0-9_]*)")
NO_SPACE, NUL_BYTE, NO_RIGHT = "53100", "22021", "42501"
GONE = re.compile(
    "no connection to the server|server closed the connection|terminating connection|connection to server|"
    "could not (receive|send) data|connection is closed|consuming input failed|SSL connection has been closed|"
    "Connection reset|Broken pipe",
    re.IGNORECASE,
)
PATIENCE = {"connect_timeout": "15", "keepalives_idle": "60", "keepalives_count": "4", "application_name": "meterwise"}
"""A server that vanished without a word is noticed within minutes."""
CURES = {
    NO_SPACE: "the disk of the PostgreSQL server is full. Free space there and run it again; what was there is intact",
    NO_RIGHT: "its user has not the rights for this. `meterwise database prepare`, as administrator, grants them",
    NUL_BYTE: "a text holds a zero byte, which PostgreSQL cannot store. Correct it at its origin and deliver it again",
}


def bound(sql: str, parameters: Mapping[str, Any]) -> str:
    """Put the parameters where their ``$name`` stands, quoted; a list becomes an array."""

    def _literal(match: re.Match[str]) -> str:
        name = match[1]
        return psycopg_sql.Literal(parameters[name]).as_string(None) if name in parameters else match[0]

    return PLACEHOLDER.sub(_literal, sql) if parameters else sql


class Session:
    """One connection; a transaction begins with the first statement after ``commit`` or ``rollback``.

    Raises:
        WarehouseUnavailableError: (any method) The server is down or went away; the transaction is undone.
        WarehouseRefusedError: (any method) The server refuses the user, or the statement.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        patient = url.set(drivername="postgresql", query={**PATIENCE, **url.query})
        address = patient.render_as_string(hide_password=False)
        try:
            self._connection = dbapi.connect(address)
        except adbc_driver_manager.Error as error:
            words = in_words(url, error)  # type: ignore[arg-type]  # it reads the text alone
            kind = WarehouseRefusedError if isinstance(words, DatabaseRefusedError) else WarehouseUnavailableError
            raise kind(str(words)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(adbc_driver_manager.Error):
            self._connection.close()

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run one statement for its effect."""
        with self._in_words(), self._connection.cursor() as cursor:
            cursor.execute(bound(sql, parameters or {}))

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a query of a few rows."""
        with self._in_words(), self._connection.cursor() as cursor:
            cursor.execute(bound(sql, parameters or {}))
            return list(cursor.fetchall())

    @contextmanager
    def stream(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Iterator[pa.RecordBatchReader]:
        """Run a query and hand out its rows as they come, in the types that DuckDB would give."""
        broken: list[Exception] = []
        with self._in_words(), self._connection.cursor() as cursor:
            cursor.execute(bound(sql, parameters or {}))
            try:
                yield typed(cursor.fetch_record_batch(), broken)
            except Exception:
                if broken:  # whoever read on has wrapped it in an error of his own
                    text = str(broken[0])
                    raise in_our_words(self.url, text, getattr(broken[0], "sqlstate", None)) from None
                raise

    def copy_in(self, table: str, rows: pa.RecordBatchReader | pa.Table, temporary: bool = False) -> None:
        """Append rows to a table of the same column names and types, or to a new temporary table."""
        schema, _, name = table.rpartition(".")
        with self._in_words(), self._connection.cursor() as cursor:
            if temporary:
                cursor.adbc_ingest(name, rows, mode="create", temporary=True)
            else:
                cursor.adbc_ingest(name, rows, mode="append", db_schema_name=schema)

    def commit(self) -> None:
        """Make the transaction last."""
        with self._in_words():
            self._connection.commit()

    def rollback(self) -> None:
        """Undo the transaction; on a lost connection there is none."""
        with suppress(adbc_driver_manager.Error):
            self._connection.rollback()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except adbc_driver_manager.Error as error:
            self.rollback()
            raise in_our_words(self.url, str(error), getattr(error, "sqlstate", None)) from None


def in_our_words(url: URL, text: str, sqlstate: str | None) -> WarehouseRefusedError | WarehouseUnavailableError:
    """Return what an error of a statement means; never the statement, whose values may be a person's."""
    place = f"The warehouse's PostgreSQL at {where(url)}"
    told = text.partition("\n")[0].partition("Query was:")[0].strip()
    if (sqlstate or "").startswith(("57P", "08")) or (not sqlstate and GONE.search(text)):
        return WarehouseUnavailableError(
            f"{place} went away in the middle ({told}); nothing of this is half done. It is tried again at the next "
            "run; look at the server's log if it stays away."
        )
    if sqlstate in CURES:
        return WarehouseRefusedError(f"{place}: {CURES[sqlstate]} ({told}).")
    return WarehouseRefusedError(f"{place} refused: {told}.")

"""Fixes the state of every part that is to be saved, one after the other, within an instant.

What a database must know is in the order: see docs/decisions/0120.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import psycopg

from meterwise.backup.errors import BackupError
from meterwise.backup.manifest import PublishedPart
from meterwise.backup.server import Server
from meterwise.publish.store import DELIVERY_LOCK
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse, WarehouseBusyError

log = logging.getLogger(__name__)

KEEP_LOCK = 7_361_010
"""Held by a backup while it reads, and by whoever throws old things away."""
TRIES = 5


@dataclass(frozen=True)
class State:
    """A database as it stood at one moment: a transaction that is kept open, and its name for ``pg_dump``."""

    connection: psycopg.Connection
    snapshot: str


@contextmanager
def nothing_thrown_away(server: Server) -> Iterator[None]:
    """Keep ``tidying`` away: what a saved registry names must be there until it is saved too."""
    with closing(server.connect(_published(server))) as connection:
        connection.execute("select pg_advisory_lock(%s)", [KEEP_LOCK])
        yield


@contextmanager
def standstill(server: Server, settings: Settings) -> Iterator[None]:
    """Wait for the delivery and the warehouse's work under way, and keep the next ones from beginning."""
    with closing(server.connect(_published(server))) as connection, ExitStack() as turn:
        connection.execute("select pg_advisory_lock(%s)", [DELIVERY_LOCK])
        for left in reversed(range(TRIES)):
            try:
                turn.enter_context(Warehouse(settings).reserve())
                break
            except WarehouseBusyError:
                if not left:
                    raise
                log.info("The warehouse is at work; the backup waits for its turn")
        yield


@contextmanager
def fixed(server: Server, database: str) -> Iterator[State]:
    """Fix the state of one database for as long as this lasts; nobody is kept from writing."""
    with closing(server.connect(database)) as connection:
        connection.execute("begin isolation level repeatable read read only")
        row = connection.execute("select pg_export_snapshot()").fetchone()
        assert row is not None  # noqa: S101 - the function returns one row
        yield State(connection, row[0])


def published(state: State) -> list[PublishedPart]:
    """Return what readers saw in this state."""
    if state.connection.execute("select to_regclass('published.publications')").fetchone() == (None,):
        return []
    rows = state.connection.execute(
        "select table_name, version, as_of_date, rows, checksum from published.publications where is_current order by 1"
    ).fetchall()
    return [
        PublishedPart(table=table, version=version, as_of_date=day, rows=count, checksum=checksum)
        for table, version, day, count, checksum in rows
    ]


def ops_schema_version(state: State) -> int:
    """Return the version of our schema in this state; 0: there is none yet."""
    if state.connection.execute("select to_regclass('ops.schema_versions')").fetchone() == (None,):
        return 0
    row = state.connection.execute("select coalesce(max(version), 0) from ops.schema_versions").fetchone()
    return int(row[0]) if row else 0


def registered_folders(state: State) -> list[str]:
    """Return the folder of every registered model version in the store of artifacts."""
    if state.connection.execute("select to_regclass('model_versions')").fetchone() == (None,):
        return []
    rows = state.connection.execute(
        "select distinct coalesce(storage_location, source) from model_versions order by 1"
    ).fetchall()
    proxied = "mlflow-artifacts:/"
    return [place.removeprefix(proxied).strip("/") for (place,) in rows if place and place.startswith(proxied)]


def _published(server: Server) -> str:
    name = server.name_of("published")
    if name is None:
        raise BackupError("Nothing says which database holds the published tables: set METERWISE_DATABASE_URL.")
    return name

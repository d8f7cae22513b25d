"""The account of loads in ``raw.load_audit``: what every load says of itself."""

from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from meterwise.sources.config import SourcesFile
from meterwise.sources.rows import first_row, number


@dataclass(frozen=True)
class Landing:
    """What all loads of one landing share."""

    sources: SourcesFile
    as_of_date: date
    now_utc: datetime
    is_replay: bool = False
    """Rows come back from quarantine: those still bad stay there and are no part of the load."""
    is_assumed: bool = False
    """Their time of receipt was assumed when they landed first, and stays so."""
    leaves_refused: bool = False
    """What was refused on the day stays refused: one that looks every few minutes would refuse it every time."""


@dataclass(frozen=True)
class Load:
    """One load, done."""

    load_id: str
    landed: int
    accepted: int
    duplicate: int
    quarantined: int


def next_load_id(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """Return the next load id; the order of the ids is the order of the loads."""
    last = number(connection, "select max(left(load_id, 9)::bigint) from raw.load_audit")
    return f"{last + 1:09d}-{table}"


FORGOTTEN = "forgotten"
"""State of the line that says until when raw has given up the reads: ``last_event_utc``."""


def forgotten_before(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """Return the time, UTC, before which raw has given up its reads, or None."""
    row = first_row(connection, f"select max(last_event_utc) from raw.load_audit where state = '{FORGOTTEN}'")
    return row[0] if row else None


def write_audit(connection: duckdb.DuckDBPyConnection, audit: dict[str, object]) -> None:
    """Write the account of one load."""
    names = ", ".join(audit)
    marks = ", ".join(f"${name}" for name in audit)
    connection.execute(f"insert into raw.load_audit ({names}) values ({marks})", audit)

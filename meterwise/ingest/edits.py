"""Lands the edits that people recorded, as versions of the reads: a source that is always there.

Invariants:
    How far the edits have landed is written in the transaction in which they land. So each lands once, also when this
    process is killed or the warehouse is restored from a backup. They need no check: a person answers for each.
"""

from datetime import datetime

import pyarrow as pa

from meterwise.access import DatabaseDownError
from meterwise.database import DatabaseNotConfiguredError
from meterwise.editing import records
from meterwise.ingest.account import Landing, Load
from meterwise.ingest.load import load_rows
from meterwise.settings import Settings
from meterwise.sources import sql
from meterwise.sources.config import EDITS, SqlSource
from meterwise.sources.problems import Problem, SourceError
from meterwise.warehouse import LoadingArea

SOURCE = SqlSource(
    kind="sql",
    name=EDITS,
    table="meter_reads",
    url="secret:none",  # `records` reads the database in which Meterwise remembers
    query="ops.read_edits",
    columns={
        "meter_id": "meter_id",
        "channel": "channel",
        "interval_start_utc": "interval_start_utc",
        "interval_minutes": "interval_minutes",
        "consumption_kwh": "after_kwh",
    },
    defaults={"quality_code": "edited"},
    timezone="UTC",
    received_at="received_at",
    received_at_on_first_load=True,
    cursor="edit_id",
    max_bad_share=1,
)
NEXT = "What was edited is safe there and lands with the next landing of reads"


def land_edits(area: LoadingArea, source: SqlSource, landing: Landing, settings: Settings) -> list[Load]:
    """Land what was edited since the last landing; nothing where no database is there to remember edits.

    Raises:
        SourceError: The database that remembers them does not answer.
    """
    connection = area.connection
    try:
        edits = records.pending(sql.last_cursor(connection, source) or 0, settings)
    except DatabaseNotConfiguredError:
        return []
    except DatabaseDownError as error:
        raise SourceError(Problem(source.name, source.query, str(error).rstrip("."), NEXT, is_transient=True)) from None
    if not len(edits):
        return []
    rows = sql.stage(connection, _received(edits, landing.now_utc), source, "pending_edits")
    return [
        load_rows(area, rows, source, landing, lambda load_id: sql.record_cursor(connection, source, load_id, edits))
    ]


def _received(edits: pa.Table, now_utc: datetime) -> pa.Table:
    """An edit is known from its landing on, so it is never older than a read that landed before it."""
    return edits.append_column("received_at", pa.array([now_utc] * len(edits), pa.timestamp("us")))

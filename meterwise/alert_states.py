"""What became of alerts of meters: which were acknowledged, and what was found where somebody looked.

What is an alert, and when, is the business of the warehouse; failures of Meterwise itself are that of ``watching``.
"""

import pyarrow as pa
from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Identity, Index, Table, Text, func, select

from meterwise import ops
from meterwise.database import DatabaseNotConfiguredError
from meterwise.settings import Settings

METER_ALERT_EVENTS = Table(
    "meter_alert_events",
    ops.metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("alert_id", Text, nullable=False, comment="Of published.meter_alerts."),
    Column("meter_id", Text, nullable=False, comment="Number of the meter."),
    Column("alert_type", Text, nullable=False, comment="What was suspected, as in published.meter_alerts."),
    Column("first_date", Date, nullable=False, comment="First local day that the alert speaks of."),
    Column("state", Text, nullable=False, comment="acknowledged, closed, or open: looked at again."),
    Column("finding", Text, comment="What was found; of a closed alert alone."),
    Column("author", Text, nullable=False, comment="Who says so."),
    Column("note", Text, comment="Anything else in words; it stays here."),
    ops.recorded_at(),
    CheckConstraint("state in ('open', 'acknowledged', 'closed')", name="meter_alert_events_state"),
    CheckConstraint("(state = 'closed') = (finding is not null)", name="meter_alert_events_finding"),
    Index("meter_alert_events_alert", "alert_id", "event_id"),
    comment="One row a change of an alert's state; the last one holds. recorded_at is by Meterwise's clock.",
)

EVENTS_SCHEMA = pa.schema(
    [
        ("event_id", pa.int64()),
        ("alert_id", pa.string()),
        ("meter_id", pa.string()),
        ("alert_type", pa.string()),
        ("first_date", pa.date32()),
        ("state", pa.string()),
        ("finding", pa.string()),
        ("recorded_at", pa.timestamp("us")),
    ]
)
"""What the warehouse is told of events: neither who reported nor the note, which may speak of people."""


def events(settings: Settings | None = None) -> pa.Table:
    """Return all events, oldest first, times in UTC; none where no database is there to remember any."""
    table = METER_ALERT_EVENTS.c
    told = [table[name] for name in EVENTS_SCHEMA.names if name != "recorded_at"]
    recorded_at = func.timezone("UTC", table.recorded_at).label("recorded_at")
    try:
        rows = ops.select_rows(select(*told, recorded_at).order_by(table.event_id), settings)
    except DatabaseNotConfiguredError:
        rows = []
    return pa.Table.from_pylist(rows, EVENTS_SCHEMA)

"""What became of alerts of meters: which were acknowledged, and what was found where somebody looked.

What is an alert, and when, is the business of the warehouse; failures of Meterwise itself are that of ``watching``.
"""

from datetime import UTC
from typing import Any, Literal

import pyarrow as pa
from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Identity, Index, Table, Text, func, insert, select

from meterwise import ops
from meterwise.database import DatabaseNotConfiguredError, engine
from meterwise.outcomes import RefusedError
from meterwise.planning import utility
from meterwise.settings import Settings

State = Literal["open", "acknowledged", "closed"]
FINDINGS = {
    "dead_meter": "the meter does not measure",
    "tamper": "somebody had interfered with the meter or its wiring",
    "fault": "the meter, its transformers or its wiring are faulty",
    "drift": "the meter measures too much or too little",
    "vacancy": "nobody uses electricity there",
    "high_use": "the use is real, and unusually high",
    "low_use": "the use is real, and unusually low",
    "reverse_energy": "something feeds into the network there",
    "outage": "there was no supply",
    "nothing_found": "all is well: a false alarm",
}
"""What may have been found where an alert was looked into; labels of the alert model."""

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


ALERTS = """
with last_events as (
    select distinct on (alert_id) alert_id, state, finding, author, note, recorded_at
    from ops.meter_alert_events
    order by alert_id, event_id desc
)

select
    alerts.*,
    coalesce(last_events.state, alerts.state) as state_now,
    coalesce(last_events.finding, case when last_events.state is null then alerts.finding end) as finding_now,
    last_events.author,
    last_events.note,
    last_events.recorded_at
from published.meter_alerts as alerts
left join last_events on alerts.alert_id = last_events.alert_id
where (cast(:alert_id as text) is null or alerts.alert_id = :alert_id)
order by alerts.energy_at_stake_kwh desc nulls last, alerts.alert_id
"""


class AlertError(RefusedError):
    """There is no such alert, or nothing can be said of it; the text says what to do."""


def alerts(alert_id: str | None = None, settings: Settings | None = None) -> list[dict[str, Any]]:
    """Return the published alerts as they stand now, those with most energy at stake first.

    Each has the columns of ``published.meter_alerts``, state and finding those of its last event, which a publication
    may not know yet, and that event's author, note and recorded_at.

    Raises:
        AlertError: None was ever published.
    """
    if not ops.select_rows("select 1 where to_regclass('published.meter_alerts') is not null", settings):
        raise AlertError(
            "No alerts have been published so far: the DAG publish_segments does it. See `meterwise status`."
        )
    rows = ops.select_rows(ALERTS, settings, alert_id=alert_id)
    return [row | {"state": row.pop("state_now"), "finding": row.pop("finding_now")} for row in rows]


def find_alert(alert_id: str, settings: Settings | None = None) -> dict[str, Any]:
    """Return one published alert.

    Raises:
        AlertError: None has this id.
    """
    found = alerts(alert_id, settings)
    if not found:
        raise AlertError(f"No alert {alert_id} is published. `meterwise alerts list` shows those that are.")
    return found[0]


def record_event(
    alert_id: str,
    state: State,
    author: str,
    finding: str | None = None,
    note: str | None = None,
    settings: Settings | None = None,
) -> None:
    """Remember a new state of an alert.

    Raises:
        AlertError: Unknown alert or finding, or nobody says so.
    """
    if not author.strip():
        raise AlertError("Say who you are (--author): the alert's history shows it.")
    if state == "closed" and finding not in FINDINGS:
        raise AlertError(f"An alert is closed with what was found; --finding is one of: {', '.join(FINDINGS)}.")
    alert = find_alert(alert_id, settings)
    row = {name: alert[name] for name in ("alert_id", "meter_id", "alert_type", "first_date")}
    recorded_at = utility(settings).now_utc(settings).replace(tzinfo=UTC)
    with engine(settings).begin() as connection:
        said = {"state": state, "finding": finding, "author": author.strip(), "note": note, "recorded_at": recorded_at}
        connection.execute(insert(METER_ALERT_EVENTS).values(row | said))


def events_of(alert_id: str, settings: Settings | None = None) -> list[dict[str, Any]]:
    """Return what was said of an alert so far, oldest first."""
    table = METER_ALERT_EVENTS.c
    return ops.select_rows(
        select(METER_ALERT_EVENTS).where(table.alert_id == alert_id).order_by(table.event_id), settings
    )

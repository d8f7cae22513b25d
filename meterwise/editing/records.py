"""The table of ``ops`` that remembers edits of reads; it is made and guarded with the others, by ``ops.migrate``."""

from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    select,
    text,
)

from meterwise import ops
from meterwise.database import engine
from meterwise.settings import Settings

EDITS_LOCK = 7_361_005
"""One edit at a time: so their numbers become visible in their order, and landing misses none."""

READ_EDITS = Table(
    "read_edits",
    ops.metadata,
    Column("edit_id", BigInteger, Identity(always=True), primary_key=True),
    Column("meter_id", Text, nullable=False, comment="Number of the meter."),
    Column("channel", Text, nullable=False, comment="import, export or reactive."),
    Column("interval_start_utc", DateTime, nullable=False, comment="Start of the interval, UTC."),
    Column("interval_minutes", Integer, nullable=False, comment="Length of the interval."),
    Column("before_kwh", Numeric(18, 6), comment="What the read said before; empty: there was none."),
    Column("before_quality", Text, comment="Quality code of the read before."),
    Column("after_kwh", Numeric(18, 6), nullable=False, comment="What it says from now on."),
    Column("reason", Text, nullable=False, comment="Why, in words."),
    Column("author", Text, nullable=False, comment="Who decided it."),
    ops.recorded_at(),
    CheckConstraint("channel in ('import', 'export', 'reactive')", name="read_edits_channel"),
    CheckConstraint("reason <> '' and author <> ''", name="read_edits_answered_for"),
    Index("read_edits_read", "meter_id", "channel", "interval_start_utc", "edit_id"),
    comment="One row a read each time a person edited it; the last one holds. recorded_at is by Meterwise's clock.",
)

APPEND = """
insert into ops.read_edits (
    meter_id, channel, interval_start_utc, interval_minutes, before_kwh, before_quality, after_kwh, reason, author,
    recorded_at
)
select edited.*, :reason, :author, cast(:recorded_at as timestamp) at time zone 'UTC'
from unnest(
    cast(:meter_id as text[]), cast(:channel as text[]), cast(:interval_start_utc as timestamp[]),
    cast(:interval_minutes as integer[]), cast(:before_kwh as numeric[]), cast(:before_quality as text[]),
    cast(:after_kwh as numeric[])
) as edited
"""
NEWEST = """
select distinct on (edits.meter_id, edits.channel, edits.interval_start_utc)
    edits.meter_id, edits.channel, edits.interval_start_utc, edits.after_kwh
from ops.read_edits as edits
inner join unnest(
    cast(:meter_id as text[]), cast(:channel as text[]), cast(:interval_start_utc as timestamp[])
) as asked (meter_id, channel, interval_start_utc)
    on edits.meter_id = asked.meter_id and edits.channel = asked.channel
    and edits.interval_start_utc = asked.interval_start_utc
order by edits.meter_id, edits.channel, edits.interval_start_utc, edits.edit_id desc
"""
PENDING = """
select edit_id, meter_id, channel, interval_start_utc, interval_minutes, after_kwh
from ops.read_edits
where edit_id > case when (select max(edit_id) from ops.read_edits) >= :landed then :landed else 0 end
order by edit_id
"""
"""A number that is not there is of a database that was lost since: then all land again, and only what is new counts."""

KEY = [("meter_id", pa.string()), ("channel", pa.string()), ("interval_start_utc", pa.timestamp("us"))]
KWH = pa.decimal128(18, 6)
NEWEST_SCHEMA = pa.schema([*KEY, ("after_kwh", KWH)])
PENDING_SCHEMA = pa.schema([("edit_id", pa.int64()), *KEY, ("interval_minutes", pa.int32()), ("after_kwh", KWH)])


def append(edits: pa.Table, reason: str, author: str, recorded_at: datetime, settings: Settings | None = None) -> None:
    """Append edits, all or none.

    Args:
        edits: ``meter_id, channel, interval_start_utc, interval_minutes, before_kwh, before_quality, after_kwh``.
        reason: Why, in words.
        author: Who decided it.
        recorded_at: Meterwise's clock, UTC.
        settings: Defaults to those of the process.
    """
    ops.migrate(settings)
    with engine(settings).begin() as connection:
        connection.execute(select(text(f"pg_advisory_xact_lock({EDITS_LOCK})")))
        columns = edits.to_pydict()
        connection.execute(text(APPEND), {**columns, "reason": reason, "author": author, "recorded_at": recorded_at})


def newest(keys: pa.Table, settings: Settings | None = None) -> pa.Table:
    """Return the last edit of each read that was ever edited, landed or not (``NEWEST_SCHEMA``)."""
    columns = {name: keys[name].to_pylist() for name, _ in KEY}
    return pa.Table.from_pylist(ops.select_rows(NEWEST, settings, **columns), NEWEST_SCHEMA)


def pending(landed: int, settings: Settings | None = None) -> pa.Table:
    """Return the edits behind the one that landed last, in their order (``PENDING_SCHEMA``)."""
    return pa.Table.from_pylist(ops.select_rows(PENDING, settings, landed=landed), PENDING_SCHEMA)


def trail(
    meter_id: str, start_utc: datetime | None, end_utc: datetime | None, settings: Settings | None = None
) -> list[dict[str, Any]]:
    """Return every edit of a meter's reads that begin in a span of time, by interval and then in their order."""
    edits = READ_EDITS.c
    found = select(READ_EDITS).where(edits.meter_id == meter_id)
    found = found.where(edits.interval_start_utc >= start_utc) if start_utc else found
    found = found.where(edits.interval_start_utc < end_utc) if end_utc else found
    return ops.select_rows(found.order_by(edits.channel, edits.interval_start_utc, edits.edit_id), settings)

"""The table of ``ops`` that remembers edits of reads; it is made and guarded with the others, by ``ops.migrate``."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Identity, Index, Integer, Numeric, Table, Text

from meterwise import ops

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

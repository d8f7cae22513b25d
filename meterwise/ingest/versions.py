"""Adds rows to a raw table as versions of their keys.

Invariants:
    The versions of a key are ordered by (received_at_utc, version_no); the last one is current. A row that equals the
    version in force when it was received is a duplicate and adds nothing, whatever file brought it. So A, B, A ends at
    A, the same rows in another file change nothing, and a row that arrives late under an earlier receive time takes its
    place in history without becoming current; unless it equals the version behind that place and the time of that one
    was only assumed: then it is a duplicate of it.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from meterwise.raw_tables import RawTable
from meterwise.sources.config import FileSource, SqlSource
from meterwise.sources.rows import first_row, number
from meterwise.warehouse import LoadingArea

MASTER_DATA = "(coalesce(quality_reason, '') in ('unknown meter', 'outside installation'))"


@dataclass(frozen=True)
class Counts:
    """What became of the rows that can be represented."""

    accepted: int
    duplicate: int
    suspect: int
    first_event_utc: datetime | None
    last_event_utc: datetime | None


def stamp(
    connection: duckdb.DuckDBPyConnection,
    source: FileSource | SqlSource,
    now_utc: datetime,
    is_first: bool,
    zone: str,
    was_assumed: bool = False,
) -> None:
    """Make ``received``: ``judged`` with the time of receipt, taken from the source or assumed.

    Args:
        connection: Holds ``judged``.
        source: Where the rows come from.
        now_utc: Time of landing.
        is_first: Whether this belongs to the first load of the source, which has no past of its own.
        zone: Zone of the utility, for events that are dates.
        was_assumed: Whether the time that the rows bring along was assumed when they landed first.
    """
    table = source.raw_table
    now = f"timestamp '{now_utc}'"
    believes = source.received_at is not None and (not is_first or source.trusts_received_at)
    event = _event_utc(table, zone)
    if believes:
        received, assumed = f"coalesce(_received_at, {now})", str(was_assumed).lower()
    elif is_first and event:
        minutes = round(source.delay_hours * 60)
        received, assumed = f"least({event} + to_minutes({minutes}), {now})", "true"
    else:
        received, assumed = now, "true" if is_first else "false"
    connection.execute(
        f"create or replace temp view received as select * exclude (_received_at), {received} as received_at_utc, "
        f"{assumed} as received_at_assumed from judged"
    )


def add(area: LoadingArea, source: FileSource | SqlSource, load_id: str, now_utc: datetime, order: str) -> Counts:
    """Insert what is new of ``received`` into the raw table.

    Args:
        area: In a transaction; holds ``received``.
        source: Where the rows come from.
        load_id: Of this load.
        now_utc: Time of landing.
        order: SQL list that orders rows of one key that were received at the same time.
    """
    connection, table = area.connection, source.raw_table
    area.bring(table.name, of="received")
    _contested(connection, table)
    has_history = number(connection, "select count(*) from contested") > 0
    connection.execute((_insert if has_history else _insert_new)(source, load_id, now_utc, order))
    return _counts(connection, table, load_id)


def _event_utc(table: RawTable, zone: str) -> str | None:
    if table.name == "meter_reads":
        return "interval_start_utc + to_minutes(interval_minutes)"
    if table.event_time is None:
        return None
    kind = next(column.type for column in table.columns if column.name == table.event_time)
    if kind == "date":
        return f"(({table.event_time}::timestamp at time zone '{zone}') at time zone 'UTC')"
    return table.event_time


def _contested(connection: duckdb.DuckDBPyConnection, table: RawTable) -> None:
    """Keys that repeat in the load or that the table has already: only these need their history looked at."""
    keys = ", ".join(table.key)
    repeats = f"select {keys} from received group by {keys} having count(*) > 1"
    if not _may_overlap(connection, table):
        connection.execute(f"create or replace temp table contested as {repeats}")
        return
    known = f"select {keys} from {_history(table)}"
    connection.execute(
        f"create or replace temp table contested as {repeats} union "
        f"(select {keys} from received where ({keys}) in ({known}))"
    )


def _history(table: RawTable) -> str:
    """The table, cut to the load's own time range where the time is part of the key."""
    if table.event_time not in table.key:
        return f"raw.{table.name}"
    time = table.event_time
    return (
        f"(select * from raw.{table.name} where {time} >= (select min({time}) from received) "
        f"and {time} <= (select max({time}) from received))"
    )


def _may_overlap(connection: duckdb.DuckDBPyConnection, table: RawTable) -> bool:
    if table.event_time not in table.key:
        return number(connection, f"select count(*) from (select 1 from raw.{table.name} limit 1)") > 0
    time = table.event_time
    span = first_row(connection, f"select min({time}), max({time}) from received")
    if not span or span[0] is None:
        return False
    known = f"select count(*) from (select 1 from raw.{table.name} where {time} between $1 and $2 limit 1)"
    return number(connection, known, list(span)) > 0


def _compared(source: FileSource | SqlSource) -> str:
    """Columns in which a version differs from another.

    A quality that is computed follows from the file around the read, so it makes no version of its own; but once the
    master data of a meter are put right, the same read sent again counts as new.
    """
    table = source.raw_table
    computed = {"quality_code", "quality_reason"} - set(source.columns) - set(source.defaults)
    values = [c.name for c in table.columns if c.name not in table.key and c.name not in computed]
    master = [MASTER_DATA] if table.name == "meter_reads" else []
    return ", ".join([*values, *master, "is_deleted"])


def _insert_new(source: FileSource | SqlSource, load_id: str, now_utc: datetime, order: str) -> str:
    """The usual load: no key is known, none repeats."""
    values = ", ".join(column.name for column in source.raw_table.columns)
    return f"""
        insert into raw.{source.table} by name
        select {values}, received_at_utc, received_at_assumed, timestamp '{now_utc}' as landed_at_utc, 1 as version_no,
            false as is_deleted, '{load_id}' as load_id
        from received
    """


def _insert(source: FileSource | SqlSource, load_id: str, now_utc: datetime, order: str) -> str:
    table = source.raw_table
    keys = ", ".join(table.key)
    values = ", ".join(column.name for column in table.columns)
    loaded = f"received_at_utc, received_at_assumed, timestamp '{now_utc}' as landed_at_utc"
    deleted = "coalesce(is_deleted, false)"
    return f"""
        insert into raw.{table.name} by name
        with simple as (
            select {values}, {loaded}, 1 as version_no, false as is_deleted, '{load_id}' as load_id
            from received anti join contested using ({keys})
        ),
        candidates as (
            select *, row_number() over (order by {order}) as _order, false as is_deleted
            from received semi join contested using ({keys})
        ),
        history as (
            select {values}, received_at_utc, received_at_assumed, {deleted} as is_deleted, version_no, 0 as _is_new,
                version_no::bigint as _order
            from {_history(table)} as known semi join contested using ({keys})
            union all
            select {values}, received_at_utc, received_at_assumed, is_deleted, 0 as version_no, 1 as _is_new, _order
            from candidates
        ),
        compared as (
            select *, row({_compared(source)}) as _content,
                max(version_no) over (partition by {keys}) as _last_version_no
            from history
        ),
        marked as (
            select *, lag(_content) over (
                partition by {keys} order by received_at_utc, _is_new, _order
            ) as _content_before
            from compared
        ),
        runs as (
            select *, count(*) filter (_content_before is distinct from _content) over (
                partition by {keys} order by received_at_utc, _is_new, _order
                rows between unbounded preceding and current row
            ) as _run
            from marked
        ),
        -- An assumed time of receipt says no more than "by then": a row that equals that version and says an earlier
        -- time is that version.
        known as (
            select *, bool_or(_is_new = 0 and received_at_assumed) over (partition by {keys}, _run) as _is_known
            from runs
        ),
        versions as (
            select *, _last_version_no + row_number() over (
                partition by {keys} order by received_at_utc, _order
            ) as _new_version_no
            from known
            where _is_new = 1 and _content_before is distinct from _content and not _is_known
        )
        select * from simple
        union all by name
        select {values}, {loaded}, _new_version_no::integer as version_no, is_deleted, '{load_id}' as load_id
        from versions
    """


def _counts(connection: duckdb.DuckDBPyConnection, table: RawTable, load_id: str) -> Counts:
    suspect = "count(*) filter (quality_code = 'suspect')" if table.name == "meter_reads" else "0"
    event = table.event_time or "null"
    row = first_row(
        connection,
        f"select count(*), {suspect}, min({event})::timestamp, max({event})::timestamp "
        f"from raw.{table.name} where load_id = '{load_id}'",
    )
    assert row is not None  # noqa: S101  (an aggregate always gives a row)
    total = number(connection, "select count(*) from received")
    return Counts(row[0], total - row[0], row[1], row[2], row[3])

"""Loads one file or pull in one transaction: rows to the raw table, the rest to quarantine, and the account of both."""

import logging
import time
from collections.abc import Callable
from datetime import date

import duckdb

from meterwise.ingest import quality, versions
from meterwise.ingest.account import Landing, Load, forgotten_before, next_load_id, write_audit
from meterwise.ingest.deletions import book_deletions
from meterwise.ingest.mapping import Mapping
from meterwise.ingest.registers import derive_reads, find_replaced_parts
from meterwise.ingest.relations import log_broken_relations
from meterwise.sources.config import EDITS, FileSource, SqlSource
from meterwise.sources.layouts import reshape
from meterwise.sources.messages import TOPIC
from meterwise.sources.problems import Problem, SourceError
from meterwise.sources.rows import LINE, SourceRows, first_row, number
from meterwise.warehouse import LoadingArea

log = logging.getLogger(__name__)

TOLERATED_BAD_ROWS = 5
"""So few bad rows stop nothing as long as others are good: in a pull of eight rows, one is not a broken source."""

SHOWN_REASONS = 20


def load_rows(
    area: LoadingArea,
    rows: SourceRows,
    source: FileSource | SqlSource,
    landing: Landing,
    before_commit: Callable[[str], None] = lambda load_id: None,
) -> Load:
    """Load the rows of one file or pull.

    Args:
        area: Holds the rows; no transaction is open.
        rows: As staged by the reader.
        source: Where they come from.
        landing: What all loads of this landing share.
        before_commit: Last check or last record, given the load id; its error undoes the load.

    Returns:
        The load; of registers the one that holds the readings, beside which their differences are a load of reads.

    Raises:
        SourceError: Too many rows are bad; nothing was loaded.
    """
    with area.transaction():
        if source.cumulative and not landing.is_replay:
            registers = add_load(area, rows, source.as_registers(), landing)
            derive_reads(area, source, registers.load_id)
            find_replaced_parts(area, source)
            source = source.model_copy(update={"received_at": "read_at_utc", "received_at_on_first_load": True})
            load = book(area, source, landing, f"differences of {rows.origin}")
            replaced = book_deletions(area, source, landing, f"replaced parts of gaps, {rows.origin}")
            loads = [registers, load, *([replaced] if replaced else [])]
        else:
            loads = [add_load(area, rows, source, landing)]
        for load in loads:
            before_commit(load.load_id)
    return loads[0]


def add_load(area: LoadingArea, rows: SourceRows, source: FileSource | SqlSource, landing: Landing) -> Load:
    """Map rows and book them; in a transaction."""
    started, connection = time.monotonic(), area.connection
    load_id = next_load_id(connection, source.table)
    cells = rows if landing.is_replay else reshape(connection, rows, source)
    zone, forgotten = landing.sources.timezone_of(source), forgotten_before(connection)
    Mapping(source, cells, zone, landing.now_utc, forgotten).run(connection)
    quarantined = 0 if landing.is_replay else _quarantine(connection, cells, source, load_id, landing)
    audit: dict[str, object] = {"content_digest": rows.digest, "bytes": rows.size_bytes, "origin_version": rows.version}
    return book(area, source, landing, rows.origin, quarantined, started, audit)


def book(
    area: LoadingArea,
    source: FileSource | SqlSource,
    landing: Landing,
    origin: str,
    quarantined: int = 0,
    started: float | None = None,
    more: dict[str, object] | None = None,
) -> Load:
    """Judge the rows of ``incoming``, add them as versions and write the account; in a transaction."""
    started, connection = started or time.monotonic(), area.connection
    zone = landing.sources.utility.timezone
    load_id = next_load_id(connection, source.table)
    is_first = is_first_load(connection, source, landing.as_of_date)
    quality.judge(area, source, zone)
    versions.stamp(connection, source, landing.now_utc, is_first, zone, landing.is_assumed)
    counts = versions.add(area, source, load_id, landing.now_utc, f"{LINE}, _slot")
    log_broken_relations(area, source, load_id, origin)
    landed = counts.accepted + counts.duplicate + quarantined
    load = Load(load_id, landed, counts.accepted, counts.duplicate, quarantined)
    if landing.is_replay and not landed:
        return load
    audit: dict[str, object] = {
        "load_id": load_id,
        "source": source.name,
        "table_name": source.table,
        "origin": origin,
        # Nothing new needs no check, nor does what a person answers for.
        "state": "landed" if counts.accepted and source.name != EDITS else "accepted",
        "as_of_date": landing.as_of_date,
        "landed_rows": landed,
        "accepted_rows": counts.accepted,
        "duplicate_rows": counts.duplicate,
        "quarantined_rows": quarantined,
        "suspect_rows": counts.suspect,
        "seconds": round(time.monotonic() - started, 3),
        "loaded_at_utc": landing.now_utc,
        "first_event_utc": counts.first_event_utc,
        "last_event_utc": counts.last_event_utc,
        **(more or {}),
    }
    write_audit(connection, audit)
    return load


def is_first_load(connection: duckdb.DuckDBPyConnection, source: FileSource | SqlSource, as_of_date: date) -> bool:
    """Whether the source has no past yet.

    All files of the first day are the first load, also when it was interrupted; a pull is one load.
    """
    same_day = "and as_of_date <> $as_of_date" if source.kind == "files" else "and $as_of_date is not null"
    past = number(
        connection,
        f"select count(*) from raw.load_audit where source = $source and state <> 'refused' {same_day}",
        {"source": source.name, "as_of_date": as_of_date},
    )
    return past == 0


def _quarantine(
    connection: duckdb.DuckDBPyConnection,
    cells: SourceRows,
    source: FileSource | SqlSource,
    load_id: str,
    landing: Landing,
) -> int:
    """Put the rows that cannot be represented aside; refuse the load when they are too many."""
    rejects = _rejected_lines(connection)
    bad = number(connection, "select count(_bad) from incoming") + rejects
    total = number(connection, "select count(*) from incoming") + rejects
    if not bad:
        return 0
    share = bad / total
    if share > source.max_bad_share and (bad == total or bad > TOLERATED_BAD_ROWS):
        raise SourceError(_too_many_bad(connection, cells, source, bad, total))
    parameters = {
        "source": source.name,
        "table_name": source.table,
        "load_id": load_id,
        "origin": cells.origin,
        "now": landing.now_utc,
    }
    slot = "and cells._slot is not distinct from incoming._slot" if "_slot" in cells.types else ""
    origin = f"$origin || ', topic ' || cells.{TOPIC}" if TOPIC in cells.types else "$origin"
    connection.execute(
        f"""
        insert into raw.quarantine
        select distinct $source, $table_name, $load_id, {origin}, incoming.{LINE}, to_json(cells)::varchar,
            incoming._bad, $now::timestamp, null
        from incoming inner join (select * exclude ({LINE}), {LINE} from {cells.relation}) as cells
            on cells.{LINE} = incoming.{LINE} {slot}
        where incoming._bad is not null
        """,
        parameters,
    )
    if rejects:
        connection.execute(
            "insert into raw.quarantine select $source, $table_name, $load_id, $origin, line, "
            "json_object('_line', any_value(csv_line))::varchar, 'line: ' || lower(any_value(error_type::varchar)), "
            "$now::timestamp, null from reject_errors group by line",
            parameters,
        )
    _warn(connection, source, load_id, cells.origin)
    return bad


def _warn(connection: duckdb.DuckDBPyConnection, source: FileSource | SqlSource, load_id: str, origin: str) -> None:
    """Say once for each reason which rows were set aside, and what to do; never what is in them."""
    reasons = connection.execute(
        "select reason, count(*), min(line_no) from raw.quarantine where load_id = $1 group by reason "
        "order by count(*) desc, reason limit $2",
        [load_id, SHOWN_REASONS],
    ).fetchall()
    for reason, rows, line in reasons:
        message = f"{rows:,} row(s) set aside, this is the first: {reason}"
        cure = (
            f"Correct them at their origin, or the mapping of source {source.name} in sources.yml, and land again or "
            "`meterwise quarantine replay`; `meterwise quarantine list` shows them"
        )
        log.warning("load %s: %s", load_id, Problem(source.name, origin, message, cure, line))


def _rejected_lines(connection: duckdb.DuckDBPyConnection) -> int:
    """Lines that the CSV reader itself could not split."""
    if not number(connection, "select count(*) from duckdb_tables() where table_name = 'reject_errors'"):
        return 0
    return number(connection, "select count(distinct line) from reject_errors")


def _too_many_bad(
    connection: duckdb.DuckDBPyConnection, cells: SourceRows, source: FileSource | SqlSource, bad: int, total: int
) -> Problem:
    first = first_row(
        connection,
        f"select {LINE}, _bad from incoming where _bad is not null order by {LINE} limit 1",
    )
    line, reason = first or (None, "lines do not have as many fields as the header")
    if _rejected_lines(connection):
        reject = number(connection, "select min(line) from reject_errors")
        if line is None or reject < line:
            line, reason = reject, "the line does not have as many fields as the header"
    return Problem(
        source.name,
        cells.origin,
        f"{reason}. {bad:,} of {total:,} rows cannot be used, more than the limit of {source.max_bad_share:.0%} "
        "(`max_bad_share`); nothing of it was loaded",
        f"Correct the file, or the mapping of source {source.name} in sources.yml (column, unit, format of dates and "
        "numbers), and land it again",
        line,
    )

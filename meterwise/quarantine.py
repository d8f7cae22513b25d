"""The rows that were refused: which there are, and letting them in again once the reason is gone.

How rows get here is the business of ``meterwise.ingest``.
"""

from dataclasses import replace

import duckdb
import pyarrow as pa

from meterwise.ingest.account import Landing, Load
from meterwise.ingest.edits import SOURCE as EDITS_SOURCE
from meterwise.ingest.load import load_rows
from meterwise.raw_tables import RAW_TABLES
from meterwise.settings import Settings, get_settings
from meterwise.sources.config import EDITS, FileSource, MessageFiles, SourcesFile, SqlSource, load_sources
from meterwise.sources.messages import LANDED, REFUSED, TOO_LONG, reads_of
from meterwise.sources.problems import Problem, SourceError
from meterwise.sources.rows import LINE, SourceRows, column_types, literal, number, quoted
from meterwise.warehouse import LoadingArea, Warehouse

OVERVIEW = """
    select
        quarantine.source,
        quarantine.table_name,
        quarantine.load_id,
        quarantine.origin,
        quarantine.reason,
        count(*) as rows,
        min(quarantine.line_no) as first_line,
        count(quarantine.replayed_load_id) as replayed_rows,
        min(quarantine.quarantined_at_utc) as quarantined_at_utc
    from raw.quarantine as quarantine
    group by
        quarantine.source, quarantine.table_name, quarantine.load_id, quarantine.origin, quarantine.reason
    order by quarantine.load_id, first_line
"""
"""Without the rows themselves: they may hold names and phone numbers."""


def overview(settings: Settings | None = None) -> pa.Table:
    """Return how many rows of which load are refused and why; never the rows."""
    warehouse = Warehouse(settings)
    warehouse.create_raw_tables()
    return warehouse.arrow(OVERVIEW, role="loader")


def replay(source: str | None = None, load_id: str | None = None, settings: Settings | None = None) -> list[Load]:
    """Let refused rows in again where the reason is gone; the others stay as they are.

    Rows go through the present mapping of their source as a new load, which waits for its check like any other. Rows
    that are admitted (or turn out to be duplicates) carry the new load's id; they are never admitted twice.

    Args:
        source: Only rows of this source.
        load_id: Only rows of this load.
        settings: Defaults to those of the process.

    Raises:
        SourcesFileError: ``sources.yml`` cannot be used.
    """
    settings = settings or get_settings()
    sources = load_sources(settings=settings)
    Warehouse(settings).create_raw_tables()
    landing = Landing(sources, sources.utility.today(settings), sources.utility.now_utc(settings), is_replay=True)
    loads = []
    groups = Warehouse(settings).arrow(
        "select distinct source, load_id, reason like 'refused:%' as was_refused from raw.quarantine "
        "where replayed_load_id is null and ($source::varchar is null or source = $source) "
        "and ($load_id::varchar is null or load_id = $load_id) order by load_id, was_refused",
        {"source": source, "load_id": load_id},
        role="loader",
    )
    with Warehouse(settings).loading() as area:
        for name, old_load_id, was_refused in zip(*groups.to_pydict().values(), strict=True):
            load = _replay_load(area, sources, landing, name, old_load_id, was_refused)
            loads += [load] if load else []
    return loads


def _replay_load(
    area: LoadingArea,
    sources: SourcesFile,
    landing: Landing,
    name: str,
    old_load_id: str,
    was_refused: bool,
) -> Load | None:
    connection, source = area.connection, EDITS_SOURCE if name == EDITS else sources.sources.get(name)
    if source is None:
        raise SourceError(
            Problem(name, old_load_id, "this source is no longer in sources.yml", "Put its entry back, then replay")
        )
    area.bring("quarantine", load_ids=[old_load_id])
    if was_refused:
        source = _canonical(source)
        landing = replace(landing, is_assumed=_was_assumed(connection, old_load_id))
    rows = _stage(connection, source, old_load_id, was_refused)
    if not number(connection, f"select count(*) from {rows.relation}"):
        return None
    load = load_rows(area, rows, source, landing, lambda load_id: _mark(connection, load_id))
    return load if load.landed else None


def _stage(
    connection: duckdb.DuckDBPyConnection, source: FileSource | SqlSource, load_id: str, was_refused: bool
) -> SourceRows:
    """Make the refused rows a relation again, as text; a wide file's cells keep their place in the day."""
    connection.execute(
        "create or replace temp table replayed as "
        f"select rowid as _quarantine_row, row_number() over (order by line_no, rowid) as {LINE}, row_json, origin "
        "from raw.quarantine where replayed_load_id is null and load_id = $load_id "
        "and (reason like 'refused:%') = $was_refused and json_extract(row_json, '$._line') is null",
        {"load_id": load_id, "was_refused": was_refused},
    )
    if isinstance(source, MessageFiles) and not was_refused:
        return _stage_messages(connection, source, load_id)
    names = list(source.mapped_columns)
    fields = [f"row_json ->> {literal(name)} as {quoted(name)}" for name in names]
    layout = getattr(source, "layout", "long")
    if layout != "long":
        fields += ["row_json ->> '_slot' as _slot", "row_json ->> '_value' as _value"]
    if layout == "wide":
        fields += [
            "(row_json ->> '_minute')::integer as _minute",
            "(row_json ->> '_is_elapsed')::boolean as _is_elapsed",
            "(row_json ->> '_is_second')::boolean as _is_second",
            "(row_json ->> '_interval_minutes')::integer as _interval_minutes",
        ]
    connection.execute(f"create or replace temp table replay_rows as select {', '.join(fields)}, {LINE} from replayed")
    return SourceRows("replay_rows", column_types(connection, "replay_rows"), f"replay of {load_id}")


def _stage_messages(connection: duckdb.DuckDBPyConnection, source: MessageFiles, load_id: str) -> SourceRows:
    """Read the payloads again: where the present mapping finds a column elsewhere, it is found there."""
    fields = ", ".join(f"row_json ->> {literal(name)} as {name}" for name in LANDED if name != REFUSED)
    connection.execute(
        f"create or replace temp table replay_messages as select {fields}, "
        f"case when row_json ->> '{REFUSED}' = {literal(TOO_LONG)} then {literal(TOO_LONG)} end as {REFUSED}, {LINE} "
        "from replayed"
    )
    connection.execute(f"create or replace temp table replay_rows as {reads_of('replay_messages', source)}")
    return SourceRows("replay_rows", column_types(connection, "replay_rows"), f"replay of {load_id}")


def _was_assumed(connection: duckdb.DuckDBPyConnection, load_id: str) -> bool:
    """Whether a refused load came without times of receipt; else its rows would say that they were seen long ago."""
    query = "select count(*) from raw.quarantine where load_id = $1 and row_json ->> 'received_at_assumed' = 'true'"
    return number(connection, query, [load_id]) > 0


def _canonical(source: FileSource | SqlSource) -> FileSource | SqlSource:
    """The mapping of rows that were canonical already when their load was refused."""
    table = RAW_TABLES[source.table]
    return source.model_copy(
        update={
            "columns": {column.name: column.name for column in table.columns},
            "values": {},
            "defaults": {},
            "attributes": (),
            "received_at": "received_at_utc",
            "received_at_on_first_load": True,
            "timezone": "UTC",
            "timestamp": "start",
            "timestamp_format": None,
            "date_format": None,
            "decimal": ".",
            "unit": "kWh",
            "layout": "long",
        }
    )


def _mark(connection: duckdb.DuckDBPyConnection, load_id: str) -> None:
    connection.execute(
        f"""
        update raw.quarantine set replayed_load_id = $load_id
        from (
            select replayed._quarantine_row
            from replayed
            inner join (
                select {LINE} from incoming group by {LINE} having bool_and(_bad is null)
            ) as admitted
                on replayed.{LINE} = admitted.{LINE}
        ) as admitted
        where raw.quarantine.rowid = admitted._quarantine_row
        """,
        {"load_id": load_id},
    )

"""Messages as a listener has landed them, one JSON line each, made the rows of a source: their payload is read here.

A payload is a JSON object, a list of them, or an object around such a list. Nothing that came is dropped: what is no
read becomes a row all the same, with ``_refused`` saying why, and ends in quarantine with its topic.
"""

from pathlib import Path

import duckdb

from meterwise.sources.config import RECEIVED_AT, MessageFiles
from meterwise.sources.rows import LINE, literal, quoted

TOPIC = "_topic"
PAYLOAD = "_payload"
REFUSED = "_refused"
"""Why a message is no read; null for one that may be."""

TOO_LONG = "the message is longer than a megabyte; its beginning is kept"

LANDED = {TOPIC: "varchar", RECEIVED_AT: "varchar", PAYLOAD: "varchar", REFUSED: "varchar"}
"""Fields of a landed line."""


def stage(connection: duckdb.DuckDBPyConnection, source: MessageFiles, file: Path, limit: int | None = None) -> None:
    """Make the reads of a landed file the temporary table ``source_rows``.

    Args:
        connection: Where the table is made.
        source: Says where in topic and payload a column is.
        file: Of lines as the listener writes them.
        limit: Read this many messages only, for a sample.
    """
    columns = ", ".join(f"{name}: {literal(kind)}" for name, kind in LANDED.items())
    connection.execute("set preserve_insertion_order = true")
    connection.execute(
        f"create or replace temp table messages as select *, row_number() over () as {LINE} "
        f"from read_ndjson({literal(file)}, columns = {{{columns}}}, maximum_object_size = 67108864)"
        + (f" limit {limit}" if limit else "")
    )
    connection.execute("set preserve_insertion_order = false")
    connection.execute(
        f"create or replace temp table source_rows as select * exclude ({LINE}), "
        f"row_number() over (order by {LINE}) as {LINE} from ({reads_of('messages', source)})"
    )


def reads_of(messages: str, source: MessageFiles) -> str:
    """SQL of the reads that messages hold, with ``_line_no`` of their message; at least one row for each.

    Args:
        messages: Relation of the fields of a landed line and ``_line_no``.
        source: Says where in topic and payload a column is.
    """
    key = source.reads_in
    inner = f"body -> {literal(_pointer(key))}" if key else "null::json"
    around = f"json_merge_patch(body, json_object({literal(key)}, null))" if key else "null::json"
    names = [name for name in source.mapped_columns if name not in LANDED]
    fields = "".join(f"{_field(source, name)} as {quoted(name)}, " for name in names)
    return f"""
        with valid as (
            select *, case when {REFUSED} is null and json_valid({PAYLOAD}) then {PAYLOAD}::json end as body
            from {messages}
        ),
        lists as (
            select *, case when json_type(body) = 'ARRAY' then body else {inner} end as list from valid
        ),
        items as (
            select *, unnest(case when json_array_length(list) > 0 then list -> '$[*]' else [body] end) as item
            from lists
        ),
        reads as (
            select *, case
                when json_type(item) = 'OBJECT' and json_type(body) = 'OBJECT' and json_array_length(list) > 0
                    then json_merge_patch({around}, item)
                else item
            end as read
            from items
        )
        select {fields}{TOPIC}, {RECEIVED_AT}, coalesce(read::varchar, {PAYLOAD}) as {PAYLOAD}, {LINE}, case
            when {REFUSED} is not null then {REFUSED}
            when body is null then 'the message is no JSON'
            when json_type(read) is distinct from 'OBJECT' or json_array_length(list) = 0
                then 'the message holds no JSON object'
            when contains({PAYLOAD}, '\\u0000') then 'the message holds a NUL character'
        end as {REFUSED}
        from reads
    """


def _field(source: MessageFiles, name: str) -> str:
    """SQL of one source column: a level of the topic, or a key of the read, with dots for objects in objects."""
    if name in source.topic_levels:
        return f"split_part({TOPIC}, '/', {source.topic_levels[name]})"
    places = [_pointer(name)] + [_pointer(*name.split("."))] * ("." in name)
    found = ", ".join(f"read ->> {literal(place)}" for place in places)
    return f"coalesce({found})"


def _pointer(*keys: str) -> str:
    """JSON pointer to nested keys."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)

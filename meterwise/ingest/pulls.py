"""Loads one pull of a database: the new rows, then the keys that are gone."""

from datetime import datetime, timedelta
from typing import Any

import duckdb

from meterwise.ingest.account import Landing, Load
from meterwise.ingest.deletions import book_deletions
from meterwise.ingest.load import load_rows
from meterwise.ingest.mapping import Mapping
from meterwise.settings import Settings
from meterwise.sources import sql
from meterwise.sources.config import SqlSource
from meterwise.sources.problems import Problem, SourceError
from meterwise.sources.rows import number
from meterwise.warehouse import LoadingArea

MOST_DELETIONS = 0.5
"""When more than this share of the keys is gone, the comparison is wrong sooner than the customers are."""


def land_pull(area: LoadingArea, source: SqlSource, landing: Landing, settings: Settings) -> list[Load]:
    """Pull what is new of a source, and the deletions where they are asked for.

    Raises:
        SourceError: The database is down or does not have what the mapping names.
    """
    connection, loads = area.connection, list[Load]()
    since = _since(connection, source)
    with sql.opened(source, settings) as engine:
        pulled = sql.pull(engine, source, since)
        keys = _pull_keys(engine, source, pulled, since)
    if len(pulled):
        rows = sql.stage(connection, pulled, source, "pulled_rows")
        loads.append(
            load_rows(
                area,
                rows,
                source,
                landing,
                lambda load_id: sql.record_cursor(connection, source, load_id, pulled),
            )
        )
    if keys is not None:
        deletions = _land_deletions(area, source, landing, keys)
        loads += [deletions] if deletions else []
    return loads


def _since(connection: duckdb.DuckDBPyConnection, source: SqlSource) -> Any:
    """Where this pull begins; rows that it repeats are duplicates and add nothing.

    A row is stamped before its transaction ends, so the last pull can have seen a later stamp and not this row yet.
    """
    since = sql.last_cursor(connection, source) if source.cursor else None
    return since - timedelta(minutes=source.cursor_overlap_minutes) if isinstance(since, datetime) else since


def _pull_keys(engine: Any, source: SqlSource, pulled: Any, since: Any) -> Any:
    """The keys that the source has now; a full pull holds them already."""
    if not source.compare_keys:
        return None
    if since is None:
        return pulled
    return sql.pull(engine, source, None, tuple(dict.fromkeys(source.columns[key] for key in source.raw_table.key)))


def _land_deletions(area: LoadingArea, source: SqlSource, landing: Landing, keys: Any) -> Load | None:
    """Add a deleting version for every current key of this source that the source no longer has."""
    connection, table = area.connection, source.raw_table
    key_list = ", ".join(table.key)
    bare = source.model_copy(
        update={
            "columns": {key: source.columns[key] for key in table.key},
            "values": {key: value for key, value in source.values.items() if key in table.key},
            "attributes": (),
            "received_at": None,
            "cursor": None,
        }
    )
    rows = sql.stage(connection, keys, bare, "pulled_keys")
    with area.transaction():
        area.bring(table.name)
        Mapping(bare, rows, landing.sources.timezone_of(source), landing.now_utc).run(connection)
        connection.execute(
            f"""
            create or replace temp table gone as
            with current_rows as (
                select rows.* from raw.{table.name} as rows
                qualify row_number() over (
                    partition by {key_list} order by received_at_utc desc, version_no desc
                ) = 1
            )
            select current_rows.*, timestamp '{landing.now_utc}' as _gone_at
            from current_rows
            inner join raw.load_audit as audit on current_rows.load_id = audit.load_id
            anti join incoming using ({key_list})
            where audit.source = $source and not current_rows.is_deleted
            """,
            {"source": source.name},
        )
        gone = number(connection, "select count(*) from gone")
        if not gone:
            return None
        known = gone + number(connection, f"select count(distinct ({key_list})) from incoming")
        if gone > MOST_DELETIONS * known:
            raise SourceError(
                Problem(
                    source.name,
                    source.query,
                    f"{gone:,} of {known:,} keys are gone at once; none was marked as deleted",
                    "Check `query` and the key columns. If they are really gone, set `compare_keys: false` and delete "
                    "them by an end date",
                )
            )
        return book_deletions(area, source, landing, f"keys of {source.query}")

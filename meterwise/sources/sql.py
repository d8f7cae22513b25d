"""Pulls tables and queries of any database that SQLAlchemy reaches, as Arrow.

Tables come through dlt, which reflects them and types the Arrow columns; the cursor is kept in the warehouse, in the
transaction of the load, so that a killed pull leaves neither rows nor a moved cursor behind.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

# Without these dlt phones home, warns about every FLOAT, and asks Airflow's secrets for each of its own options.
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")
os.environ.setdefault("PROVIDERS__ENABLE_AIRFLOW_SECRETS", "false")

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from meterwise.settings import Settings
from meterwise.sources.config import SqlSource
from meterwise.sources.problems import Problem, SourceError
from meterwise.sources.rows import LINE, SourceRows, column_types, first_row

CHUNK_ROWS = 50_000
CURSOR_TYPES: dict[str, Any] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "int": int,
    "str": str,
}


@contextmanager
def opened(source: SqlSource, settings: Settings) -> Iterator[sa.Engine]:
    """Connect to the source's database.

    Raises:
        SourceError: The database is down, or refuses the table or query.
        SourcesFileError: The secret of the URL is not set.
    """
    url = sa.make_url(source.resolved_url(settings))
    engine = None
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect():
            pass
        yield engine
    except sa.exc.NoSuchTableError as error:
        problem = Problem(source.name, source.query, "the database has no such table", "Correct `query` in sources.yml")
        raise SourceError(problem) from error
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        raise SourceError(_unreachable(source, url, error)) from None  # the chain would carry the URL
    finally:
        if engine is not None:
            engine.dispose()


def pull(
    engine: sa.Engine,
    source: SqlSource,
    since: Any = None,
    columns: tuple[str, ...] | None = None,
    limit: int | None = None,
) -> pa.Table:
    """Read the rows of a source.

    Args:
        engine: Of the source's database.
        source: What to read.
        since: Only rows whose cursor column is at or after this; None for all.
        columns: Source columns; default all that the mapping reads.
        limit: At most so many rows, for a sample.
    """
    names = list(columns or dict.fromkeys([*source.mapped_columns, *([source.cursor] if source.cursor else [])]))
    if " " in source.query.strip():
        return _pull_query(engine, source, names, since, limit)
    return _pull_table(engine, source, names, since, limit)


def stage(connection: duckdb.DuckDBPyConnection, table: pa.Table, source: SqlSource, name: str) -> SourceRows:
    """Make the pulled rows a relation of the connection; ``_line_no`` is the row of the result, from 1."""
    connection.register("pulled", table.append_column(LINE, pa.array(range(1, len(table) + 1), pa.int64())))
    connection.execute(f"create or replace temp view {name} as select * from pulled")
    types = column_types(connection, name)
    missing = [column for column in source.mapped_columns if column not in types]
    if missing:
        raise SourceError(
            Problem(
                source.name,
                source.query,
                f"has no column {', '.join(missing)}",
                f"Correct `columns` of source {source.name} in sources.yml, or the query",
            )
        )
    return SourceRows(name, types, source.query)


def last_cursor(connection: duckdb.DuckDBPyConnection, source: SqlSource) -> Any:
    """Return the cursor that the last pull reached, None before the first."""
    row = first_row(
        connection,
        "select cursor_type, cursor_value from raw.pull_cursors where source = $1 and cursor_column = $2 "
        "order by load_id desc limit 1",
        [source.name, source.cursor],
    )
    return CURSOR_TYPES[row[0]](row[1]) if row else None


def record_cursor(connection: duckdb.DuckDBPyConnection, source: SqlSource, load_id: str, table: pa.Table) -> None:
    """Remember how far this pull came."""
    if source.cursor is None or not len(table):
        return
    import pyarrow.compute as pc

    value = pc.max(table[source.cursor]).as_py()
    if value is None:
        return
    kind = type(value).__name__
    if kind not in CURSOR_TYPES:
        problem = Problem(
            source.name,
            source.query,
            f"`cursor: {source.cursor}` is a {kind}",
            "Use a time, a date, a number or a text",
        )
        raise SourceError(problem)
    connection.execute(
        "insert into raw.pull_cursors values ($1, $2, $3, $4, $5)",
        [source.name, load_id, source.cursor, kind, value.isoformat() if hasattr(value, "isoformat") else str(value)],
    )


def _pull_table(engine: sa.Engine, source: SqlSource, names: list[str], since: Any, limit: int | None) -> pa.Table:
    from dlt.extract.exceptions import ResourceExtractionError
    from dlt.sources.sql_database import sql_table

    def adapt(query: Any, table: Any, *_: Any) -> Any:
        query = query.where(table.c[source.cursor] >= since) if since is not None else query
        return query.limit(limit) if limit else query

    schema, _, table_name = source.query.strip().rpartition(".")
    metadata = sa.MetaData(schema=schema or None)
    # Reflect here, so that a table or column that is not there is named as such.
    reflected = sa.Table(table_name, metadata, autoload_with=engine, resolve_fks=False)
    missing = [name for name in names if name not in reflected.c]
    if missing:
        raise SourceError(
            Problem(
                source.name,
                source.query,
                f"has no column {', '.join(missing)}; its columns are {', '.join(reflected.c.keys())}",
                f"Correct `columns` of source {source.name} in sources.yml",
            )
        )
    resource = sql_table(
        credentials=engine,
        table=table_name,
        schema=schema or None,
        metadata=metadata,
        backend="pyarrow",
        chunk_size=CHUNK_ROWS,
        included_columns=names,
        query_adapter_callback=adapt,
    )
    try:
        chunks = [chunk for chunk in resource if isinstance(chunk, pa.Table)]
    except ResourceExtractionError as error:
        cause = error.__cause__
        raise cause if isinstance(cause, sa.exc.SQLAlchemyError) else error from None
    if not chunks:
        return pa.table({name: pa.array([], pa.string()) for name in names})
    # A column that is null throughout a chunk is left out of it; the promotion brings it back.
    whole = pa.concat_tables(chunks, promote_options="permissive")
    absent = [name for name in names if name not in whole.column_names]
    for name in absent:
        whole = whole.append_column(name, pa.nulls(len(whole), pa.string()))
    return whole


def _pull_query(engine: sa.Engine, source: SqlSource, names: list[str], since: Any, limit: int | None) -> pa.Table:
    """A select has no table to reflect; Arrow finds the types from the values."""
    query = source.query.strip().rstrip(";")
    where = ""
    if since is not None and source.cursor:
        where = f" where pulled.{engine.dialect.identifier_preparer.quote(source.cursor)} >= :since"
    statement = sa.text(f"select * from ({query}) as pulled{where}" + (f" limit {limit}" if limit else ""))
    chunks = []
    with engine.connect().execution_options(stream_results=True) as connection:
        result = connection.execute(statement, {"since": since} if where else {})
        keys = list(result.keys())
        for rows in result.partitions(CHUNK_ROWS):
            columns = zip(*rows, strict=True)
            chunks.append(pa.table({key: _array(values) for key, values in zip(keys, columns, strict=True)}))
    if not chunks:
        return pa.table({name: pa.array([], pa.string()) for name in keys})
    whole = pa.concat_tables(chunks, promote_options="permissive")
    return whole.select([name for name in names if name in whole.column_names])


def _array(values: tuple[Any, ...]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _unreachable(source: SqlSource, url: sa.URL, error: Exception) -> Problem:
    address = url.render_as_string(hide_password=True)
    if isinstance(error, sa.exc.DBAPIError) and not isinstance(error, sa.exc.OperationalError):
        reason = type(error.orig).__name__
        cure = f"Correct `query` and `columns` of source {source.name} in sources.yml"
        return Problem(source.name, source.query, f"the database refused the query ({reason})", cure)
    detail = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    if url.password:
        detail = detail.replace(str(url.password), "***")
    return Problem(
        source.name,
        source.query,
        f"the database {address} cannot be reached ({detail})",
        "Check that it runs and that the secret of `url` is right; it is pulled at the next landing",
        is_transient=True,
    )

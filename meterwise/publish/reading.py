"""What is published, read back for people: a table as of its current version or of an earlier day's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from meterwise.outcomes import RefusedError
from meterwise.publish.layout import data_table, names, published_view
from meterwise.publish.tables import PUBLISHED

PUBLICATIONS = "publications"


class NotPublishedError(RefusedError):
    """There is no such table, or nothing was published for the day."""


@dataclass(frozen=True)
class Selection:
    """Rows of one published table, as a query."""

    columns: Sequence[str]
    query: sql.Composed

    def rows(self, connection: psycopg.Connection) -> list[tuple[Any, ...]]:
        """Return the rows."""
        return connection.execute(self.query).fetchall()

    def csv(self, connection: psycopg.Connection) -> Iterator[bytes | bytearray | memoryview]:
        """Yield the rows as blocks of CSV with a header, made by the server."""
        statement = sql.SQL("copy ({}) to stdout (format csv, header true)").format(self.query)
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            yield from copy

    def json(self, connection: psycopg.Connection) -> Iterator[str]:
        """Yield each row as a JSON object, made by the server."""
        statement = sql.SQL("select row_to_json(selected)::text from ({}) as selected").format(self.query)
        with connection.cursor() as cursor:
            for row in cursor.execute(statement):
                yield row[0]


def select_rows(
    connection: psycopg.Connection, table: str, as_of_date: date | None = None, limit: int | None = None
) -> Selection:
    """Select the rows of a published table, in the order of its key.

    Args:
        connection: To the database.
        table: Name without the schema; ``publications`` lists what was published, the newest first.
        as_of_date: Local day of the version to read; by default the current one.
        limit: Rows at most.

    Raises:
        NotPublishedError: Says which tables or days there are.
    """
    columns = _columns(connection, table)
    if table == PUBLICATIONS:
        source: sql.Composable = published_view(table)
        order: sql.Composable = sql.SQL("version desc, table_name")
    else:
        source = published_view(table) if as_of_date is None else _version(connection, table, as_of_date)
        order = names(next((known.key for known in PUBLISHED if known.name == table), columns[:1]))
    query = sql.SQL("select {} from {} as source order by {}").format(names(columns), source, order)
    if limit is not None:
        query += sql.SQL(" limit {}").format(sql.Literal(limit))
    return Selection(columns, query)


def _columns(connection: psycopg.Connection, table: str) -> list[str]:
    rows = connection.execute(
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'published' order by table_name, ordinal_position"
    ).fetchall()
    if not rows:
        raise NotPublishedError("Nothing was published yet. The DAG publish_segments does so; `make demo` runs it.")
    columns = [column for name, column in rows if name == table]
    if not columns:
        tables = ", ".join(sorted({name for name, _ in rows}))
        raise NotPublishedError(f"There is no table published.{table}. There are: {tables}.")
    return columns


def _version(connection: psycopg.Connection, table: str, as_of_date: date) -> sql.Composed:
    """Return the rows of the last version for a day as a sub-query."""
    days = connection.execute(
        """
        select deliveries.as_of_date, max(version)
        from published_data.deliveries join published.publications using (version)
        where table_name = %s
        group by deliveries.as_of_date
        order by deliveries.as_of_date
        """,
        [table],
    ).fetchall()
    versions: dict[date, int] = dict(days)
    if as_of_date not in versions:
        kept = f"{days[0][0]} to {days[-1][0]}" if days else "none"
        raise NotPublishedError(f"No rows of published.{table} are kept for {as_of_date}; days kept: {kept}.")
    chunks = sql.SQL(
        "select chunk_id from published_data.version_chunks where version = {} and table_name = {}"
    ).format(sql.Literal(versions[as_of_date]), sql.Literal(table))
    return sql.SQL("(select * from {} where chunk_id in ({}))").format(data_table(table), chunks)

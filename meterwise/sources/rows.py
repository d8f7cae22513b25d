"""The shape in which every kind of source hands over its rows: one relation inside DuckDB."""

from dataclasses import dataclass
from typing import Any

import duckdb

LINE = "_line_no"
"""Line (or row) of the origin, counted from 1; a CSV's header is line 1."""


@dataclass(frozen=True)
class SourceRows:
    """Rows as the source has them, staged for one load.

    Attributes:
        relation: Temporary view or table; its columns are the source's and ``_line_no``.
        types: Column name to DuckDB type, ``_line_no`` left out.
        origin: File, table or query, for messages and the audit.
        digest: Of the bytes of a file; None for a pull.
        size_bytes: Of the file; None for a pull.
        version: Size and time of change of a file, by which it is known again without reading it.
    """

    relation: str
    types: dict[str, str]
    origin: str
    digest: str | None = None
    size_bytes: int | None = None
    version: str | None = None


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Quote a constant."""
    return "'" + str(value).replace("'", "''") + "'"


def column_types(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Return the columns of a relation and their types, ``_line_no`` left out."""
    rows = connection.execute(f"describe {relation}").fetchall()
    return {name: kind for name, kind, *_ in rows if name != LINE}


def first_row(connection: duckdb.DuckDBPyConnection, query: str, parameters: Any = None) -> tuple[Any, ...] | None:
    """Return the first row of a query; the result is drained, since an open one blocks the connection."""
    rows = connection.execute(query, parameters).fetchall()
    return rows[0] if rows else None


def number(connection: duckdb.DuckDBPyConnection, query: str, parameters: Any = None) -> int:
    """Return the one number that a query gives; 0 for null."""
    row = first_row(connection, query, parameters)
    return int(row[0] or 0) if row else 0

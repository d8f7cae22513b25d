"""``meterwise published``: what downstream systems see, printed for a person or a pipe."""

import sys
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from meterwise.database import DatabaseNotConfiguredError, connect
from meterwise.publish.reading import PUBLICATIONS, NotPublishedError, Selection, select_rows

ROWS_ON_SCREEN = 20


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def published(
    table: Annotated[str, typer.Argument(help="Table without its schema, such as customer_segments.")] = PUBLICATIONS,
    output: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
    limit: Annotated[int | None, typer.Option(min=1, help="Rows at most (20 on screen, else all).")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day; by default the current one.")
    ] = None,
) -> None:
    """Print a published table; without a name, list what was published."""
    try:
        with closing(connect()) as connection:
            on_screen = ROWS_ON_SCREEN if output is Format.TABLE else None
            day = as_of.date() if as_of else None
            _print(select_rows(connection, table, day, limit or on_screen), connection, table, output)
    except (NotPublishedError, DatabaseNotConfiguredError) as error:
        Console(stderr=True).print(f"[red]{error}")
        raise typer.Exit(1) from error
    except psycopg.OperationalError as error:
        Console(stderr=True).print(f"[red]The database does not answer: {error}")
        raise typer.Exit(1) from error


def _print(selection: Selection, connection: psycopg.Connection, table: str, output: Format) -> None:
    if output is Format.CSV:
        for block in selection.csv(connection):
            sys.stdout.buffer.write(block)
    elif output is Format.JSON:
        sys.stdout.write("[\n" + ",\n".join(selection.json(connection)) + "\n]\n")
    else:
        screen = as_rich_table(f"published.{table}", selection.columns, selection.rows(connection))
        # A wide table is better wrapped by the terminal, or scrolled in a pager, than squeezed to three letters a
        # column.
        unbounded = Console(width=10_000)
        width = max(Console().width, Measurement.get(unbounded, unbounded.options, screen).maximum)
        Console(width=width).print(screen)


def as_rich_table(title: str, columns: Any, rows: Any) -> Table:
    """Return rows as a table for the terminal, numbers to the right."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for position, column in enumerate(columns):
        is_number = (
            bool(rows)
            and isinstance(rows[0][position], int | float | Decimal)
            and not isinstance(rows[0][position], bool)
        )
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return ", ".join(f"{key} {entry}" for key, entry in value.items())
    return str(value)

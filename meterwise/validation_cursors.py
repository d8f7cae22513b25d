"""What happens below Great Expectations, between SQLAlchemy and the engine; what data must look like is not known here.

Whoever imports this has the listeners.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Engine, ExceptionContext, event
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

from meterwise.warehouse import WarehouseUnavailableError

_handed_over: set[str] = set()
_interruptions: list[str] = []


@contextmanager
def rows_stay_there(query: str) -> Iterator[None]:
    """Run checks of a query's rows; the query itself, which GX runs only to see that it runs, brings none of them.

    Raises:
        WarehouseUnavailableError: The database went away meanwhile. GX would call the expectation broken, and good
            rows would be refused for it.
    """
    _interruptions.clear()
    _handed_over.add(query)
    try:
        yield
    except Exception as error:
        if not _interruptions:
            raise
        raise _unavailable() from error
    finally:
        _handed_over.discard(query)
    if _interruptions:
        raise _unavailable()


def _unavailable() -> WarehouseUnavailableError:
    return WarehouseUnavailableError(
        f"The warehouse's database went away during a check ({_interruptions[0]}), so nothing was decided. It is "
        "checked again at the next try; look at the server's log if it stays away."
    )


@event.listens_for(Engine, "before_cursor_execute", retval=True)
def _leave_rows_there(
    conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> tuple[str, Any]:
    return f"{statement} limit 0" if statement in _handed_over else statement, parameters


@event.listens_for(Engine, "after_cursor_execute")
def _fetch_before_close(
    conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    """Buffer DuckDB's results: GX fetches after the connection is closed, and DuckDB's cursors die with it."""
    if conn.dialect.name == "duckdb" and cursor.description:
        context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(cursor, initial_buffer=cursor.fetchall())


@event.listens_for(Engine, "handle_error")
def _note_interruption(context: ExceptionContext) -> None:
    if isinstance(context.original_exception, psycopg.OperationalError):
        _interruptions.append(str(context.original_exception).partition("\n")[0])

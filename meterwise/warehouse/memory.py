"""A DuckDB of one's own that is no warehouse: for what is worked out from files and kept in files."""

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import duckdb

from meterwise.settings import Settings, get_settings


@contextmanager
def in_memory(settings: Settings | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty DuckDB that is gone afterwards; within the memory allowed, it spills into a temporary folder."""
    settings = settings or get_settings()
    with TemporaryDirectory(prefix="meterwise-") as spill, duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"set threads = {settings.threads}")
        connection.execute(f"set memory_limit = '{settings.memory_limit}'")
        connection.execute(f"set temp_directory = '{spill}'")
        connection.execute("set preserve_insertion_order = false")
        yield connection

"""Where loads are made: the raw tables inside DuckDB, whatever engine keeps them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import duckdb


class LoadingArea:
    """The raw tables of an open warehouse, for the SQL of loads.

    This one is the warehouse itself, or a sample in memory; an engine that is not DuckDB has an area of its own kind.

    Attributes:
        connection: ``raw.*`` can be read and written here, as far as it was brought.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def bring(
        self, table: str, *, of: str | None = None, load_ids: Sequence[str] | None = None, beside: bool = False
    ) -> None:
        """Make sure that rows of a raw table are here; nothing to do where the area is the warehouse itself.

        Args:
            table: Name in the schema ``raw``.
            of: A relation of the connection with the key columns: all versions of its keys, and for tables with the
                time in their key everything else of the same time range and meters. None: the whole table.
            load_ids: Instead, the rows of these loads.
            beside: With ``of``: for each meter also the nearest current row before and after.
        """

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, in the warehouse.

        Raises:
            WarehouseError: The warehouse did not take it; nothing is changed.
        """
        self.connection.execute("begin")
        try:
            yield
            self.connection.execute("commit")
        except BaseException:
            with suppress(duckdb.Error):  # the first error says what is wrong; a failed commit has rolled back
                self.connection.execute("rollback")
            raise

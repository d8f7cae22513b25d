"""The warehouse's side of a delivery: what the publish layer holds, its checksums, and the rows as CSV files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import md5
from pathlib import Path

import duckdb

from meterwise.outcomes import RefusedError
from meterwise.publish.tables import PublishedTable
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse


class PublishLayerError(RefusedError):
    """The warehouse lacks what is to be delivered."""


@dataclass(frozen=True)
class Chunk:
    """One part of a published table, as it stands in the warehouse."""

    key: str
    checksum: str
    rows: int


@dataclass(frozen=True)
class Extract:
    """One table as it stands in the warehouse for one delivery; no rows yet."""

    table: PublishedTable
    columns: Mapping[str, str]
    """DuckDB type by column, in the order of the table."""
    chunks: tuple[Chunk, ...]
    model_versions: Mapping[str, str]

    @property
    def rows(self) -> int:
        """Rows in all chunks."""
        return sum(chunk.rows for chunk in self.chunks)


def checksum(parts: Mapping[str, str]) -> str:
    """Return one checksum for several by name, whatever their order."""
    return md5("|".join(f"{name}={parts[name]}" for name in sorted(parts)).encode(), usedforsecurity=False).hexdigest()


class PublishLayer:
    """The publish layer of an open warehouse, for one ``as_of_date``."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, as_of_date: date) -> None:
        self.connection = connection
        self.as_of_date = as_of_date

    def extract(self, table: PublishedTable) -> Extract:
        """Describe a table: its columns, chunks and checksums, without moving a row.

        Raises:
            PublishLayerError: The table is missing, or its key does not identify its rows.
        """
        columns = self._columns(table)
        # Sorted by name, so that a new order of the columns is no new content. The sum does not depend on the order
        # of the rows; it is exact (HUGEINT), and so the same whatever the threads do.
        hashed = ", ".join(f'"{name}"' for name in sorted(columns))
        query = f"""
            select {table.chunk} as chunk_key, sum(hash({hashed})), bit_xor(hash({hashed}, 1)), count(*)
            from publish.{table.name}
            {self._filter(table)}
            group by chunk_key
            order by chunk_key
        """
        rows = self.connection.execute(query, self._parameters(table)).fetchall()
        chunks = tuple(
            Chunk(key, checksum({"sum": str(total), "xor": str(xor)}), count) for key, total, xor, count in rows
        )
        return Extract(table, columns, chunks, self._model_versions(table))

    def export(self, extract: Extract, chunk_ids: Mapping[str, int], path: Path) -> None:
        """Write chunks to a CSV file: the chunk's id, then the columns; sorted by chunk and key, so look-ups are local.

        Args:
            extract: The table.
            chunk_ids: Id by key of the chunks to write.
            path: The file.
        """
        self.connection.execute("create or replace temp table new_chunks (chunk_id bigint, chunk_key varchar)")
        self.connection.execute(
            "insert into new_chunks select unnest($ids), unnest($keys)",
            {"ids": list(chunk_ids.values()), "keys": list(chunk_ids)},
        )
        columns = ", ".join(f'"{name}"' for name in extract.columns)
        self.connection.execute(
            f"""
            copy (
                select chunk_id, {columns}
                from (select *, {extract.table.chunk} as chunk_key from publish.{extract.table.name})
                join new_chunks using (chunk_key)
                order by chunk_id, {", ".join(extract.table.key)}
            ) to '{path}' (format csv, header false)
            """
        )

    def _columns(self, table: PublishedTable) -> dict[str, str]:
        columns = self._columns_of(f"publish.{table.name}")
        if not columns:
            raise PublishLayerError(
                f"The warehouse has no table publish.{table.name}, so nothing was delivered. "
                "Build the publish layer first: run the DAG build_warehouse, or `dbt build --select publish`."
            )
        return columns

    def _columns_of(self, table: str) -> dict[str, str]:
        rows = self.connection.execute(
            "select column_name, data_type from information_schema.columns "
            "where table_schema || '.' || table_name = $table order by ordinal_position",
            {"table": table},
        ).fetchall()
        return dict(rows)

    def _filter(self, table: PublishedTable) -> str:
        return "where as_of_date = $as_of_date" if table.is_dated else ""

    def _parameters(self, table: PublishedTable) -> dict[str, date]:
        return {"as_of_date": self.as_of_date} if table.is_dated else {}

    def _model_versions(self, table: PublishedTable) -> dict[str, str]:
        """Read which version of each model the day's scores came from; a model without scores for it is left out."""
        found = {}
        for model, scores in table.models.items():
            if not self._columns_of(scores):
                continue
            rows = self.connection.execute(
                f"select max(model_version) from {scores} where as_of_date = $day", {"day": self.as_of_date}
            ).fetchall()
            if rows[0][0] is not None:
                found[model] = str(rows[0][0])
        return found


@contextmanager
def publish_layer(as_of_date: date, tables: Sequence[PublishedTable], settings: Settings) -> Iterator[PublishLayer]:
    """Open the warehouse for a delivery of these tables; it is free for others as soon as the block ends."""
    scores = {name for table in tables for name in table.models.values()}
    names = [*(f"publish.{table.name}" for table in tables), *sorted(scores)]
    with Warehouse(settings).reading(names) as connection:
        connection.execute("begin")  # checksums and rows are of one state
        yield PublishLayer(connection, as_of_date)
        connection.execute("rollback")

"""PostgreSQL's side of a delivery: a version is a set of chunks, each copied once; one row says which is current."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from meterwise.data_contracts import DataContract
from meterwise.outcomes import NothingToDoError
from meterwise.publish.extract import Extract, checksum
from meterwise.publish.layout import Layout, data_table, names
from meterwise.publish.tables import PublishedTable

DELIVERY_LOCK = 7_361_002
BLOCK_BYTES = 1 << 20

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What one table of a delivery consists of."""

    extract: Extract
    as_of_date: date
    kept: Mapping[str, int]
    """Chunks that are there already: id by key."""
    new: Mapping[str, int]
    """Chunks to copy: id by key."""
    checksum: str
    rows: int
    is_unchanged: bool
    note: str = ""
    """Why the table was withheld, for those who read ``published.publications``."""


class Store:
    """The published tables of one database; one delivery at a time."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.layout = Layout(connection)

    def lock(self) -> None:
        """Wait until no other delivery runs; the lock ends with the connection, also if the process is killed."""
        if self._value("select pg_try_advisory_lock(%s)", [DELIVERY_LOCK]):
            return
        log.info("Another delivery is under way; waiting for its end")
        self.connection.execute("select pg_advisory_lock(%s)", [DELIVERY_LOCK])

    def base(self) -> int:
        """Return the whole delivery that readers see, or that the part that they see stands in.

        Raises:
            NothingToDoError: Nothing was delivered so far.
        """
        found = self._value(
            "select coalesce(base_version, version) from published_data.deliveries "
            "where version = (select version from published_data.pointer)"
        )
        if found is None:
            raise NothingToDoError("Nothing is published yet that a part could stand in; publish_segments comes first.")
        return int(found)

    def keep(self, table: PublishedTable, note: str = "") -> Plan | None:
        """Return what readers see of a table as what the delivery consists of; None if it was never published."""
        current = self._current(table.name)
        if current is None:
            return None
        extract = Extract(table, {}, (), current.model_versions)
        return Plan(extract, current.as_of_date, current.chunks, {}, current.checksum, current.rows, True, note)

    def plan(self, extracts: Sequence[Extract], as_of_date: date) -> list[Plan]:
        """Say for each table which chunks are there already and which are to be copied.

        Raises:
            BreakingChangeError: A table dropped or retyped a published column.
        """
        for extract in extracts:
            self.layout.refuse_break(extract)
        next_id = int(self._value("select coalesce(max(chunk_id), 0) + 1 from published_data.chunks"))
        plans = []
        for extract in extracts:
            plans.append(self._plan(extract, as_of_date, next_id))
            next_id += len(plans[-1].new)
        return plans

    def record(self, plans: Sequence[Plan], as_of_date: date, run_id: str, base: int | None = None) -> int:
        """Book a delivery whose new chunks were copied; returns its version. Called in one transaction with them.

        Args:
            plans: One a table.
            as_of_date: The day of what is new in it.
            run_id: Who delivers.
            base: For a part, the whole delivery that it stands in.
        """
        version = int(self._value("select coalesce(max(version), 0) + 1 from published_data.deliveries"))
        self.connection.execute(
            "insert into published_data.deliveries (version, as_of_date, run_id, base_version) values (%s, %s, %s, %s)",
            [version, as_of_date, run_id, base],
        )
        for plan in plans:
            self._record_table(version, plan)
        if not self._is_older(as_of_date):  # the lock keeps other deliveries out between the question and this
            self.connection.execute(
                "insert into published_data.pointer (version) values (%s) "
                "on conflict (is_only_row) do update set version = excluded.version",
                [version],
            )
        # Small and young, these tables are what autovacuum comes to last; on guesses about them, look-ups by key
        # are planned over the chunks (milliseconds) instead of over the index (microseconds).
        self.connection.execute("analyze published_data.pointer, published_data.version_chunks")
        return version

    def is_current(self, version: int) -> bool:
        """Tell whether the views show this version."""
        return bool(self._value("select version = %s from published_data.pointer", [version]))

    def widen(self, plan: Plan, contract: DataContract | None) -> None:
        """Add new columns to a table that is there, in an instant of its own: readers wait for no longer than that.

        In the transaction of the copy they would wait for its end. The version that is current shows them as missing.
        """
        if self.layout.lacks_columns(plan.extract):
            with self.connection.transaction():
                self.layout.define(plan.extract, contract)

    def copy(self, plan: Plan, file: Path, contract: DataContract | None) -> None:
        """Make the table ready and copy a plan's new chunks into it, from the file that ``export`` wrote."""
        self.layout.define(plan.extract, contract)
        if plan.new:
            name, columns = plan.extract.table.name, plan.extract.columns
            into = sql.SQL("copy {} ({}) from stdin (format csv)").format(
                data_table(name), names(["chunk_id", *columns])
            )
            with self.connection.cursor() as cursor, cursor.copy(into) as copy, file.open("rb") as rows:
                while block := rows.read(BLOCK_BYTES):
                    copy.write(block)
        self.layout.index(plan.extract)

    def forget(self, kept_days: int) -> int:
        """Give up versions older than this and the chunks that no version needs; returns how many chunks went.

        The line in ``publications`` stays, as the history of what was published; the current version always stays. A
        part goes as soon as it is no longer current: there may be hundreds a day.
        """
        with self.connection.transaction():
            self.connection.execute(
                """
                delete from published_data.version_chunks
                where version in (
                    select version from published_data.deliveries
                    where (delivered_at < clock_timestamp() - make_interval(days => %s) or base_version is not null)
                        and version <> (select version from published_data.pointer)
                )
                """,
                [kept_days],
            )
            self.connection.execute(
                """
                delete from published_data.publications
                where is_unchanged
                    and version in (select version from published_data.deliveries where base_version is not null)
                    and version <> (select version from published_data.pointer)
                """
            )
            orphans = self.connection.execute(
                """
                delete from published_data.chunks
                where not exists (
                    select 1 from published_data.version_chunks where version_chunks.chunk_id = chunks.chunk_id
                )
                returning table_name, chunk_id
                """
            ).fetchall()
            for name in sorted({name for name, _ in orphans}):
                ids = [chunk_id for table, chunk_id in orphans if table == name]
                self.connection.execute(
                    sql.SQL("delete from {} where chunk_id = any(%s)").format(data_table(name)), [ids]
                )
        return len(orphans)

    def _plan(self, extract: Extract, as_of_date: date, next_id: int) -> Plan:
        name = extract.table.name
        current = self._current(name)
        is_older = self._is_older(as_of_date)
        is_newer_there = current is not None and current.as_of_date > as_of_date
        is_absent = extract.table.is_dated and not extract.table.may_be_empty and not extract.chunks
        if current and not is_older and (is_newer_there or is_absent):
            # No scores of this day, or a part of a later day came first: what is published stays with its own date.
            return Plan(extract, current.as_of_date, current.chunks, {}, current.checksum, current.rows, True)
        known = self.connection.execute(
            "select chunk_key, checksum, chunk_id from published_data.chunks where table_name = %s", [name]
        ).fetchall()
        ids = {(key, found): chunk_id for key, found, chunk_id in known}
        kept = {
            chunk.key: ids[chunk.key, chunk.checksum] for chunk in extract.chunks if (chunk.key, chunk.checksum) in ids
        }
        missing = [chunk.key for chunk in extract.chunks if chunk.key not in kept]
        total = checksum({chunk.key: chunk.checksum for chunk in extract.chunks})
        is_unchanged = bool(current and current.checksum == total)
        new = dict(zip(missing, range(next_id, next_id + len(missing)), strict=True))
        return Plan(extract, as_of_date, kept, new, total, extract.rows, is_unchanged)

    def _current(self, name: str) -> "_Current | None":
        row = self.connection.execute(
            """
            select as_of_date, checksum, rows, model_versions, version
            from published_data.publications
            where version = (select version from published_data.pointer) and table_name = %s
            """,
            [name],
        ).fetchone()
        if row is None:
            return None
        chunks = self.connection.execute(
            "select chunk_key, chunk_id from published_data.version_chunks join published_data.chunks using (chunk_id) "
            "where version = %s and version_chunks.table_name = %s",
            [row[4], name],
        ).fetchall()
        return _Current(row[0], row[1], row[2], row[3], dict(chunks))

    def _is_older(self, as_of_date: date) -> bool:
        """Tell whether a day lies before that of the whole delivery that readers see; a part sets no day for it."""
        shown = self._value(
            "select as_of_date from published_data.deliveries where version = ("
            "select coalesce(base_version, version) from published_data.deliveries "
            "where version = (select version from published_data.pointer))"
        )
        return shown is not None and as_of_date < shown

    def _record_table(self, version: int, plan: Plan) -> None:
        name = plan.extract.table.name
        chunks = {chunk.key: chunk for chunk in plan.extract.chunks}
        with self.connection.cursor() as cursor:
            cursor.executemany(
                "insert into published_data.chunks (chunk_id, table_name, chunk_key, checksum, rows) "
                "values (%s, %s, %s, %s, %s)",
                [(new, name, key, chunks[key].checksum, chunks[key].rows) for key, new in plan.new.items()],
            )
        self.connection.execute(
            "insert into published_data.version_chunks (version, table_name, chunk_id) "
            "select %s, %s, unnest(%s::bigint[])",
            [version, name, [*plan.kept.values(), *plan.new.values()]],
        )
        self.connection.execute(
            "insert into published_data.publications "
            "(version, table_name, as_of_date, rows, checksum, is_unchanged, model_versions, note) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                version,
                name,
                plan.as_of_date,
                plan.rows,
                plan.checksum,
                plan.is_unchanged,
                Jsonb(dict(plan.extract.model_versions)),
                plan.note or None,
            ],
        )

    def _value(self, query: LiteralString, parameters: Sequence[Any] = ()) -> Any:
        row = self.connection.execute(query, parameters).fetchone()
        return row[0] if row else None


@dataclass(frozen=True)
class _Current:
    """What readers of one table see now; a table without new rows may be older than its delivery."""

    as_of_date: date
    checksum: str
    rows: int
    model_versions: Mapping[str, str]
    chunks: Mapping[str, int]

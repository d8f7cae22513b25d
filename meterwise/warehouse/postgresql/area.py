"""Loads for PostgreSQL, made in DuckDB: what a load must look at is brought, what it adds goes back in one transaction.

Invariants:
    The turn of loaders is held, so nobody else changes what was brought. In memory are the bookkeeping and one
    load: reads come in the load's slice, and after each commit they go.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date

import duckdb

from meterwise.raw_tables import RAW_TABLES, create_statements
from meterwise.sources.rows import number
from meterwise.warehouse.area import LoadingArea
from meterwise.warehouse.postgresql.session import BATCH_ROWS, Session
from meterwise.warehouse.postgresql.tables import PARTITIONED, partition_name, partition_statements

WHOLE_BOOKS = ("load_audit", "pull_cursors")
BOOKS = (*WHOLE_BOOKS, "quarantine")
MANY_ROWS = 10_000
"""A load of so many rows changes what the planner should know of a table."""

SUMMARIZE = """
    select brin_summarize_new_values(found.indexrelid)
    from pg_index as found
    inner join pg_class as named on named.oid = found.indexrelid
    inner join pg_am as kind on kind.oid = named.relam
    where found.indrelid = to_regclass($part) and kind.amname = 'brin'
"""
"""Blocks that are new are looked into by every search until they are in the index."""


class PostgreSQLArea(LoadingArea):
    """Raw tables in a DuckDB in memory, backed by PostgreSQL."""

    def __init__(self, session: Session, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(connection)
        self._session = session
        self._whole: set[str] = set()
        self._sliced: set[str] = set()
        self._grown: dict[str, int] = {}
        self._months: dict[str, set[date]] = {}
        self._parted: dict[str, bool] = {}
        for statement in create_statements():
            connection.execute(statement)
        connection.execute("create schema base")
        for book in BOOKS:
            connection.execute(f"create table base.{book} as select * from raw.{book} where false")
        for book in WHOLE_BOOKS:
            self._fetch(f"select * from raw.{book}", f"base.{book}")
            connection.execute(f"insert into raw.{book} by name select * from base.{book}")

    def bring(
        self, table: str, *, of: str | None = None, load_ids: Sequence[str] | None = None, beside: bool = False
    ) -> None:
        """Bring rows of a raw table; see ``LoadingArea``. A slice takes the place of the one before."""
        if table == "quarantine":
            self._bring_quarantine(list(load_ids or ()))
            return
        if table in self._whole:
            return
        if load_ids is not None:
            self._drop_slice(table)
            ids = {"ids": list(load_ids)}
            self._fetch(f"select * from raw.{table} where load_id = any($ids::varchar[])", f"raw.{table}", ids)
            self._sliced.add(table)
        elif of is None:
            self._drop_slice(table)
            self._fetch(f"select * from raw.{table}", f"raw.{table}")
            self._whole.add(table)
        else:
            self._bring_versions(table, of, beside)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: the rows added and the books changed go to PostgreSQL in one transaction of its own."""
        before = set(self._whole), set(self._sliced)
        self.connection.execute("begin")
        try:
            yield
            grown = self._push()
        except BaseException:
            self._session.rollback()
            with suppress(duckdb.Error):  # the first error says what went wrong
                self.connection.execute("rollback")
            self._whole, self._sliced = before
            raise
        self.connection.execute("commit")
        for table, rows in grown.items():
            self._grown[table] = self._grown.get(table, 0) + rows
        self._forget(set(grown))

    def analyse(self) -> None:
        """Let index and planner know of months that have grown, and of a parted table as a whole when it has new ones.

        Nobody else ever looks at a parted table as a whole, and looking costs a sample of every month.
        """
        for table, rows in self._grown.items():
            if rows >= MANY_ROWS:
                parts = sorted(partition_name(table, month) for month in self._months.get(table, set()))
                for part in parts:
                    self._session.execute(SUMMARIZE, {"part": f"raw.{part}"})
                for name in [table] if self._parted.get(table) else parts or [table]:
                    self._session.execute(f"analyze raw.{name}")
        if self._grown:  # whoever reads rows of raw asks which loads count
            self._session.execute("analyze raw.load_audit")
        self._session.commit()

    def _fetch(self, query: str, into: str, parameters: Mapping[str, object] | None = None) -> None:
        with self._session.stream(query, parameters) as rows:
            self.connection.register("_brought", rows)
            self.connection.execute(f"insert into {into} by name select * from _brought")
            self.connection.unregister("_brought")
        self._session.rollback()

    def _bring_quarantine(self, load_ids: list[str]) -> None:
        for schema in ("raw", "base"):
            self.connection.execute(
                f"delete from {schema}.quarantine where list_contains($ids, load_id)", {"ids": load_ids}
            )
        query = "select * from raw.quarantine where load_id = any($ids::varchar[])"
        self._fetch(query, "base.quarantine", {"ids": load_ids})
        self.connection.execute(
            "insert into raw.quarantine by name select * from base.quarantine where list_contains($ids, load_id)",
            {"ids": load_ids},
        )

    def _bring_versions(self, table: str, of: str, beside: bool) -> None:
        """Bring the versions of the keys of a relation; of reads all in its range of time, for each meter."""
        self._drop_slice(table)
        keys, time, until = _slice_columns(table, self.connection, of)
        bounds = f", min({time}) as _from, max({until}) as _until" if time else ""
        named = [f"_{key}" for key in keys]
        self.connection.execute(
            f"create or replace temp table wanted as select {', '.join(f'{k} as _{k}' for k in keys)}{bounds} "
            f"from {of} where {keys[0]} is not null group by {', '.join(keys)}"
        )
        if time and not beside and not self._is_anything_there(table, time):
            return
        self._session.copy_in("wanted", self._reader("select * from wanted"), temporary=True)
        self._session.execute("analyze wanted")
        if time and beside:
            self._session.execute(_widened(table, time, keys))
        between = "true"
        if time:
            span = self._session.rows("select min(_from), max(_until) from wanted")[0]
            between = (
                f"rows.{time} between timestamp '{span[0]}' and timestamp '{span[1]}' "
                f"and rows.{time} between wanted._from and wanted._until"
            )
        same = " and ".join(f"rows.{key} = wanted.{name}" for key, name in zip(keys, named, strict=True))
        self._fetch(
            f"select rows.* from raw.{table} as rows inner join wanted on {same} where {between}", f"raw.{table}"
        )
        self._sliced.add(table)

    def _is_anything_there(self, table: str, time: str) -> bool:
        """Whether the table has any row in the range of time of ``wanted``; the usual load comes behind all others."""
        (span,) = self.connection.execute("select min(_from), max(_until) from wanted").fetchall()
        if span[0] is None:
            return False
        query = f"select exists (select 1 from raw.{table} where {time} between $first and $last)"
        found = bool(self._session.rows(query, {"first": span[0], "last": span[1]})[0][0])
        self._session.rollback()
        return found

    def _reader(self, query: str) -> object:
        return self.connection.sql(query).to_arrow_reader(BATCH_ROWS)

    def _drop_slice(self, table: str) -> None:
        """Take out what was brought; what this transaction has added stays."""
        if table in self._sliced:
            self.connection.execute(f"delete from raw.{table} where load_id in (select load_id from base.load_audit)")
            self._sliced.discard(table)

    def _push(self) -> dict[str, int]:
        """Write what this transaction changed; returns the rows added by table."""
        loads = self.connection.execute(
            "select load_id, table_name, accepted_rows from raw.load_audit "
            "where load_id not in (select load_id from base.load_audit) order by load_id"
        ).fetchall()
        for _, table, rows in loads:
            if rows and table in PARTITIONED:
                self._make_partitions(table)
        self._delete_refused()
        for book in BOOKS:
            self._push_book(book)
        grown: dict[str, int] = {}
        for load_id, table, rows in loads:
            grown[table] = grown.get(table, 0) + rows
            if rows:
                names = ", ".join(column.name for column in RAW_TABLES[table].all_columns)
                added = f"select {names} from raw.{table} where load_id = '{load_id}'"
                self._session.copy_in(f"raw.{table}", self._reader(added))
        self._session.commit()
        return grown

    def _make_partitions(self, table: str) -> None:
        """Partitions last by themselves: an empty one changes nothing."""
        time = PARTITIONED[table]
        months = self.connection.execute(
            f"select distinct date_trunc('month', {time})::date from raw.{table} "
            "where load_id not in (select load_id from base.load_audit) order by 1"
        ).fetchall()
        known = {
            name
            for (name,) in self._session.rows(
                "select relname from pg_class where relnamespace = to_regnamespace('raw') and relname like $name",
                {"name": f"{table}_%"},
            )
        }
        wanted: list[date] = [month for (month,) in months]
        self._months.setdefault(table, set()).update(wanted)
        for statement in partition_statements(table, wanted, known):
            self._session.execute(statement)
            self._parted[table] = True
        self._session.commit()

    def _delete_refused(self) -> None:
        refused = self.connection.execute(
            "select now.load_id, now.table_name from raw.load_audit as now "
            "inner join base.load_audit as before on now.load_id = before.load_id "
            "where now.state = 'refused' and before.state <> 'refused'"
        ).fetchall()
        for load_id, table in refused:
            self._session.execute(f"delete from raw.{table} where load_id = $id", {"id": load_id})

    def _push_book(self, book: str) -> None:
        """Bring one book up to date: lines of loads whose lines changed are written anew."""
        gone = f"select distinct load_id from (from base.{book} except all from raw.{book})"
        changed = [load_id for (load_id,) in self.connection.execute(gone).fetchall()]
        if changed:
            self._session.execute(f"delete from raw.{book} where load_id = any($ids::varchar[])", {"ids": changed})
        self.connection.execute(
            f"create or replace temp table _lines as from raw.{book} where list_contains($ids, load_id) "
            f"union all (select * from (from raw.{book} except all from base.{book}) "
            "where not list_contains($ids, load_id))",
            {"ids": changed},
        )
        if number(self.connection, "select count(*) from _lines"):
            self._session.copy_in(f"raw.{book}", self._reader("select * from _lines"))

    def _forget(self, grown: set[str]) -> None:
        """After a commit: the books are the new base; slices and what was added to them go."""
        for book in WHOLE_BOOKS:
            self.connection.execute(f"create or replace table base.{book} as from raw.{book}")
        for schema in ("raw", "base"):
            self.connection.execute(f"delete from {schema}.quarantine")
        for table in (grown | self._sliced) - self._whole:
            self.connection.execute(f"drop table raw.{table}")
        for statement in create_statements():
            self.connection.execute(statement)
        self._sliced.clear()


def _widened(table: str, time: str, keys: Sequence[str]) -> str:
    """SQL that widens each range of ``wanted`` to the nearest current row before and after it."""
    same = " and ".join(f"rows.{key} = wanted._{key}" for key in keys)
    same_key = " and ".join(f"later.{key} = rows.{key}" for key in [*keys, time])
    current = (
        f"not rows.is_deleted and not exists (select 1 from raw.{table} as later where {same_key} and later.is_deleted "
        "and (later.received_at_utc, later.version_no) > (rows.received_at_utc, rows.version_no))"
    )
    nearest = f"select rows.{time} from raw.{table} as rows where {same} and {current} and rows.{time}"
    return (
        f"update wanted set _from = coalesce(({nearest} < wanted._from order by rows.{time} desc limit 1), _from), "
        f"_until = coalesce(({nearest} > wanted._until order by rows.{time} limit 1), _until)"
    )


def _slice_columns(
    table: str, connection: duckdb.DuckDBPyConnection, of: str
) -> tuple[list[str], str | None, str | None]:
    """Key columns that name whose rows are wanted, and the SQL of the first and last time, if time is in the key."""
    raw_table = RAW_TABLES[table]
    if raw_table.event_time not in raw_table.key:
        return list(raw_table.key), None, None
    time = raw_table.event_time
    kinds = {column.name: column.type for column in raw_table.columns}
    keys = [key for key in raw_table.key if kinds[key] == "varchar"]
    columns = {name for name, *_ in connection.execute(f"describe {of}").fetchall()}
    has_length = table == "meter_reads" and "interval_minutes" in columns
    return keys, time, f"{time} + to_minutes(interval_minutes)" if has_length else time

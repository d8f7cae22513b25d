"""The raw tables in PostgreSQL: reads in a partition a month, and the indexes that loads look things up by."""

from collections.abc import Iterator, Sequence
from datetime import date

from meterwise.raw_tables import BOOKKEEPING_DDL, RAW_TABLES, RawTable

PARTITIONED = {"meter_reads": "interval_start_utc", "register_reads": "read_at_utc"}
"""Tables of reads, and the time by whose month they are parted."""

EXISTING = """
    select table_name || '.' || column_name as known from information_schema.columns where table_schema = 'raw'
"""
ADDED_LATER = {"load_audit": {"origin_version": "varchar"}}


def missing_statements(known: set[str]) -> Iterator[str]:
    """SQL that makes what is missing.

    Args:
        known: ``table.column`` of each column that is there. Statements that change nothing are left out, since they
            would wait for readers all the same.
    """
    tables = {name.partition(".")[0] for name in known}
    for statement in BOOKKEEPING_DDL.split(";"):
        table = statement.partition("raw.")[2].split(" ")[0].strip()
        if "create table" in statement and table not in tables:
            yield statement
            yield f"create index on raw.{table} (load_id)" if table != "load_audit" else _one_load_an_id()
    for table, columns in ADDED_LATER.items():
        for column, kind in columns.items():
            if f"{table}.{column}" not in known:
                yield f"alter table raw.{table} add column if not exists {column} {kind}"
    for raw_table in RAW_TABLES.values():
        if raw_table.name not in tables:
            yield from _table(raw_table)
        else:
            yield from _columns(raw_table, known)


def partition_statements(table: str, months: Sequence[date], known: set[str]) -> Iterator[str]:
    """SQL that makes the partitions of these months where they are missing.

    A table is made and then attached: making it in its place would lock out every reader of the whole table.
    """
    for month in months:
        name = partition_name(table, month)
        if name in known:
            continue
        after = date(month.year + month.month // 12, month.month % 12 + 1, 1)
        yield f"create table raw.{name} (like raw.{table} including defaults including constraints)"
        yield f"alter table raw.{table} attach partition raw.{name} for values from ('{month}') to ('{after}')"


def partition_name(table: str, month: date) -> str:
    """Name of the partition of a month."""
    return f"{table}_{month:%Y_%m}"


def _one_load_an_id() -> str:
    """Two loads of one id must fail, whatever became of the turns."""
    return "alter table raw.load_audit add primary key (load_id)"


def _table(table: RawTable) -> Iterator[str]:
    columns = ", ".join(f"{c.name} {c.type}{' not null' if c.required else ''}" for c in table.all_columns)
    parted = f" partition by range ({PARTITIONED[table.name]})" if table.name in PARTITIONED else ""
    yield f"create table if not exists raw.{table.name} ({columns}){parted}"
    if table.name in PARTITIONED:
        # Reads come in the order of time: block ranges are told apart by it, cost a load next to nothing and no room.
        yield (
            f"create index on raw.{table.name} using brin ({PARTITIONED[table.name]}, load_id) "
            "with (pages_per_range = 32, autosummarize = on)"
        )
    if table.name != "meter_reads":
        yield f"create index on raw.{table.name} ({', '.join(table.key)})"
        if table.name not in PARTITIONED:
            yield f"create index on raw.{table.name} (load_id)"


def _columns(table: RawTable, known: set[str]) -> Iterator[str]:
    """Columns that a newer version has brought."""
    for column in table.all_columns:
        if f"{table.name}.{column.name}" not in known:
            yield f"alter table raw.{table.name} add column if not exists {column.name} {column.type}"

"""What an installation holds, in a form in which a disturbed and an undisturbed one must be equal."""

from collections.abc import Sequence
from contextlib import closing
from datetime import date

import duckdb
import pyarrow as pa

from meterwise.database import connect
from meterwise.publish.reading import select_rows
from meterwise.publish.tables import PUBLISHED
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

Tables = dict[str, pa.Table]
COMPARED = ("raw", "features", "marts", "scores", "publish", "snapshots")
NAMES_A_RUN = {
    "load_id", "landed_at_utc", "model_version", "recorded_at_utc", "loaded_at_utc",
    "dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to",
}  # fmt: skip
"""Columns that say when or by which run something was made, not what."""
BOOKKEEPING = {"raw.load_audit", "raw.pull_cursors"}
COLUMNS = """
select table_schema || '.' || table_name as name, column_name
from information_schema.columns
order by table_schema, table_name, column_name
"""
ACCOUNT = """
select source, table_name, state, sum(accepted_rows) as accepted, sum(quarantined_rows) as quarantined
from raw.load_audit
group by source, table_name, state
having sum(accepted_rows) + sum(quarantined_rows) > 0
"""
"""A landing that is begun again may pull rows once more, which are then duplicates; those alone may differ."""
UNBALANCED = """
select load_id from raw.load_audit
where landed_rows <> accepted_rows + duplicate_rows + quarantined_rows or state not in ('accepted', 'refused')
"""
ASSIGNED = "select customer_id, as_of_date::text, segment_code from ops.segment_assignments"


def warehouse_tables(settings: Settings) -> Tables:
    """Rows of every table, and the account of what was loaded, which must balance."""
    warehouse = Warehouse(settings)
    columns: dict[str, list[str]] = {}
    for row in warehouse.arrow(COLUMNS).to_pylist():
        if row["name"].split(".")[0] in COMPARED and row["column_name"] not in NAMES_A_RUN:
            columns.setdefault(row["name"], []).append(row["column_name"])
    unbalanced = warehouse.arrow(UNBALANCED).to_pylist()
    assert not unbalanced, unbalanced
    found = {
        table: warehouse.arrow(f"select {', '.join(names)} from {table}")
        for table, names in columns.items()
        if table not in BOOKKEEPING
    }
    return found | {"the account of the loads": warehouse.arrow(ACCOUNT)}


def published_tables(settings: Settings, days: Sequence[date]) -> Tables:
    """Rows of every published table as of each day, what it shows now, and what is remembered of segments."""
    found = {}
    with closing(connect(settings)) as connection:
        for table in PUBLISHED:
            for day in (*days, None):
                rows = select_rows(connection, table.name, day)
                kept = [number for number, name in enumerate(rows.columns) if name not in NAMES_A_RUN]
                found_rows = rows.rows(connection)  # none where there is nothing to tell, as on a day without alerts
                values = list(zip(*found_rows, strict=True)) if found_rows else [()] * len(rows.columns)
                columns = {rows.columns[number]: [str(value) for value in values[number]] for number in kept}
                found[f"published.{table.name} as of {day or 'now'}"] = pa.table(columns)
        assigned = list(zip(*connection.execute(ASSIGNED).fetchall(), strict=True))
    return found | {"ops.segment_assignments": pa.table(list(assigned), names=["customer", "day", "segment"])}


def differences(one: Tables, other: Tables) -> list[str]:
    """Say in words where two installations differ, row by row."""
    words = [f"{name}: only on one side" for name in one.keys() ^ other.keys()]
    for name in sorted(one.keys() & other.keys()):
        lost, added = _only_in(other[name], one[name]), _only_in(one[name], other[name])
        if lost or added:
            words.append(
                f"{name}: {one[name].num_rows} rows against {other[name].num_rows}; lost {lost}, added {added}"
            )
    return words


def assert_equal(one: Tables, other: Tables) -> None:
    """Fail with the rows that differ."""
    found = differences(one, other)
    assert not found, "\n".join(found)


def _only_in(one: pa.Table, other: pa.Table) -> list[tuple[str, ...]]:
    """A few rows that the first table has more often than the second, as text."""
    texts = ", ".join(f'"{name}"::varchar' for name in one.column_names)
    with duckdb.connect() as connection:
        connection.register("here", one)
        connection.register("there", other)
        return connection.sql(
            f"select {texts} from here except all select {texts} from there order by all limit 3"
        ).fetchall()

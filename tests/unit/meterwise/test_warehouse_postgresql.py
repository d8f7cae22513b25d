"""The face of the warehouse on PostgreSQL: the types, snapshots and messages that DuckDB's users know."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url, text

from meterwise.settings import Settings
from meterwise.warehouse import (
    Warehouse,
    WarehouseNotConfiguredError,
    WarehouseRefusedError,
    WarehouseUnavailableError,
)

DAY = date(2026, 7, 15)
VALUES = (
    "select 'a' as text, 1.5::numeric(18,6) as amount, sum(0.25::numeric(18,6)) as total, sum(3::bigint) as whole, "
    "avg(1.0::numeric) * 1.0 as quotient, timestamp '2026-07-15 00:30' as at_utc, date '2026-07-15' as day, "
    "true as yes, 3 as three, 0.1::double precision as tenth"
)


@pytest.fixture
def postgresql(database: Settings) -> Warehouse:
    """An empty warehouse in PostgreSQL."""
    return Warehouse(database.model_copy(update={"warehouse": "postgresql", "warehouse_url": database.database_url}))


def test_values_come_in_the_types_of_duckdb(postgresql: Warehouse, tmp_path: Path) -> None:
    table = postgresql.arrow(VALUES)
    postgresql.export_parquet(VALUES, str(tmp_path / "values.parquet"))

    assert table.to_pylist() == [
        {
            "text": "a",
            "amount": Decimal("1.500000"),
            "total": Decimal("0.250000"),
            "whole": Decimal(3),
            "quotient": 1.0,
            "at_utc": datetime(2026, 7, 15, 0, 30),
            "day": DAY,
            "yes": True,
            "three": 3,
            "tenth": 0.1,
        }
    ]
    assert table.schema.field("amount").type == pa.decimal128(18, 6)
    assert table.schema.field("total").type == pa.decimal128(38, 6)
    assert pq.read_table(tmp_path / "values.parquet").equals(table)


def test_parameters_are_values_never_sql(postgresql: Warehouse) -> None:
    tricky = "'; drop table x; -- $day %s"
    found = postgresql.arrow(
        "select $text::varchar as text, $day::date as day, 'b' = any($ids) as is_in, $none::varchar as none, "
        "'%' as mark",
        {"text": tricky, "day": DAY, "ids": ["a", "b"], "none": None},
    )
    assert found.to_pylist() == [{"text": tricky, "day": DAY, "is_in": True, "none": None, "mark": "%"}]


def test_a_partition_is_replaced_in_the_types_of_the_table(postgresql: Warehouse) -> None:
    postgresql.create_score_tables()
    skips = pa.table({"as_of_date": [DAY, DAY], "model": ["churn", "demand"], "reason": ["no CRM", None]})
    for rows in (skips, skips, skips.slice(0, 1)):
        postgresql.replace_partition("scores.model_skips", rows, {"as_of_date": DAY})
    assert postgresql.arrow("select model, reason from scores.model_skips").to_pylist() == [
        {"model": "churn", "reason": "no CRM"}
    ]

    hours = pa.table({"as_of_date": pa.array([DAY], pa.date32()), "horizon_hours": pa.array([1], pa.int64())})
    postgresql.replace_partition("scores.demand_forecasts", hours, {"as_of_date": DAY})
    postgresql.replace_partition(
        "reference.made_up", pa.table({"day": [DAY], "price": [Decimal("1.25")]}), {"day": DAY}
    )
    assert postgresql.arrow("select price from reference.made_up").to_pylist() == [{"price": Decimal("1.25")}]


def test_what_is_read_is_of_one_state_and_leaves_no_connection(postgresql: Warehouse) -> None:
    postgresql.execute("create schema publish; create table publish.t as select 1 as n, 2.5::numeric(9,3) as price")

    with postgresql.reading(["publish.t", "publish.missing"]) as connection:
        postgresql.execute("update publish.t set n = 2")
        assert connection.sql("select n, price, typeof(price) from publish.t").fetchall() == [
            (1, Decimal("2.500"), "DECIMAL(9,3)")
        ]
        tables = "select table_name from information_schema.tables where table_schema = 'publish'"
        assert connection.sql(tables).fetchall() == [("t",)]
    with postgresql.reading({"picked": "select n from publish.t where n = 2"}) as connection:
        assert connection.sql("select * from picked").fetchall() == [(2,)]


def test_sqlalchemy_reads_it_too(postgresql: Warehouse) -> None:
    with create_engine(postgresql.sqlalchemy_url()).connect() as connection:
        assert connection.execute(text("select 1")).scalar_one() == 1


def test_without_a_database_the_message_says_what_to_set(settings: Settings) -> None:
    with pytest.raises(WarehouseNotConfiguredError, match="METERWISE_WAREHOUSE_URL is not set"):
        Warehouse(settings.model_copy(update={"warehouse": "postgresql"})).arrow("select 1")


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"password": "Planted-Wrong-Word"}, WarehouseRefusedError, "refuses the password of user meterwise"),
        ({"database": "nowhere"}, WarehouseRefusedError, "has no database nowhere"),
        ({"port": 9}, WarehouseUnavailableError, "does not answer"),
    ],
)
def test_a_database_that_does_not_let_us_in_is_told_with_the_cure(
    postgresql: Warehouse, change: dict[str, object], error: type[Exception], words: str
) -> None:
    own = postgresql.settings.warehouse_url
    assert own is not None
    url = make_url(own.get_secret_value()).set(**change)  # type: ignore[arg-type]
    changed = {"warehouse_url": SecretStr(url.render_as_string(hide_password=False))}
    other = Warehouse(postgresql.settings.model_copy(update=changed))
    for use in (lambda: other.arrow("select 1"), lambda: other.execute("select 1"), lambda: other.create_raw_tables()):
        with pytest.raises(error, match=words) as told:
            use()
        assert "Planted-Wrong-Word" not in str(told.value)


def test_a_refused_statement_is_told_without_its_values(postgresql: Warehouse) -> None:
    with pytest.raises(WarehouseRefusedError, match="does not exist") as told:
        postgresql.arrow("select $name::varchar as name from nothing_here", {"name": "Zyx-Planted-Name"})
    assert "Zyx-Planted-Name" not in str(told.value)

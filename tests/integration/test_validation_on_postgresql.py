"""A hand-over inside PostgreSQL: the same verdict as in DuckDB, no row leaves, and the password stays in memory."""

from itertools import count
from urllib.parse import quote

import great_expectations.expectations as gxe
import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, event, make_url

from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings
from meterwise.validation import DataQualityError, HandOver, validate
from meterwise.warehouse import Warehouse, WarehouseUnavailableError

DAY = "2026-07-15"
PASSWORD = "planted-$word/ürger"
NUMBERS = count()
ROWS = f"""
create schema publish;
create table publish.t as
select i as v, i::numeric(18, 6) as kwh, 'Zyx-Planted-Name' as person, null::date as ends_on, date '{DAY}' as as_of_date
from generate_series(0, 99) as i
"""


@pytest.fixture
def on_postgresql(settings: Settings, postgres_server: EmbeddedPostgres) -> Settings:
    """Settings whose warehouse is a PostgreSQL database, opened with a password of its own."""
    number = next(NUMBERS)
    url = make_url(postgres_server.create_database(f"validation_{number}"))
    with psycopg.connect(postgres_server.url(driver=""), autocommit=True) as connection:
        connection.execute(f"create role careful_{number} login superuser password '{PASSWORD}'")
    url = url.set(username=f"careful_{number}", password=PASSWORD)
    address = SecretStr(url.render_as_string(hide_password=False))
    settings = settings.model_copy(update={"warehouse": "postgresql", "warehouse_url": address})
    Warehouse(settings).execute(ROWS)
    return settings


@pytest.fixture
def fetched(on_postgresql: Settings) -> list[int]:
    """How many rows each statement brought."""
    counts: list[int] = []

    def _count(conn: object, cursor: object, *_: object) -> None:
        counts.append(cursor.rowcount)  # type: ignore[attr-defined]

    event.listen(Engine, "after_cursor_execute", _count)
    yield counts
    event.remove(Engine, "after_cursor_execute", _count)


def test_verdicts_are_those_of_duckdb_and_no_row_is_fetched(on_postgresql: Settings, fetched: list[int]) -> None:
    rules = [
        gxe.ExpectTableRowCountToBeBetween(min_value=100),
        gxe.ExpectColumnValuesToBeBetween(column="v", min_value=0, max_value=99),
        gxe.ExpectColumnMeanToBeBetween(column="kwh", min_value=49, max_value=50),
        gxe.ExpectColumnValuesToBeInSet(column="person", value_set=["a"], severity="warning"),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="ends_on", column_B="as_of_date", or_equal=True, ignore_row_if="either_value_is_missing"
        ),
    ]

    verdict = validate(
        HandOver("publish.t", rules, where="as_of_date = date '{as_of_date}'"), DAY, settings=on_postgresql
    )

    assert (verdict.rows, verdict.checked) == (100, 5)
    assert [(b.severity, "100 of 100 rows" in b.description) for b in verdict.breaches] == [("warning", True)]
    assert (on_postgresql.data_docs_path / "index.html").exists()
    assert max(fetched) == 1


def test_a_breach_stops_the_chain(on_postgresql: Settings) -> None:
    rule = gxe.ExpectColumnValuesToBeBetween(column="v", min_value=10)

    with pytest.raises(DataQualityError, match="10 of 100 rows"):
        validate(HandOver("publish.t", [rule]), DAY, settings=on_postgresql)


def test_a_rule_that_cannot_be_computed_stops_the_chain(on_postgresql: Settings) -> None:
    rule = gxe.ExpectColumnValuesToBeBetween(column="no_such_column", min_value=10, severity="warning")

    with pytest.raises(DataQualityError, match="could not be computed"):
        validate(HandOver("publish.t", [rule]), DAY, settings=on_postgresql)


def test_a_database_that_goes_away_decides_nothing(on_postgresql: Settings, postgres_server: EmbeddedPostgres) -> None:
    rule = gxe.ExpectColumnValuesToBeBetween(column="v", min_value=0)
    database = make_url(on_postgresql.warehouse_url.get_secret_value()).database

    def _end_session(conn: object, cursor: object, statement: str, *_: object) -> None:
        if "count(*)" in statement:
            with psycopg.connect(postgres_server.url(driver=""), autocommit=True) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [database]
                )

    event.listen(Engine, "before_cursor_execute", _end_session)
    try:
        with pytest.raises(WarehouseUnavailableError, match="nothing was decided"):
            validate(HandOver("publish.t", [rule]), DAY, settings=on_postgresql)
    finally:
        event.remove(Engine, "before_cursor_execute", _end_session)


def test_neither_password_nor_values_are_in_the_project_the_docs_or_the_words(
    on_postgresql: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    rule = gxe.ExpectColumnValuesToBeInSet(column="person", value_set=["a"])

    with pytest.raises(DataQualityError) as refusal:
        validate(HandOver("publish.t", [rule]), DAY, settings=on_postgresql)

    written = [p.read_text(errors="ignore") for p in on_postgresql.home_path.rglob("*") if p.is_file()]
    assert len(written) > 10
    told = [*written, str(refusal.value), caplog.text]
    for planted in (PASSWORD, quote(PASSWORD, safe=""), "Zyx-Planted-Name"):
        assert not any(planted in text for text in told), planted

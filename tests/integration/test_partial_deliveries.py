"""A part of what is published is delivered by itself; the rest stays, and what is withheld says why."""

from collections.abc import Callable

import pytest

from meterwise.database import connect
from meterwise.outcomes import NothingToDoError
from meterwise.publish import deliver
from meterwise.publish.tables import PUBLISHED, PublishedTable
from meterwise.settings import Settings
from meterwise.warehouse.duckdb import opened

DAY_1, DAY_2, DAY_3 = "2026-07-15", "2026-07-16", "2026-07-17"
PART = ("churn_scores",)
Build = Callable[[str, int], None]


@pytest.fixture
def build(database: Settings) -> Build:
    """Return what builds every table of the publish layer for a day; all rows say in which state of the utility."""

    def _build(day: str, mark: int) -> None:
        with opened(database) as connection:
            connection.execute("create schema if not exists publish")
            for table in PUBLISHED:
                rows = f"select date '{day}' as as_of_date, {_columns(table, day)}, {mark} as mark"
                connection.execute(f"create table if not exists publish.{table.name} as {rows} limit 0")
                connection.execute(
                    f"delete from publish.{table.name} where as_of_date = '{day}' or not {_dated(table)}"
                )
                connection.execute(f"insert into publish.{table.name} {rows}")

    return _build


def _columns(table: PublishedTable, day: str) -> str:
    names = dict.fromkeys((*table.key, *table.lookup, *_extra(table)))
    return ", ".join(f"{_value(name, day)} as {name}" for name in names if name != "as_of_date")


def _extra(table: PublishedTable) -> tuple[str, ...]:
    return ("segment_code",) if table.name == "customer_segments" else ()


def _value(name: str, day: str) -> str:
    return f"timestamp '{day}'" if name.endswith(("_utc", "_date", "_on")) else "'1'"


def _dated(table: PublishedTable) -> str:
    return str(table.is_dated).lower()


def _ask(settings: Settings, query: str) -> list[tuple]:
    with connect(settings) as connection:
        return connection.execute(query).fetchall()


def _marks(settings: Settings) -> dict[str, int]:
    """Return the state that readers see of each table."""
    return {table.name: _ask(settings, f"select mark from published.{table.name}")[0][0] for table in PUBLISHED}


def _all(mark: int, **others: int) -> dict[str, int]:
    return {table.name: mark for table in PUBLISHED} | others


def test_a_part_moves_and_the_rest_stays(build: Build, database: Settings) -> None:
    build(DAY_1, 1)
    deliver(DAY_1, "daily", database)
    build(DAY_2, 2)
    assert deliver(DAY_2, "monitor", database, only=PART) == 2
    assert _marks(database) == _all(1, churn_scores=2)
    current = "select table_name, as_of_date::text, rows, is_unchanged from published.publications where is_current"
    shown = {name: rest for name, *rest in _ask(database, current)}
    assert shown.pop("churn_scores") == [DAY_2, 1, False]
    assert all(rest == [DAY_1, 1, True] for rest in shown.values())
    assert len(shown) == len(PUBLISHED) - 1


def test_a_whole_delivery_of_the_day_before_becomes_current_and_turns_no_part_back(
    build: Build, database: Settings
) -> None:
    build(DAY_2, 1)
    deliver(DAY_2, "daily", database)
    build(DAY_3, 2)
    deliver(DAY_3, "monitor", database, only=PART)
    build(DAY_2, 3)
    deliver(DAY_2, "daily again", database)
    assert _marks(database) == _all(3, churn_scores=2)
    build(DAY_1, 4)
    deliver(DAY_1, "backfill", database)
    deliver(DAY_1, "an old part", database, only=PART)
    assert _marks(database) == _all(3, churn_scores=2)
    build(DAY_3, 5)
    deliver(DAY_3, "the next day", database)
    assert _marks(database) == _all(5)


def test_parts_are_kept_while_they_are_current(build: Build, database: Settings) -> None:
    build(DAY_1, 1)
    deliver(DAY_1, "daily", database)
    for mark in range(2, 6):
        build(DAY_1, mark)
        deliver(DAY_1, "monitor", database, only=PART)
    assert _ask(database, "select distinct version from published_data.version_chunks order by 1") == [(1,), (5,)]
    assert _ask(database, "select mark from published_data.churn_scores order by 1") == [(1,), (5,)]
    history = "select version from published.publications where table_name = 'churn_scores' order by version"
    assert _ask(database, history) == [(1,), (2,), (3,), (4,), (5,)]
    superseded = "select count(*) from published.publications where version in (2, 3, 4)"
    assert _ask(database, superseded) == [(3,)]


def test_a_part_needs_something_whole_to_stand_in(build: Build, database: Settings) -> None:
    build(DAY_1, 1)
    with pytest.raises(NothingToDoError, match="publish_segments comes first"):
        deliver(DAY_1, "monitor", database, only=PART)
    with pytest.raises(ValueError, match="No published table is called chrun_scores"):
        deliver(DAY_1, "monitor", database, only=("chrun_scores",))


def test_what_is_withheld_keeps_its_publication_and_says_why(build: Build, database: Settings) -> None:
    build(DAY_1, 1)
    deliver(DAY_1, "daily", database, withheld={"churn_scores": "a flood of alerts"})
    assert _ask(database, "select count(*) from published.churn_scores") == [(0,)]
    deliver(DAY_1, "daily", database)
    build(DAY_2, 2)
    deliver(DAY_2, "daily", database, withheld={"churn_scores": "a flood of alerts"})
    assert _marks(database) == _all(2, churn_scores=1)
    deliver(DAY_2, "monitor", database, only=PART, withheld={"churn_scores": "still a flood"})
    assert _marks(database) == _all(2, churn_scores=1)
    told = "select version, as_of_date::text, note from published.publications where note is not null order by version"
    assert _ask(database, told) == [
        (1, DAY_1, "a flood of alerts"),
        (3, DAY_1, "a flood of alerts"),
        (4, DAY_1, "still a flood"),
    ]


def test_books_of_an_older_version_are_brought_to_this_one(build: Build, database: Settings) -> None:
    build(DAY_1, 1)
    deliver(DAY_1, "daily", database)
    with connect(database) as connection:
        connection.execute("drop view published.publications")
        connection.execute("alter table published_data.publications drop column note")
        connection.execute("alter table published_data.deliveries drop column base_version")
        connection.execute(
            "create view published.publications as select version, table_name, publications.as_of_date, rows, "
            "checksum, is_unchanged, model_versions, run_id, delivered_at, true as is_current "
            "from published_data.publications join published_data.deliveries using (version)"
        )
    build(DAY_2, 2)
    deliver(DAY_2, "monitor", database, only=PART)
    assert _marks(database) == _all(1, churn_scores=2)

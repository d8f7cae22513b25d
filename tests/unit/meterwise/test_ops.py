"""The schema ops remembers across runs, is only appended to, and refuses what it does not understand."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from meterwise import ops
from meterwise.database import DatabaseNotConfiguredError, engine
from meterwise.settings import Settings


def test_the_last_promotion_of_a_model_holds(database: Settings) -> None:
    assert ops.current_promotion("churn", database) is None
    ops.record_promotion("churn", "1", "run-1", "2026-07-15", "first version", settings=database)
    ops.record_promotion("demand", "7", "run-7", "2026-07-15", "first version", settings=database)
    ops.record_promotion("churn", "2", "run-2", "2026-07-16", "someone moved the alias", "manual", settings=database)
    current = ops.current_promotion("churn", database)
    assert current is not None
    assert (current.version, current.promoted_by) == ("2", "manual")
    with engine(database).connect() as connection:
        periods = connection.execute(
            text("select version, champion_to is null from ops.champions where model = 'churn' order by champion_from")
        ).all()
    assert periods == [("1", False), ("2", True)]


def test_the_last_state_of_a_landing_holds(database: Settings) -> None:
    ops.record_landing("crm", "2026-07-15", "landing", settings=database)
    ops.record_landing("crm", "2026-07-15", "failed", "the CRM database is down", settings=database)
    ops.record_landing("weather", "2026-07-15", "landed", settings=database)
    ops.record_landing("weather", "2026-07-16", "landing", settings=database)
    found = ops.landings("2026-07-15", database)
    assert {domain: row["state"] for domain, row in found.items()} == {"crm": "failed", "weather": "landed"}
    assert found["crm"]["message"] == "the CRM database is down"


def test_a_build_records_what_was_stale(database: Settings) -> None:
    assert ops.newest_day_built("tag:daily", database) is None
    ops.record_build("tag:daily", ["2026-07-14", "2026-07-15"], stale_domains={"weather": "late"}, settings=database)
    ops.record_build("tag:daily", ["2026-07-16"], state="failed", settings=database)
    build = ops.last_build_of("tag:daily", "2026-07-15", database)
    assert build is not None
    assert build["stale_domains"] == {"weather": "late"}
    assert [str(day) for day in build["as_of_dates"]] == ["2026-07-14", "2026-07-15"]


def test_a_rebuild_of_an_older_day_does_not_take_training_back(database: Settings) -> None:
    ops.record_build("warehouse", ["2026-07-15"], settings=database)
    ops.record_build("warehouse", ["2026-01-01"], settings=database)
    ops.record_build("warehouse", ["2026-07-16"], state="failed", settings=database)
    assert ops.newest_day_built("warehouse", database) == date(2026, 7, 15)


def test_many_tasks_may_migrate_at_once(database: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ops.migrate(database), range(8)))
    with engine(database).connect() as connection:
        assert connection.execute(select(ops.SCHEMA_VERSIONS.c.version)).scalars().all() == [ops.SCHEMA_VERSION]


@pytest.mark.parametrize("change", ["update ops.promotions set version = '9'", "delete from ops.promotions"])
def test_what_is_recorded_cannot_be_changed(database: Settings, change: str) -> None:
    ops.record_promotion("churn", "1", "run-1", "2026-07-15", "first version", settings=database)
    with engine(database).begin() as connection, pytest.raises(DBAPIError, match="promotions is append-only"):
        connection.execute(text(change))


def test_a_newer_schema_is_refused(database: Settings) -> None:
    ops.migrate(database)
    with engine(database).begin() as connection:
        connection.execute(insert(ops.SCHEMA_VERSIONS).values(version=ops.SCHEMA_VERSION + 1))
    with pytest.raises(ops.OpsSchemaError, match="Install the newer Meterwise again"):
        ops.record_landing("crm", "2026-07-15", "landed", settings=database)


def test_a_database_that_is_not_there_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(DatabaseNotConfiguredError, match="meterwise up"):
        ops.migrate(settings)

"""A database that an earlier version made is brought up to this one, with every row that it holds."""

from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from meterwise import ops
from meterwise.commands.database import app
from meterwise.database import connect
from meterwise.settings import Settings

OLD = Path(__file__).with_name("old_schemas")
ROWS = """
insert into ops.promotions (model, version, as_of_date, reason, promoted_by, run_id)
values ('churn', '1', '2026-07-15', 'first', 'automatic', 'run-1'),
    ('churn', '2', '2026-07-22', 'b', 'manual', 'run-2');
insert into ops.landings (domain, as_of_date, state, message) values ('crm', '2026-07-15', 'landed', '5 rows');
insert into ops.builds (selection, as_of_dates, state, stale_domains, accepted_loads, seconds)
values ('marts', array[date '2026-07-15'], 'built', '{"crm": "late"}', 7, 12.5);
"""
KEPT = ("promotions", "landings", "builds")
FIRST = len(list(OLD.glob("ops_version_*.sql")))


@pytest.fixture(params=range(1, FIRST + 1), ids="version {}".format)
def old(request: pytest.FixtureRequest, database: Settings) -> Settings:
    """A database as an earlier version left it."""
    with connect(database) as connection:
        connection.execute((OLD / f"ops_version_{request.param}.sql").read_text().encode())
        connection.execute(ROWS)
    return database


def rows(connection: psycopg.Connection, table: str) -> list[dict]:
    found = connection.execute(f"select to_jsonb(t) - 'begun_at' from ops.{table} as t order by 1").fetchall()
    return [row for (row,) in found]


def test_every_row_is_kept_and_what_is_new_works(old: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect(old) as connection:
        before = {table: rows(connection, table) for table in KEPT}
    monkeypatch.setattr("meterwise.commands.database.get_settings", lambda: old)

    told = CliRunner().invoke(app, ["migrate"])

    assert told.exit_code == 0, told.output
    assert f"to {ops.SCHEMA_VERSION}" in told.output
    with connect(old) as connection:
        assert {table: rows(connection, table) for table in KEPT} == before
        assert all(before.values())
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            connection.execute("delete from ops.builds")
    ops.record_build("marts", ["2026-07-16"], "begun", settings=old)
    ops.record_promotion("churn", "3", "run-3", "2026-07-29", "better", settings=old)
    current = ops.current_promotion("churn", old)
    assert current is not None
    assert (current.version, current.promotion_id) == ("3", 3)
    assert "already" in CliRunner().invoke(app, ["migrate"]).output


def test_the_newest_version_is_reached_from_every_one_before() -> None:
    assert FIRST >= 3
    assert [path.name for path in sorted(OLD.iterdir())] == [f"ops_version_{n}.sql" for n in range(1, FIRST + 1)]
    assert ops.SCHEMA_VERSION > FIRST, "write down the schema of a version when its number rises"

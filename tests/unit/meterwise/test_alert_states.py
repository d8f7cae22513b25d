"""What people say of alerts is remembered and reaches the warehouse without their names."""

import pytest
from typer.testing import CliRunner

from meterwise import alert_states, transform
from meterwise.cli import app
from meterwise.database import connect
from meterwise.settings import Settings
from meterwise.utility import Utility
from meterwise.warehouse import Warehouse


def test_without_a_database_nothing_became_of_any_alert(settings: Settings) -> None:
    found = alert_states.events(settings)

    assert found.num_rows == 0
    assert found.schema == alert_states.EVENTS_SCHEMA


def test_a_table_without_partitions_is_replaced_as_a_whole(settings: Settings) -> None:
    warehouse, none = Warehouse(settings), alert_states.events(settings)
    row = dict.fromkeys(none.column_names) | {"event_id": 1}
    one = none.from_pylist([row], none.schema)

    for rows in (one, one, none):
        warehouse.replace_partition("reference.meter_alert_events", rows, {})
        assert warehouse.arrow("select * from reference.meter_alert_events").num_rows == rows.num_rows


@pytest.fixture
def published(database: Settings) -> Settings:
    """Two alerts, as far as states need them."""
    with connect(database) as connection:
        connection.execute(
            """
            create schema published;
            create table published.meter_alerts as
            select alert_id, 'M' || alert_id as meter_id, 'tamper_suspected' as alert_type,
                date '2026-07-01' as first_date, 0.9 as confidence, kwh as energy_at_stake_kwh,
                'open' as state, null::text as finding
            from (values ('a1', 10.5), ('a2', 99)) as alerts (alert_id, kwh)
            """
        )
    return database


def test_a_crews_finding_closes_an_alert_and_reaches_the_warehouse(published: Settings) -> None:
    alert_states.record_event("a1", "acknowledged", "Dispatcher", settings=published)
    alert_states.record_event("a1", "closed", "Crew 7", "tamper", "seal broken, Mrs Xq was there", published)

    assert [(a["alert_id"], a["state"], a["finding"]) for a in alert_states.alerts(settings=published)] == [
        ("a2", "open", None),
        ("a1", "closed", "tamper"),
    ]
    transform.prepare(["2026-07-15"], published)
    found = Warehouse(published).arrow("select * from reference.meter_alert_events order by event_id")
    assert found.select(["alert_id", "meter_id", "state", "finding"]).to_pylist() == [
        {"alert_id": "a1", "meter_id": "Ma1", "state": "acknowledged", "finding": None},
        {"alert_id": "a1", "meter_id": "Ma1", "state": "closed", "finding": "tamper"},
    ]
    assert "Xq" not in str(found.to_pylist())


def test_an_alert_that_is_looked_at_again_has_no_finding(published: Settings) -> None:
    alert_states.record_event("a1", "closed", "Crew 7", "nothing_found", settings=published)
    alert_states.record_event("a1", "open", "Dispatcher", settings=published)

    assert (found := alert_states.find_alert("a1", published))["state"] == "open"
    assert found["finding"] is None
    assert len(alert_states.events_of("a1", published)) == 2


def test_what_cannot_be_said_of_an_alert_is_refused_in_words(database: Settings, published: Settings) -> None:
    for alert_id, finding, author, told in (
        ("a9", "fault", "Crew 7", "No alert a9 is published"),
        ("a1", None, "Crew 7", "--finding is one of: dead_meter, tamper"),
        ("a1", "gremlins", "Crew 7", "--finding is one of"),
        ("a1", "fault", " ", "--author"),
    ):
        with pytest.raises(alert_states.AlertError, match=told):
            alert_states.record_event(alert_id, "closed", author, finding, settings=published)


def test_before_the_first_publication_there_is_no_alert(database: Settings) -> None:
    with pytest.raises(alert_states.AlertError, match="No alerts have been published so far"):
        alert_states.alerts(settings=database)


def test_commands_print_what_is_so(published: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meterwise.database.get_settings", lambda: published)
    monkeypatch.setattr("meterwise.planning.utility", lambda settings: Utility())

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["alerts", *arguments], env={"COLUMNS": "200"})
        return f"{done.exit_code} {done.output}{done.stderr}"

    assert "0 Alert a1 is acknowledged" in run("acknowledge", "a1", "--author", "Dispatcher")
    assert "0 Alert a2 is closed, nothing_found: all is well" in run(
        "close", "a2", "--finding", "nothing_found", "--author", "Crew 7", "--note", "rang twice"
    )
    listed = run("list", "--state", "closed")
    assert "nothing_found" in listed
    assert "a1" not in listed
    shown = run("show", "a2")
    assert "rang twice" in shown
    assert "energy at stake kwh: 99" in shown
    assert "1 No alert a9 is published" in run("show", "a9")
    assert "No such alert" in run("list", "--type", "outage")

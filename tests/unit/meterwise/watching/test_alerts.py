"""An alert says stage, day, reason and cure, carries no secret, and is not sent twice within hours."""

import pytest
from pydantic import SecretStr

from meterwise import ops
from meterwise.settings import Settings
from meterwise.watching import alerts

REASON = "12 of 48 rows are negative. What to do: correct the file."


def test_it_says_stage_day_reason_and_cure() -> None:
    alert = alerts.Alert("ingest_meter_reads.check", "2026-07-15", REASON, "http://127.0.0.1:8080/log")

    assert alert.subject == "Meterwise: ingest_meter_reads.check for 2026-07-15 needs you"
    assert alert.lines() == [
        "Stage: ingest_meter_reads.check",
        "Day: 2026-07-15",
        f"Why: {REASON}",
        "More: http://127.0.0.1:8080/log",
    ]
    assert "&lt;b&gt;" in alerts.Alert("x", "", "<b>").html


def test_secrets_of_the_settings_are_struck_out() -> None:
    settings = Settings(
        database_url=SecretStr("postgresql://meterwise:hush%21hush@db/meterwise"),
        secrets={"crm_url": SecretStr("sqlite:///crm?key=quiet-quiet")},
    )
    told = (
        "cannot reach postgresql://meterwise:hush%21hush@db/meterwise nor sqlite:///crm?key=quiet-quiet (hush%21hush)"
    )

    alert = alerts.of_failure("ingest_crm.land", "2026-07-15", told, settings=settings)

    assert "hush" not in alert.told
    assert "quiet" not in alert.told
    assert alert.told == "cannot reach *** nor *** (***)"


def test_the_same_is_sent_once(database: Settings) -> None:
    alert = alerts.Alert("score_demand.score", "2026-07-15", REASON)
    assert not alerts.was_sent_lately(alert, database)

    alerts.record(alert, [], database)
    assert not alerts.was_sent_lately(alert, database), "nobody was told"
    alerts.record(alert, ["email"], database)

    assert alerts.was_sent_lately(alert, database)
    assert not alerts.was_sent_lately(alerts.Alert("score_demand.score", "2026-07-16", REASON), database)
    assert [
        row["sent_to"] for row in ops.select_rows("select sent_to from ops.alerts order by alert_id", database)
    ] == [
        "",
        "email",
    ]


def test_without_a_database_it_is_sent_all_the_same(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    alert = alerts.Alert("publish_segments.deliver", "2026-07-15", REASON)

    assert not alerts.was_sent_lately(alert, settings)
    alerts.record(alert, ["webhook"], settings)

    assert "not kept in ops.alerts" in caplog.text


def test_nothing_stale_is_no_alert() -> None:
    assert alerts.stale([], "2026-07-15") is None
    alert = alerts.stale(["published.churn_scores: Newest day is 2026-07-13."], "2026-07-15")
    assert alert is not None
    assert "published.churn_scores" in alert.told
    assert "What to do" in alert.told

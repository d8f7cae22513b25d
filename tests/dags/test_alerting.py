"""A failed task, or data that are stale, are told through Airflow's own notifiers, to servers that are really there."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from listeners import http_sink, mail_sink
from pydantic import SecretStr

from meterwise import ops
from meterwise.settings import Settings, as_environment
from meterwise.stack.airflow_server import openlineage
from meterwise.warehouse import Warehouse

DAGS = Path(__file__).parents[2] / "dags"


def run(script: str, settings: Settings) -> subprocess.CompletedProcess[str]:
    """Run a script beside this file as a task of Airflow would run, with these settings."""
    environment = {**os.environ, **as_environment(settings), "AIRFLOW_HOME": str(settings.home_path / "airflow")}
    environment |= openlineage(settings)
    environment |= {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{settings.home_path}/airflow.db"}
    command = [sys.executable, str(Path(__file__).with_name(script)), str(DAGS)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


def alerts(settings: Settings) -> list[dict[str, Any]]:
    return ops.select_rows("select stage, as_of_date, sent_to, reason from ops.alerts order by alert_id", settings)


def test_mail_says_stage_day_reason_and_cure_once_and_a_dead_webhook_is_said(database: Settings) -> None:
    with mail_sink() as (smtp, mails):
        settings = database.model_copy(
            update={
                "alert_email": "on-call@utility.example",
                "alert_smtp_url": SecretStr(smtp),
                "alert_webhook": SecretStr("http://127.0.0.1:9/hooks/token-t0ps3cret"),
                "last_date": date(2026, 7, 15),
                "openlineage_url": "http://127.0.0.1:9",
            }
        )
        done = run("fail.py", settings)

    (mail,) = mails
    assert mail["to"] == "on-call@utility.example"
    assert mail["subject"] == "Meterwise: ingest_meter_reads.check for 2026-07-15 needs you"
    text = mail.get_body(("html", "plain")).get_content()  # type: ignore[union-attr]
    assert "Why: 12 of 48 rows &lt; 0. What to do: correct the file {{ var.value.secret }}." in text
    told = done.stdout + done.stderr
    assert "The alert could not be sent by webhook" in told
    assert "t0ps3cret" not in told
    assert told.count("Lineage was not told") == 3
    assert "Lineage was told" not in told, "below the reason"
    assert [alert["sent_to"] for alert in alerts(settings)] == ["email", ""], "the second was told before"


def test_the_dag_that_watches_tells_once_of_a_table_that_was_left_behind(database: Settings) -> None:
    Warehouse(database).execute("create schema marts")
    Warehouse(database).execute("create table marts.left_behind as select date '2026-07-01' as as_of_date")
    with http_sink() as (address, told):
        webhook = SecretStr(f"{address}/alerts")
        settings = database.model_copy(update={"alert_webhook": webhook, "last_date": date(2026, 7, 16)})
        run("watch_stale.py", settings)

    ((path, post),) = told
    assert path == "/alerts"
    assert (post["stage"], post["as_of_date"]) == ("stale data", "2026-07-16")
    why = "marts.left_behind: Newest day is 2026-07-01; a newer one was due 336 hours ago. What to do: open the DAG"
    assert post["reason"].startswith(why)
    assert [alert["sent_to"] for alert in alerts(settings)] == ["webhook", ""], "the second was told before"

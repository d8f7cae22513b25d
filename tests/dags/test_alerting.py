"""A failed task is told through Airflow's own notifiers, to servers that are really there."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from listeners import mail_sink
from pydantic import SecretStr

from meterwise import ops
from meterwise.settings import Settings, as_environment
from meterwise.stack.airflow_server import openlineage

DAGS = Path(__file__).parents[2] / "dags"


def fail(settings: Settings) -> subprocess.CompletedProcess[str]:
    """Let the callbacks of a failed task run with these settings."""
    environment = {**os.environ, **as_environment(settings), "AIRFLOW_HOME": str(settings.home_path / "airflow")}
    environment |= openlineage(settings)
    environment |= {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{settings.home_path}/airflow.db"}
    command = [sys.executable, str(Path(__file__).with_name("fail.py")), str(DAGS)]
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
        done = fail(settings)

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

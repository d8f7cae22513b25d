"""Tells people what went wrong, by e-mail and webhook through Airflow's notifiers; whom, the settings say.

What is told is put into words in ``meterwise.watching.alerts``.
"""

import json
import logging
import os
from collections.abc import Iterator
from typing import Any

from triggers import days_of

from meterwise.outcomes import NothingToDoError, last_words
from meterwise.settings import get_settings
from meterwise.watching import alerts

log = logging.getLogger("meterwise")


def alert_of_failure(context: Any) -> None:
    """Tell of a task that failed for good; those that only watch dbt keep quiet, since its producer tells."""
    ti = context["ti"]
    if ti.task_id.startswith("dbt.") and not ti.task_id.endswith("producer_watcher"):
        return
    reason = last_words(context.get("exception"), ti.task_id)
    send(alerts.of_failure(f"{ti.dag_id}.{ti.task_id}", _days(context), reason, ti.log_url), context)


def send(alert: alerts.Alert, context: Any) -> None:
    """Send an alert to everybody named, unless the same was sent lately, and keep it; nothing here fails the task."""
    sent = []
    for channel, notifier in () if alerts.was_sent_lately(alert) else _notifiers(alert):
        try:
            notifier.notify(context)
            sent.append(channel)
        except Exception as error:
            log.error(
                "The alert could not be sent by %s: %s. What to do: correct METERWISE_ALERT_* and restart.",
                channel,
                alerts.without_secrets(str(error)),
            )
    alerts.record(alert, sent)


def _notifiers(alert: alerts.Alert) -> Iterator[tuple[str, Any]]:
    settings = get_settings()
    if settings.alert_email:
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        server = settings.alert_smtp_url.get_secret_value() if settings.alert_smtp_url else ""
        if server:
            os.environ.setdefault("AIRFLOW_CONN_METERWISE_SMTP", server)
        yield (
            "email",
            SmtpNotifier(
                to=settings.alert_email,
                from_email=None if "from_email=" in server or not server else settings.alert_email.split(",")[0],
                subject=alert.subject,
                html_content=alert.html,
                smtp_conn_id="meterwise_smtp" if server else "smtp_default",
            ),
        )
    if settings.alert_webhook:
        from airflow.providers.http.notifications.http import HttpNotifier
        from airflow.sdk.log import mask_secret

        url = settings.alert_webhook.get_secret_value()
        mask_secret(url.partition("://")[2].partition("/")[2])  # the hook logs it when nobody answers
        os.environ.setdefault("AIRFLOW_CONN_METERWISE_WEBHOOK", json.dumps({"conn_type": "http", "host": url}))
        told = {"text": "\n".join(alert.lines()), **vars(alert)}
        yield "webhook", HttpNotifier(http_conn_id="meterwise_webhook", json=told, extra_options={"timeout": 10})


def _days(context: Any) -> str:
    try:
        return ", ".join(days_of(context))
    except (NothingToDoError, KeyError):
        return ""  # Meterwise's clock has not reached them, or the task was killed and its context is cut short

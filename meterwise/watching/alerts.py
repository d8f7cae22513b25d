"""What somebody is told when a stage fails or a table is stale: which stage, which day, why, and what to do.

How it is sent is said in ``dags/alerting.py``; secrets and rows never come into it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from urllib.parse import urlsplit

from pydantic import SecretStr

from meterwise import ops
from meterwise.settings import Settings, get_settings
from meterwise.watching import records

log = logging.getLogger(__name__)

QUIET = timedelta(hours=12)
"""The same news is not sent twice within so long: a task that fails every hour would fill a mailbox."""
MOST_CHARACTERS = 2_000


@dataclass(frozen=True)
class Alert:
    """One thing that somebody should know.

    Attributes:
        stage: DAG and task, or the table that is stale.
        as_of_date: Day or days that the stage worked for; empty if unknown.
        reason: Why, and what to do; the last words of the failed task.
        link: Page where more is told; empty if there is none.
    """

    stage: str
    as_of_date: str
    reason: str
    link: str = ""

    @property
    def subject(self) -> str:
        """One line."""
        day = f" for {self.as_of_date}" if self.as_of_date else ""
        return f"Meterwise: {self.stage}{day} needs you"

    def lines(self) -> list[str]:
        """The message, a paragraph a line."""
        link = [f"More: {self.link}"] if self.link else []
        return [f"Stage: {self.stage}", f"Day: {self.as_of_date or 'not known'}", f"Why: {self.told}", *link]

    @property
    def html(self) -> str:
        """The message for an e-mail."""
        return "".join(f"<p>{escape(line)}</p>" for line in self.lines())

    @property
    def told(self) -> str:
        """The reason in one line, without secrets of the settings, cut where it becomes endless."""
        reason = " ".join(self.reason.split())
        return reason if len(reason) <= MOST_CHARACTERS else f"{reason[:MOST_CHARACTERS]} ..."


def of_failure(stage: str, as_of_date: str, reason: str, link: str = "", settings: Settings | None = None) -> Alert:
    """Return what to say of a task that failed, secrets of the settings struck out."""
    return Alert(stage, as_of_date, without_secrets(reason, settings), link)


def without_secrets(text: str, settings: Settings | None = None) -> str:
    """Return a text in which every secret of the settings, and every password in one, is struck out."""
    settings = settings or get_settings()
    secrets = [value for _, value in settings if isinstance(value, SecretStr)] + list(settings.secrets.values())
    plain = {secret.get_secret_value() for secret in secrets}
    plain |= {password for url in plain if (password := urlsplit(url).password)}
    for secret in sorted(filter(None, plain), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def stale(found: Sequence[str], today: str, link: str = "") -> Alert | None:
    """Return what to say of stale tables (a sentence each); None if there are none."""
    if not found:
        return None
    cure = (
        "What to do: open the DAG of the first of these stages in Airflow (ingest_*, build_warehouse, score_*, "
        "publish_segments); a run that failed or was skipped says why in its last log lines."
    )
    return Alert("stale data", today, " ".join((*found, cure)), link)


def was_sent_lately(alert: Alert, settings: Settings | None = None) -> bool:
    """Tell whether the same was sent within the last hours; where nobody remembers, it was not."""
    query = (
        "select 1 from ops.alerts where stage = :stage and as_of_date = :day and reason = :reason "
        "and sent_to <> '' and recorded_at > :since limit 1"
    )
    try:
        known = {"stage": alert.stage, "day": alert.as_of_date, "reason": alert.told}
        return bool(ops.select_rows(query, settings, **known, since=datetime.now(UTC) - QUIET))
    except Exception as error:  # the database may be what failed
        log.warning("Whether this was told before is not known: %s", error)
        return False


def record(alert: Alert, sent_to: Sequence[str], settings: Settings | None = None) -> None:
    """Append an alert to ``ops.alerts``; that it cannot be kept must not hide what it is about."""
    row = {"stage": alert.stage, "as_of_date": alert.as_of_date, "reason": alert.told, "sent_to": ", ".join(sent_to)}
    try:
        records.append(records.ALERTS, [row], settings)
    except Exception as error:
        log.warning("The alert is not kept in ops.alerts: %s", error)

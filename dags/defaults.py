"""What every DAG has in common: owner, retries, clock, assets, and how a task ends that cannot or must not go on.

No logic of a stage belongs here.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from airflow.sdk import Asset, CronTriggerTimetable, Param, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from alerting import alert_of_failure

from meterwise.outcomes import NothingToDoError, RefusedError, last_words
from meterwise.planning import local_timezone

DOMAINS = {domain: Asset(f"raw/{domain}") for domain in ("crm", "meter_reads", "weather")}
FEATURES = {model: Asset(f"features/{model}") for model in ("demand", "churn", "segments", "alerts")}
MODELS = {model: Asset(f"model/{model}") for model in ("demand", "churn", "segments", "alerts")}
SCORES = {model: Asset(f"scores/{model}") for model in ("demand", "churn", "alerts")}
PUBLISHED = Asset("published/segments")


def say_why(context: Any) -> None:
    """Leave the reason, and what to do, in the last line of the log of a task that failed."""
    reason = last_words(context.get("exception"), context["ti"].task_id)
    log = logging.getLogger("meterwise")
    log.info("::endgroup::")  # of Airflow's own "Post Execute", which the UI shows folded
    log.error("%s", reason)
    for lineage in ("airflow.providers.openlineage", "openlineage"):  # is told next, which would stand below the reason
        logging.getLogger(lineage).setLevel(logging.WARNING)


COMMON: dict[str, Any] = {
    # Without a start date nothing is due at the moment of installation: the first run is the next on the clock.
    "start_date": None,
    "catchup": False,
    "max_active_runs": 1,
    "params": {
        "as_of_date": Param(
            None, type=["null", "string"], format="date", description="Day to work for; empty: the day of the run."
        )
    },
    "dagrun_timeout": timedelta(hours=6),
    "default_args": {
        "owner": "meterwise",
        # Twice, since one fault often follows another: what died is back within the half minute between.
        "retries": 2,
        "retry_delay": timedelta(seconds=10),
        "retry_exponential_backoff": 3,
        "execution_timeout": timedelta(hours=1),
        "on_failure_callback": [say_why, alert_of_failure],
    },
}


def at(cron: str) -> CronTriggerTimetable:
    """Return a schedule in the utility's own time zone."""
    return CronTriggerTimetable(cron, timezone=local_timezone())


def every(minutes: int) -> CronTriggerTimetable | None:
    """Return a schedule of every so many minutes; None, when only a person starts it, for 0."""
    return at(f"*/{minutes} * * * *" if minutes < 60 else "0 * * * *") if minutes else None


def step(kind: Callable[..., Any] = task, **arguments: Any) -> Callable[[Callable[..., Any]], Any]:
    """Like ``task``: a stage with nothing to do is skipped with a word, one that was refused is not tried again.

    Args:
        kind: ``task`` or one of its kinds, as ``task.branch``.
        **arguments: For the task.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except NothingToDoError as word:
                raise AirflowSkipException(str(word)) from word
            except RefusedError as refusal:
                raise AirflowFailException(str(refusal)) from refusal

        return kind(**arguments)(run)

    return decorate

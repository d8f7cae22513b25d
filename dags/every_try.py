"""Cosmos' watcher mode where tasks are tried again, cleared or killed: every try runs dbt, the producer alone."""

import re
from typing import Any

from airflow.sdk.exceptions import AirflowFailException
from cosmos.operators._watcher.state import is_dbt_node_status_success, is_producer_task_terminated
from cosmos.operators.watcher import DbtProducerWatcherOperator

from meterwise.outcomes import is_disk_full

PASSES = re.compile(
    r"connection|server closed|recovery mode|starting up|shutting down|could not set lock|deadlock",
    re.IGNORECASE,
)
"""Errors of dbt that trying again may cure: the engine was away, or held by another."""


class EveryTryProducer(DbtProducerWatcherOperator):
    """Runs dbt on every try: models replace what they made, so a run that is cleared or begins again is built again.

    Cosmos' own skips itself on a second try and leaves dbt to the watchers, beside the pool. Airflow tries again what
    was killed; what dbt itself found wrong is tried again only where that may help.
    """

    def execute(self, context: Any, **kwargs: Any) -> Any:
        """Run dbt as if this were the first try."""
        try:
            return super().execute({**context, "ti": _FirstTry(context["ti"])}, **kwargs)
        except Exception as error:
            if PASSES.search(str(error)) or is_disk_full(error):
                raise
            raise AirflowFailException(str(error)) from error


class _FirstTry:
    """A task instance that gives itself out as its first try."""

    try_number = 1

    def __init__(self, task_instance: Any) -> None:
        self._task_instance = task_instance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task_instance, name)


def watch_every_try(watcher: Any) -> None:
    """Let a watcher believe the producer, whatever its try, and never run dbt itself.

    It fails only once the producer has given up, since another try of the producer may build the model after all.
    """
    said = watcher._get_node_status

    def status(task_instance: Any, context: Any) -> Any:
        found = said(task_instance, context)
        is_over = is_dbt_node_status_success(found) or is_producer_task_terminated(
            watcher._get_producer_task_status(context)
        )
        return found if is_over else None

    watcher._get_node_status = status
    watcher._fallback_to_non_watcher_run = believe_the_producer


def believe_the_producer(try_number: int, context: Any) -> bool:
    """Keep a watcher that comes late from running its model itself; the producer has said how it went."""
    watcher = context["ti"].task
    if is_dbt_node_status_success(watcher._get_node_status(context["ti"], context)):
        return True
    raise AirflowFailException("dbt has ended without building this model; the log of dbt_producer_watcher says why.")

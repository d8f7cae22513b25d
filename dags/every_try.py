"""Cosmos' watcher mode for runs that are cleared or begin again: dbt runs on every try, and only in its producer."""

from typing import Any

from airflow.sdk.exceptions import AirflowFailException
from cosmos.operators._watcher.state import is_dbt_node_status_success
from cosmos.operators.watcher import DbtProducerWatcherOperator


class EveryTryProducer(DbtProducerWatcherOperator):
    """Runs dbt on every try: models replace what they made, so a run that is cleared or begins again is built again.

    Cosmos' own skips itself on a second try and leaves dbt to the watchers, beside the pool.
    """

    def execute(self, context: Any, **kwargs: Any) -> Any:
        """Run dbt as if this were the first try."""
        return super().execute({**context, "ti": _FirstTry(context["ti"])}, **kwargs)


class _FirstTry:
    """A task instance that gives itself out as its first try."""

    try_number = 1

    def __init__(self, task_instance: Any) -> None:
        self._task_instance = task_instance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task_instance, name)


def believe_the_producer(try_number: int, context: Any) -> bool:
    """Keep a watcher that comes late from running its model itself; the producer has said how it went."""
    watcher = context["ti"].task
    if is_dbt_node_status_success(watcher._get_node_status(context["ti"], context)):
        return True
    raise AirflowFailException("dbt has ended without building this model; the log of dbt_producer_watcher says why.")

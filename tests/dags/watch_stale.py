"""Runs the tasks of the DAG `watch` that look at the tables and alert, twice, in a process: see test_alerting."""

import sys
from types import SimpleNamespace


def main(folder: str) -> None:
    sys.path.insert(0, folder)
    from datetime import UTC, datetime

    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.execution_time.context import set_current_context

    watch = DagBag(f"{folder}/watch.py").dags["watch"]
    context = {
        "ti": SimpleNamespace(dag_id="watch", task_id="alert"),
        "params": {},
        "dag_run": SimpleNamespace(run_after=datetime(2026, 7, 17, tzinfo=UTC)),
    }
    for _ in range(2):
        with set_current_context(context):
            stale = watch.get_task("look").python_callable()
            watch.get_task("alert").python_callable(stale)


if __name__ == "__main__":
    main(sys.argv[1])

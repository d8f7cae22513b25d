"""Lets a task fail twice as Airflow would, callbacks included, in a process of its own: see test_alerting."""

import sys
from types import SimpleNamespace


def main(folder: str) -> None:
    sys.path.insert(0, folder)
    from datetime import UTC, datetime

    from airflow.sdk.log import configure_logging

    from defaults import COMMON
    from meterwise.validation import DataQualityError

    configure_logging()  # which strikes out what is masked, as in a task
    context = {
        "ti": SimpleNamespace(
            dag_id="ingest_meter_reads", task_id="check", log_url="http://127.0.0.1:8080/dags/ingest_meter_reads"
        ),
        "exception": DataQualityError("12 of 48 rows < 0.\n What to do: correct the file {{ var.value.secret }}."),
        "params": {"as_of_date": "2026-07-15"},
        "dag_run": SimpleNamespace(run_after=datetime(2026, 7, 15, tzinfo=UTC)),
    }
    for _ in range(2):
        for callback in COMMON["default_args"]["on_failure_callback"]:
            callback(context)
    tell_of_lineage()


def tell_of_lineage() -> None:
    """Say what Airflow's loggers of lineage say next."""
    from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter
    from airflow.providers.openlineage.utils import emission_policy
    from openlineage.client import client

    for log in (OpenLineageAdapter().log, emission_policy.log, client.log):
        log.info("Lineage was told")
        log.warning("Lineage was not told")


if __name__ == "__main__":
    main(sys.argv[1])

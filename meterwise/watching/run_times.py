"""How long the runs of DAGs and their tasks take, read from Airflow's REST API."""

from datetime import UTC, datetime, timedelta
from typing import Any

from meterwise import ops
from meterwise.outcomes import RefusedError
from meterwise.planning import DAG_IDS
from meterwise.settings import Settings, get_settings
from meterwise.stack.airflow_api import AirflowApi
from meterwise.stack.state import StackState
from meterwise.watching import records

FIRST_LOOK = timedelta(days=7)
NEW = "select max(ended_at) as last from ops.run_times where task_id = ''"


def collect(settings: Settings | None = None) -> int:
    """Append the runs that have ended since the last look, and their tasks; returns how many rows were read.

    Raises:
        RefusedError: The settings do not say where Airflow is.
        HTTPError: Airflow does not answer, or refuses the account of the settings.
    """
    settings = settings or get_settings()
    last = ops.select_rows(NEW, settings)[0]["last"]
    since = last or datetime.now(UTC) - FIRST_LOOK
    airflow = _airflow(settings)
    rows = [
        row
        for entry in (*airflow.ended_since(since), *airflow.tasks_ended_since(since))
        if entry["dag_id"] in DAG_IDS and (row := _row(entry))
    ]
    records.append(records.RUN_TIMES, rows, settings)
    return len(rows)


def _airflow(settings: Settings) -> AirflowApi:
    if settings.airflow_url is None:
        raise RefusedError("Run times are not known: METERWISE_AIRFLOW_URL does not say where Airflow's API answers.")
    if settings.airflow_password is not None:
        password = settings.airflow_password.get_secret_value()
        return AirflowApi(settings.airflow_url, password, settings.airflow_username, settings.tls_authority_file)
    return AirflowApi(settings.airflow_url, StackState.load(settings.home_path).airflow_password)


def _row(entry: dict[str, Any]) -> dict[str, Any] | None:
    if not entry["end_date"] or not entry["state"]:
        return None  # a task that is cleared keeps its dates and has no state until it runs again
    started = datetime.fromisoformat(entry["start_date"]) if entry["start_date"] else None
    ended = datetime.fromisoformat(entry["end_date"])
    return {
        "dag_id": entry["dag_id"],
        "run_id": entry["dag_run_id"],
        "task_id": entry.get("task_id", ""),
        "state": entry["state"],
        "started_at": started,
        "ended_at": ended,
        "seconds": (ended - started).total_seconds() if started else 0.0,
    }

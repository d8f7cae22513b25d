"""How the embedded Airflow is set up: everything by environment, nothing by hand. Nothing here imports airflow."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from meterwise.settings import Settings
from meterwise.stack.state import HOST, StackState, password_file

API_SERVER = "api-server"
COMPONENTS = (API_SERVER, "scheduler", "dag-processor", "triggerer")

TELEMETRY_OFF = {
    "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "SCARF_ANALYTICS": "false",
    "SCARF_NO_ANALYTICS": "true",
}

# Tasks are short and many: an idle scheduler looks again after a third of a second, and a task starts by fork from
# a scheduler that has the heavy libraries loaded (see preload.py) in about a tenth of a second.
FIXED = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__PARALLELISM": "6",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__MP_START_METHOD": "fork",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
    "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    # A task waits for an API server that is being started again: a minute and a half, looking every few seconds.
    "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "25",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "5",
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "6",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "300",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "2",
    "AIRFLOW__API__HOST": HOST,
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__COSMOS__UPLOAD_SQL_TO_XCOM": "False",
    # Cosmos would save everything it told so far with each model, for a retry of the producer, which has none.
    "AIRFLOW__COSMOS__ENABLE_WATCHER_RELIABLE_RETRY": "False",
    "AIRFLOW__COSMOS__ENABLE_CACHE": "False",
}


def command(*arguments: str) -> list[str]:
    """Return the command line of one Airflow component, in our own interpreter."""
    return [sys.executable, "-m", "airflow", *arguments]


def component(name: str) -> list[str]:
    """Return the command line of one long-lived component; logs are read from the folder, not served."""
    return command(name, "--skip-serve-logs") if name in {"scheduler", "triggerer"} else command(name)


def environment(settings: Settings, state: StackState, database_url: str) -> Mapping[str, str]:
    """Return the variables that make Airflow ours.

    Args:
        settings: Of this installation.
        state: Ports and secrets of the stack.
        database_url: Plain ``postgresql://`` URL of Airflow's own database.
    """
    folder = settings.home_path / "airflow"
    address = state.url("airflow")
    plain = database_url.split("://", 1)[1]
    return {
        **TELEMETRY_OFF,
        **FIXED,
        **openlineage(settings),
        "AIRFLOW_HOME": str(folder),
        "SPT_NOENV": "1",  # process titles shall not overwrite the environment, by which processes are found
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.project.resolve() / "dags"),
        "AIRFLOW__CORE__FERNET_KEY": state.fernet_key,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(
            password_file(settings.home_path, state.airflow_password)
        ),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{plain}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{plain}",
        "AIRFLOW__API__PORT": str(state.ports["airflow"]),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__SECRET_KEY": state.jwt_secret,
        "AIRFLOW__API_AUTH__JWT_SECRET": state.jwt_secret,
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(folder / "bundles"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
    }


LINEAGE_LOGGER = "airflow.providers.openlineage"
NO_SOURCE_CODE = [{"scope": {}, "controls": {"include_source_code": False}}]


def openlineage(settings: Settings) -> dict[str, str]:
    """Return the variables that make Airflow tell an OpenLineage server of every run, or nobody.

    Our own code stays out of the events; so do rows, which no event ever carries.
    """
    if settings.openlineage_url is None:
        return {"AIRFLOW__OPENLINEAGE__DISABLED": "True"}
    transport = {"type": "http", "url": settings.openlineage_url, "timeout": 5}
    return {
        "AIRFLOW__OPENLINEAGE__DISABLED": "False",
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "meterwise",
        "AIRFLOW__OPENLINEAGE__EMISSION_POLICY": json.dumps(NO_SOURCE_CODE),
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        # Of Airflow's two kinds of loggers this quietens the one that `say_why` in dags/defaults.py cannot.
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": f"{LINEAGE_LOGGER}=WARNING",
    }


def write_preload(home: Path) -> None:
    """Let every component load our ``preload``: Airflow looks for this file in its own config folder."""
    path = home / "airflow" / "config" / "airflow_local_settings.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("import meterwise.stack.preload  # noqa: F401\n")

"""How Airflow, dbt and MLflow are set up on a team's server: the entrypoint of our image. Nothing here imports airflow.

``python -m meterwise.stack.server COMMAND...`` fills in what the environment does not say and becomes the command.
"""

import os
import sys
from pathlib import Path

from meterwise.access import DatabaseDownError
from meterwise.access.airflow_accounts import FAB
from meterwise.outcomes import RefusedError
from meterwise.secret_files import SUFFIX
from meterwise.settings import PREFIX, Settings, get_settings, secret_names
from meterwise.stack.airflow_server import FIXED, TELEMETRY_OFF, openlineage
from meterwise.stack.stack import COSMOS_DECIDES
from meterwise.transform import dbt_environment
from meterwise.warehouse import WarehouseError

SECRETS = Path("/run/secrets")
SOURCES_SECRETS = SECRETS / "sources"
"""Each file in it is a secret: a setting (``alert_webhook``), or what sources.yml names as ``secret:NAME``."""
AIRFLOW_HOME = Path("/tmp/airflow")  # noqa: S108 - the container's own, in memory
RUNS_TASKS = {"scheduler", "celery"}
"""Commands of Airflow whose children run dbt; to say how, the warehouse is asked who we are there."""
EMBEDDED_ONLY = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "AIRFLOW__API__HOST"}


def environment(settings: Settings) -> dict[str, str]:
    """Return what Airflow and MLflow are told where the environment says nothing.

    Airflow reads its secrets from their files when it needs them, so they stand in no environment.
    """
    return {
        **TELEMETRY_OFF,
        **{name: value for name, value in FIXED.items() if name not in EMBEDDED_ONLY},
        **FAB,
        **openlineage(settings),
        "AIRFLOW_HOME": str(AIRFLOW_HOME),
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",  # a machine that is busy is no reason to lose a DAG
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "180",
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.project / "dags"),
        "AIRFLOW__CORE__FERNET_KEY_CMD": _print("airflow_fernet_key"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": _print("airflow_database_url", "psycopg2"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC_CMD": _print("airflow_database_url", "asyncpg"),
        "AIRFLOW__API__SECRET_KEY_CMD": _print("airflow_secret_key"),
        "AIRFLOW__API_AUTH__JWT_SECRET_CMD": _print("airflow_jwt_secret"),
        "AIRFLOW__CELERY__BROKER_URL_CMD": _print("broker_url"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(AIRFLOW_HOME / "bundles"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(settings.home_path / "airflow" / "logs"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def sources_secrets(folder: Path = SOURCES_SECRETS) -> dict[str, str]:
    """Return the settings that name the secrets of a folder, one for each file."""
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    return {_setting(path.name): str(path) for path in files if path.name[0] != "."}


def _setting(name: str) -> str:
    group = "" if name.lower() in secret_names() else "SECRETS__"
    return f"{PREFIX}{group}{name}{SUFFIX}".upper()


def write_preload() -> None:
    """Let every component load our ``preload``: Airflow looks for this file in its own config folder."""
    path = AIRFLOW_HOME / "config" / "airflow_local_settings.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("import meterwise.stack.preload  # noqa: F401\n")


def main(command: list[str]) -> None:
    """Fill in the environment and become the command."""
    for name, value in sources_secrets().items():
        os.environ.setdefault(name, value)
    try:
        settings = get_settings()
        told = environment(settings)
        if RUNS_TASKS & set(command[1:2]):
            dbt = dbt_environment(settings)
            told |= {name: value for name, value in dbt.items() if name not in COSMOS_DECIDES}
    except (RefusedError, DatabaseDownError, WarehouseError) as error:
        sys.exit(f"Meterwise cannot start: {error}")
    for name, value in told.items():
        os.environ.setdefault(name, value)
    write_preload()
    os.execvp(command[0], command)  # noqa: S606 - it is this container's own command


def _print(secret: str, driver: str = "") -> str:
    """Return the command (no shell runs it) that prints a secret without line ends, a URL with the driver wanted."""
    as_driver = f";s,^postgresql:,postgresql+{driver}:," if driver else ""
    return f"sed -z 's,\\n,,g{as_driver}' {SECRETS / secret}"


if __name__ == "__main__":
    main(sys.argv[1:])

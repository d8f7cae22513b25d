"""Airflow's own history, thrown away by Airflow's own command: runs, task instances, events."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

from meterwise.database import EMBEDDED_FOLDER
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings, as_environment

NO_DATABASE = "Airflow's history stays: METERWISE_AIRFLOW_DATABASE_URL does not name its database"
SCHEMES = ("postgresql+psycopg2://", "postgresql+asyncpg://")


class AirflowHistoryError(RuntimeError):
    """Airflow's command failed; with what it said."""


def forget(settings: Settings) -> str:
    """Delete what is older than the logs that belong to it; the last run of each DAG stays.

    Raises:
        AirflowHistoryError: Airflow's command failed.
    """
    url = _database_url(settings)
    if url is None:
        return NO_DATABASE
    before = datetime.now(UTC) - timedelta(days=settings.logs_kept_days)
    options = ["--clean-before-timestamp", before.isoformat(), "--skip-archive", "--yes", "--error-on-cleanup-failure"]
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "clean", *options],
        env={**as_environment(settings), **_connections(url)},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        told = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise AirflowHistoryError(f"`airflow db clean` failed: {' '.join(told[-5:])}")
    return f"Airflow's history before {before:%Y-%m-%d} was cleaned"


def _database_url(settings: Settings) -> str | None:
    if settings.airflow_database_url is not None:
        return settings.airflow_database_url.get_secret_value()
    postgres = EmbeddedPostgres(settings.home_path / EMBEDDED_FOLDER)
    return postgres.url("airflow", driver="") if postgres.is_running() else None


def _connections(url: str) -> dict[str, str]:
    """Return Airflow's variables; in a task they are shut off, since a task has no business with this database."""
    place = url.split("://", 1)[1]
    sync, waiting = (f"{scheme}{place}" for scheme in SCHEMES)
    return {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": sync, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": waiting}

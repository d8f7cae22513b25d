"""Where runs and models are kept: the MLflow server, or a SQLite file in Meterwise's home."""

import os
import urllib.request
from typing import Any

from meterwise.settings import Settings, get_settings

# Set before mlflow is imported. A server that is down must fail a task in seconds, not after minutes of retries.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}.items():
    os.environ.setdefault(_name, _value)


class RegistryDownError(RuntimeError):
    """The MLflow server does not answer."""


def tracking_uri(settings: Settings | None = None) -> str:
    """Return the address of the tracking store: the server, or a SQLite file in Meterwise's home."""
    settings = settings or get_settings()
    return settings.mlflow_uri or f"sqlite:///{settings.home_path / 'mlflow.db'}"


def connect(settings: Settings) -> Any:
    """Import mlflow, point it at the settings' store and return it.

    The import is here, not at the top: it takes 3 s, and every DAG file and command that only names a model would pay.

    Raises:
        RegistryDownError: The server does not answer.
    """
    uri = tracking_uri(settings)
    if uri.startswith("http"):
        try:
            urllib.request.urlopen(f"{uri}/health", timeout=10).close()  # noqa: S310 - http only, from our settings
        except OSError as error:
            raise RegistryDownError(
                f"The MLflow server at {uri} does not answer ({error}). Start it (`make demo` starts the whole stack), "
                "or correct METERWISE_MLFLOW_URI; then run the task again."
            ) from error
    settings.home_path.mkdir(parents=True, exist_ok=True)
    import mlflow

    mlflow.set_tracking_uri(uri)
    return mlflow


def client(settings: Settings) -> Any:
    """Return MLflow's client of the settings' store."""
    return connect(settings).MlflowClient()


def run_url(run_id: str, settings: Settings | None = None) -> str:
    """Return the address of a run's page for people."""
    settings = settings or get_settings()
    experiment_id = client(settings).get_run(run_id).info.experiment_id
    base = settings.mlflow_public_url or settings.mlflow_uri or "http://127.0.0.1:5000"
    return f"{base.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"

"""Where runs and models are kept: the MLflow server, or a SQLite file in Meterwise's home."""

import base64
import os
import ssl
import urllib.error
import urllib.request
from typing import Any

from meterwise.outcomes import RefusedError
from meterwise.settings import Settings, get_settings, tell_libraries

SHUT = (401, 403)

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


class RegistryRefusedError(RefusedError):
    """The MLflow server does not let us in."""


def tracking_uri(settings: Settings | None = None) -> str:
    """Return the address of the tracking store: the server, or a SQLite file in Meterwise's home."""
    settings = settings or get_settings()
    return settings.mlflow_uri or f"sqlite:///{settings.home_path / 'mlflow.db'}"


def connect(settings: Settings) -> Any:
    """Import mlflow, point it at the settings' store and return it.

    The import is here, not at the top: it takes 3 s, and every DAG file and command that only names a model would pay.

    Raises:
        RegistryDownError: The server does not answer.
        RegistryRefusedError: It asks for an account, and ours is missing or wrong.
    """
    uri = tracking_uri(settings)
    if uri.startswith("http"):
        _refuse_if_closed(uri, settings)
        tell_libraries(_account(settings))
    settings.home_path.mkdir(parents=True, exist_ok=True)
    import mlflow

    mlflow.set_tracking_uri(uri)
    return mlflow


def _refuse_if_closed(uri: str, settings: Settings) -> None:
    """Ask the server for one experiment, with our account: cheap, and it tells a shut door from an open one."""
    request = urllib.request.Request(f"{uri}/api/2.0/mlflow/experiments/search?max_results=1")  # noqa: S310 - ours
    account = _account(settings)
    if "MLFLOW_TRACKING_PASSWORD" in account:
        named = f"{account['MLFLOW_TRACKING_USERNAME']}:{account['MLFLOW_TRACKING_PASSWORD']}"
        request.add_header("Authorization", f"Basic {base64.b64encode(named.encode()).decode()}")
    authority = settings.tls_authority_file
    trusted = ssl.create_default_context(cafile=str(authority)) if authority else None
    try:
        urllib.request.urlopen(request, timeout=10, context=trusted).close()  # noqa: S310 - http only, from our settings
    except urllib.error.HTTPError as error:
        if error.code not in SHUT:
            raise _down(uri, error) from error
        raise RegistryRefusedError(
            f"The MLflow server at {uri} does not let {settings.mlflow_username or 'us (no account given)'} in. Set "
            "METERWISE_MLFLOW_USERNAME and METERWISE_MLFLOW_PASSWORD (or its _FILE) to an account of MLflow; "
            "`meterwise accounts mlflow NAME` makes one or gives it a new password."
        ) from None
    except OSError as error:
        raise _down(uri, error) from error


def _down(uri: str, error: OSError) -> RegistryDownError:
    return RegistryDownError(
        f"The MLflow server at {uri} does not answer ({error}). Start it (`make demo` starts the whole stack), "
        "or correct METERWISE_MLFLOW_URI; then run the task again."
    )


def _account(settings: Settings) -> dict[str, str]:
    """Return the variables from which MLflow's client takes its account and whom it trusts."""
    told = {}
    if settings.mlflow_username and settings.mlflow_password:
        told["MLFLOW_TRACKING_USERNAME"] = settings.mlflow_username
        told["MLFLOW_TRACKING_PASSWORD"] = settings.mlflow_password.get_secret_value()
    if settings.tls_authority_file:
        told["MLFLOW_TRACKING_SERVER_CERT_PATH"] = str(settings.tls_authority_file)
    return told


def client(settings: Settings) -> Any:
    """Return MLflow's client of the settings' store."""
    return connect(settings).MlflowClient()


def run_url(run_id: str, settings: Settings | None = None) -> str:
    """Return the address of a run's page for people."""
    settings = settings or get_settings()
    experiment_id = client(settings).get_run(run_id).info.experiment_id
    base = settings.mlflow_public_url or settings.mlflow_uri or "http://127.0.0.1:5000"
    return f"{base.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"

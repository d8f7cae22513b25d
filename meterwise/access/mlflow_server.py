"""Becomes MLflow's server with accounts: a program of its own, ``python -m meterwise.access.mlflow_server``.

What the server needs to know is written into a file that its owner alone may read, or handed on in its environment: no
password stands on a command line.
"""

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from sqlalchemy import make_url

from meterwise.access.opening import DatabaseDownError
from meterwise.access.versions import MLFLOW, refuse_newer
from meterwise.outcomes import RefusedError
from meterwise.secret_files import SettingsError
from meterwise.settings import Settings, become, get_settings

CONFIGURATION = """[mlflow]
default_permission = READ
database_uri = {database}
admin_username = {admin}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 30
"""


def environment(settings: Settings) -> dict[str, str]:
    """Write the file of the accounts and return the variables that the server reads.

    Raises:
        SettingsError: A secret is missing.
    """
    database, password = _needed(settings)
    url = make_url(database.get_secret_value()).set(drivername="postgresql+psycopg2")
    plain = url.render_as_string(hide_password=False)
    path = settings.home_path / "mlflow" / "accounts.ini"
    write_configuration(path, plain, settings.mlflow_admin_username)
    key = settings.mlflow_secret_key
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(path),
        "MLFLOW_AUTH_ADMIN_USERNAME": settings.mlflow_admin_username,
        "MLFLOW_AUTH_ADMIN_PASSWORD": password.get_secret_value(),
        "MLFLOW_BACKEND_STORE_URI": plain,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": key.get_secret_value() if key else secrets.token_urlsafe(48),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def write_configuration(path: Path, database: str, admin: str) -> None:
    """Write the file, readable by its owner alone from the first byte on."""
    from meterwise.stack.state import write_private

    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, CONFIGURATION.format(database=database.replace("%", "%%"), admin=admin))


def make_accounts(settings: Settings) -> None:
    """Make the administrator and the account of our jobs, or give them the passwords of the settings.

    Raises:
        MlflowAccountError: A password is too short.
    """
    from meterwise.registry.accounts import ensure_account

    if settings.mlflow_admin_password is not None:
        password = settings.mlflow_admin_password.get_secret_value()
        ensure_account(settings.mlflow_admin_username, password, settings, is_admin=True)
    if settings.mlflow_username and settings.mlflow_password:
        ensure_account(settings.mlflow_username, settings.mlflow_password.get_secret_value(), settings)


def command(host: str, port: int, workers: int, artifacts: str, settings: Settings) -> list[str]:
    """Return the command line of the server; with a certificate it speaks TLS."""
    line = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth"]
    line += ["--host", host, "--port", str(port), "--workers", str(workers), "--artifacts-destination", artifacts]
    if settings.tls_certificate_file and settings.tls_key_file:
        files = f"--ssl-certfile {settings.tls_certificate_file} --ssl-keyfile {settings.tls_key_file}"
        line += ["--uvicorn-opts", files]
    return line


def main(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port.")] = 5000,
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
    artifacts_destination: Annotated[
        str, typer.Option(help="Folder or s3:// address of the artifacts.")
    ] = "./artifacts",
    also: Annotated[list[str] | None, typer.Argument(help="Further arguments of `mlflow server`, after --.")] = None,
) -> None:
    """Start MLflow's server with accounts."""
    try:
        settings = get_settings()
        told = environment(settings)
        refuse_newer(make_url(told["MLFLOW_BACKEND_STORE_URI"]), MLFLOW)
        make_accounts(settings)
    except (RefusedError, DatabaseDownError) as error:
        sys.exit(f"MLflow was not started. {error}")
    line = command(host, port, workers, artifacts_destination, settings)
    become([*line, *(also or [])], told)


def _needed(settings: Settings) -> Sequence[SecretStr]:
    named = {
        "METERWISE_MLFLOW_DATABASE_URL": settings.mlflow_database_url,
        "METERWISE_MLFLOW_ADMIN_PASSWORD": settings.mlflow_admin_password,
    }
    missing = [name for name, value in named.items() if value is None]
    if missing:
        raise SettingsError(f"{' and '.join(missing)} must be given (or {missing[0]}_FILE, ...). There is no default.")
    return [value for value in named.values() if value is not None]


if __name__ == "__main__":
    typer.run(main)

"""What must be done before a team's server may start: roles, migrations, buckets, accounts. The service ``init``.

Every step may be done again; the first that fails stops it all, and nothing else starts.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from typing import Any

from sqlalchemy import make_url
from werkzeug.security import check_password_hash

from meterwise import parsed_project
from meterwise.access import open_connection
from meterwise.backup import unfinished
from meterwise.registry.migration import migrate
from meterwise.settings import Settings, get_settings
from meterwise.stack.airflow_server import command
from meterwise.stack.stack import POOLS

Step = Callable[[Settings], None]
BUCKETS = ("mlflow", "meterwise")
"""Artifacts of MLflow; files of the utility that need no folder on this machine."""
PRINTED_LINES = 15


class SetupError(RuntimeError):
    """A step failed; the text is what it said."""


def main() -> None:
    """Do every step, and say in words which one failed."""
    settings = get_settings()
    for number, (name, step) in enumerate(STEPS.items(), 1):
        _say(f"{number}/{len(STEPS)} {name}")
        try:
            step(settings)
        except Exception as error:
            _say(f"stopped at {name}: {error}")
            _say("Nothing else was started. Correct it, then `make up` again.")
            sys.exit(1)
    _say("done")


def migrate_mlflow(settings: Settings) -> None:
    """Bring the tables of MLflow's database to the version that is installed."""
    if settings.mlflow_database_url is None:
        raise SetupError("METERWISE_MLFLOW_DATABASE_URL is not set; docker-compose.yml names its file.")
    url = make_url(settings.mlflow_database_url.get_secret_value()).set(drivername="postgresql+psycopg2")
    migrate(url.render_as_string(hide_password=False))


def make_buckets(settings: Settings) -> None:
    """Make the buckets of the object store that are not there; where it is and the keys are in the environment."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    store = boto3.client("s3")
    try:
        known = {bucket["Name"] for bucket in store.list_buckets()["Buckets"]}
        for bucket in set(BUCKETS) - known:
            store.create_bucket(Bucket=bucket)
    except (BotoCoreError, ClientError) as error:
        raise SetupError(
            f"the object store refuses: {error}. The keys in secrets/s3_credentials must be those in secrets/s3.json."
        ) from error


def make_administrator(settings: Settings) -> None:
    """Make the account whose password is the secret ``airflow_password``; where it is there, nothing is to be done.

    Airflow's own command takes many seconds a step, so its table is asked first.
    """
    found = _in_airflow(
        settings, "select password from ab_user where username = %s and active", settings.airflow_username
    )
    password = settings.airflow_password.get_secret_value() if settings.airflow_password else ""
    if not any(check_password_hash(known, password) for (known,) in found):
        _run(_meterwise("accounts", "airflow", settings.airflow_username, "--role", "admin"))


def make_pools(settings: Settings) -> None:
    """Make Airflow's pools, or leave those that are there as they are."""
    if len(_in_airflow(settings, "select 1 from slot_pool where pool = any(%s)", list(POOLS))) == len(POOLS):
        return
    wanted = {
        name: {"slots": slots, "description": description, "include_deferred": False}
        for name, (slots, description) in POOLS.items()
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(wanted, file)
        file.flush()
        _run(command("pools", "import", file.name))


def refresh_manifest(settings: Settings) -> None:
    """Let dbt say which models there are, for Airflow's DAG files; make the folder of the Data Docs."""
    settings.data_docs_path.mkdir(parents=True, exist_ok=True)
    parsed_project.refresh(settings)


def _in_airflow(settings: Settings, query: str, value: Any) -> list[Any]:
    if settings.airflow_database_url is None:
        raise SetupError("METERWISE_AIRFLOW_DATABASE_URL is not set; docker-compose.yml names its file.")
    with closing(open_connection(make_url(settings.airflow_database_url.get_secret_value()))) as connection:
        return connection.execute(query, [value]).fetchall()


def _meterwise(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "meterwise.cli", *arguments]


def _run(line: list[str]) -> None:
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        told = [text for text in (done.stdout + done.stderr).splitlines() if text.strip()]
        raise SetupError("\n".join(told[-PRINTED_LINES:]) or f"exit code {done.returncode}")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what `make up` and `docker compose logs init` show


STEPS: dict[str, Step] = {
    "users, roles and databases of PostgreSQL": lambda settings: _run(_meterwise("database", "prepare")),
    "versions of the databases": lambda settings: _run(_meterwise("database", "check")),
    "no half of a restore": unfinished.refuse,
    "our tables": lambda settings: _run(_meterwise("database", "migrate")),
    "Airflow's tables": lambda settings: _run(command("db", "migrate")),
    "MLflow's tables": migrate_mlflow,
    "buckets of the object store": make_buckets,
    "Airflow's administrator": make_administrator,
    "Airflow's pools": make_pools,
    "models of dbt": refresh_manifest,
}


if __name__ == "__main__":
    main()

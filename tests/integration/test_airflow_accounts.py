"""A real Airflow API server with accounts, over TLS: what a viewer, an operator and an admin may do."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from certificates import self_signed

from meterwise.access.airflow_accounts import FAB
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings
from meterwise.stack import airflow_server
from meterwise.stack.airflow_api import AirflowApi, AirflowRefusedError
from meterwise.stack.state import StackState

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]
ACCOUNTS = {"victor": "viewer", "olga": "operator", "ada": "admin"}
PASSWORD = "planted-{name}-6Wd"
DAG = """
from datetime import datetime, UTC
from airflow.sdk import dag, task

@dag(schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False)
def land() -> None:
    @task
    def nothing() -> None: ...
    nothing()

land()
"""
CONNECTION = {"connection_id": "mine", "conn_type": "http", "host": "example.org"}
BACKFILL = {"dag_id": "land", "from_date": "2026-01-02T00:00:00Z", "to_date": "2026-01-02T00:00:00Z"}
ACTIONS: dict[str, tuple[str, str, Any]] = {
    "look at a DAG": ("GET", "/dags/land", None),
    "start a run": ("POST", "/dags/land/dagRuns", {"logical_date": None}),
    "pause a DAG": ("PATCH", "/dags/land", {"is_paused": False}),
    "backfill": ("POST", "/backfills", BACKFILL),
    "see connections": ("GET", "/connections", None),
    "make a connection": ("POST", "/connections", CONNECTION),
    "make a variable": ("POST", "/variables", {"key": "mine", "value": "1"}),
    "make a pool": ("POST", "/pools", {"name": "mine", "slots": 1, "include_deferred": False}),
}
LOOK = {"look at a DAG"}
OPERATE = LOOK | {"start a run", "pause a DAG", "backfill"}
MAY = {"victor": LOOK, "olga": OPERATE, "ada": set(ACTIONS)}


@pytest.fixture(scope="module")
def server(postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    home = tmp_path_factory.mktemp("airflow-server")
    certificate, key = self_signed(home)
    (home / "dags").mkdir()
    (home / "dags" / "land.py").write_text(DAG)
    environment = environment_of(home, postgres_server, certificate, key)
    run([*airflow_server.command("db", "migrate")], environment)
    for name, role in ACCOUNTS.items():
        add(name, role, PASSWORD.format(name=name), environment)
    run([*airflow_server.command("dags", "reserialize")], environment)
    log = home / "api-server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            airflow_server.component("api-server"), env=environment, stdout=out, stderr=out, start_new_session=True
        )
    url = f"https://127.0.0.1:{environment['AIRFLOW__API__PORT']}"
    try:
        wait(AirflowApi(url, "none", authority=certificate), process, log)
        yield SimpleNamespace(url=url, authority=certificate, log=log, home=home, environment=environment)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def environment_of(home: Path, postgres: EmbeddedPostgres, certificate: Path, key: Path) -> dict[str, str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        state = StackState(ports={"airflow": listener.getsockname()[1]})
    postgres.create_database("airflow_accounts")
    told = airflow_server.environment(Settings(home=home), state, postgres.url("airflow_accounts", driver=""))
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        **{name: value for name, value in told.items() if "SIMPLE_AUTH" not in name},
        **FAB,
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__API__BASE_URL": state.url("airflow").replace("http:", "https:"),
        "AIRFLOW__API__SSL_CERT": str(certificate),
        "AIRFLOW__API__SSL_KEY": str(key),
    }


def run(command: list[str], environment: Mapping[str, str], given: str = "") -> None:
    done = subprocess.run(command, env=environment, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def add(name: str, role: str, password: str, environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "meterwise.cli", "accounts", "airflow", name, "--role", role, "--password-stdin"]
    run(command, environment, f"{password}\n")


def wait(api: AirflowApi, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with suppress(httpx.HTTPError):
            api.health()
            return
        time.sleep(0.5)
    raise AssertionError(log.read_text())


def client(server: SimpleNamespace, name: str, password: str = "") -> AirflowApi:
    return AirflowApi(server.url, password or PASSWORD.format(name=name), name, server.authority)


@pytest.mark.parametrize("name", ACCOUNTS)
def test_each_role_may_what_it_is_for(server: SimpleNamespace, name: str) -> None:
    api = client(server, name)

    codes = {what: api._request(verb, path, json=body).status_code for what, (verb, path, body) in ACTIONS.items()}

    assert {what for what, code in codes.items() if code != 403} == MAY[name]
    assert {what for what, code in codes.items() if code < 300 or code == 409} == MAY[name]  # 409: there already


def test_without_an_account_nothing_is_shown(server: SimpleNamespace) -> None:
    nobody = AirflowApi(server.url, "none", authority=server.authority)._client
    for verb, path, body in ACTIONS.values():
        assert nobody.request(verb, f"/api/v2{path}", json=body).status_code == 401
    with pytest.raises(AirflowRefusedError, match="does not let olga in"):
        client(server, "olga", "wrong-password").import_errors()
    with pytest.raises(httpx.ConnectError):
        AirflowApi(server.url, "none").health()  # a certificate that nobody vouches for


def test_an_account_gets_another_role_and_password(server: SimpleNamespace) -> None:
    add("olga", "viewer", "planted-new-6Wd", server.environment)

    api = client(server, "olga", "planted-new-6Wd")
    assert api._request("POST", "/dags/land/dagRuns", json={"logical_date": None}).status_code == 403
    assert api._request("GET", "/dags/land").status_code == 200
    with pytest.raises(AirflowRefusedError):
        client(server, "olga").import_errors()


def test_no_password_is_in_log_or_database(server: SimpleNamespace, postgres_server: EmbeddedPostgres) -> None:
    import psycopg

    told = server.log.read_bytes()
    for file in server.home.rglob("*.log"):
        told += file.read_bytes()
    secrets = [PASSWORD.format(name=name) for name in ACCOUNTS] + [postgres_server.password]
    secrets += [server.environment[name] for name in ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET")]
    assert [secret for secret in secrets if secret.encode() in told] == []
    with psycopg.connect(postgres_server.url("airflow_accounts", driver="")) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        for (table,) in tables:
            query = f"select 1 from public.{table} as t where t::text like any(%s) limit 1"
            assert connection.execute(query.encode(), [[f"%{text}%" for text in secrets]]).fetchone() is None, table

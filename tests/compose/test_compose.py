"""The team's server as a whole: it starts in order, asks for passwords, publishes days, survives kills and restarts."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import date

import httpx
import psycopg
import pytest

from compose.server import FIRST, OURS, SECOND, Server, status_code
from e2e.small_utility import MAY_BE_EMPTY, TABLES

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1200)]

READER = "crm_tool"
STORE_PORTS = """
import socket, httpx
try:
    address = socket.gethostbyname("seaweedfs")
except OSError:
    raise SystemExit(print("unknown"))
ports = [7333, 8080, 8111, 8181, 8333, 8888, 9101, 9333, 18080, 18888, 19333]
answering = [port for port in ports if socket.socket().connect_ex((address, port)) == 0]
print(answering, httpx.get(f"http://{address}:8333/mlflow").status_code)
"""
ACCOUNT = """
select
    (select sum(accepted_rows) from raw.load_audit where table_name = 'meter_reads' and state = 'accepted'),
    (select count(*) from raw.meter_reads),
    (select count(distinct (meter_id, channel, interval_start_utc, version_no)) from raw.meter_reads)
"""


@pytest.fixture(scope="session")
def first_day(server: Server) -> str:
    """What the command said that took the first day to publication."""
    return server.run_day(FIRST)


@pytest.fixture(scope="session")
def reader(server: Server, first_day: str) -> Iterator[psycopg.Connection]:
    """A connection of a downstream system, which has an account of its own."""
    password = server.secret("redis_password")
    server._run(
        [
            *("docker", "compose", "--env-file", str(server.env_file), "run", "--rm", "--no-deps", "-T"),
            *("-e", f"NEW_PASSWORD={password}", "init", "sh", "-c"),
            f'printf %s "$NEW_PASSWORD" | meterwise database add-user {READER} --password-stdin',
        ],
        False,
    )
    with server.connect(username=READER, password=password) as connection:
        yield connection


def test_every_part_asks_for_a_password(server: Server) -> None:
    mlflow = f"{server.url('MLFLOW')}/api/2.0/mlflow/experiments/search?max_results=1"
    airflow = f"{server.url('AIRFLOW')}/api/v2/dags"
    token = {"username": "admin", "password": "admin"}

    assert status_code(airflow) == httpx.codes.UNAUTHORIZED
    assert httpx.post(f"{server.url('AIRFLOW')}/auth/token", json=token).status_code == httpx.codes.UNAUTHORIZED
    assert status_code(mlflow) == status_code(mlflow, ("admin", "password1234")) == httpx.codes.UNAUTHORIZED
    assert status_code(mlflow, ("admin", server.secret("mlflow_admin_password"))) == httpx.codes.OK
    with pytest.raises(psycopg.OperationalError, match="password"):
        server.connect(password="meterwise")


def test_ports_are_open_on_this_machine_alone(server: Server) -> None:
    bindings = [
        binding["HostIp"]
        for container in server.containers()
        for found in (container["HostConfig"]["PortBindings"] or {}).values()
        for binding in found
    ]
    assert set(bindings) == {"127.0.0.1"}


def test_of_the_store_only_s3_answers_and_only_those_who_hold_its_keys(server: Server) -> None:
    def told(service: str) -> str:
        return server.compose("exec", "-T", service, "python", "-c", STORE_PORTS).strip()

    assert told("mlflow") == "[8333] 403"
    assert told("airflow-triggerer") == "unknown"


def test_our_containers_are_no_root_and_cannot_change_themselves(server: Server) -> None:
    for container in server.containers(*OURS):
        assert container["Config"]["User"] not in {"", "0", "root"}
        assert container["HostConfig"]["ReadonlyRootfs"]
        assert container["HostConfig"]["CapDrop"] == ["ALL"]
        assert container["HostConfig"]["Memory"] > 0
        assert container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_no_secret_stands_in_a_container_an_image_or_a_log(server: Server, first_day: str) -> None:
    texts = server.compose("logs", "--no-color") + first_day
    texts += str(server.containers()) + server._run(["docker", "history", "--no-trunc", "meterwise:test"], False).stdout
    values = {
        part
        for path in (server.folder / "secrets").glob("[a-z]*")
        if path.is_file()
        for part in path.read_text().replace("@", " ").replace(":", " ").replace('"', " ").split()
        if len(part) >= 16 and not part.startswith("/") and "_" not in part.rstrip("_")
    }

    assert len(values) >= 12
    assert [path for path in values if path in texts] == []


def test_a_day_is_published_and_read_by_those_who_may(server: Server, reader: psycopg.Connection) -> None:
    rows = {table: reader.execute(f"select count(*) from published.{table}").fetchone() for table in TABLES}

    assert {table for table, count in rows.items() if count == (0,)} <= MAY_BE_EMPTY
    for closed in ("raw.crm_customers", "publish.publish_customer_segments", "ops.builds"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(f"select * from {closed} limit 1")


def test_a_killed_part_is_started_again(server: Server, reader: psycopg.Connection) -> None:
    before = {container["Name"]: container for container in server.containers("airflow-scheduler", "mlflow")}
    for container in before.values():
        os.kill(container["State"]["Pid"], signal.SIGKILL)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        now = {container["Name"]: container["State"] for container in server.containers("airflow-scheduler", "mlflow")}
        if all(
            state["Pid"] not in {0, before[name]["State"]["Pid"]} and state["Health"]["Status"] == "healthy"
            for name, state in now.items()
        ):
            return
        time.sleep(3)
    pytest.fail(f"not up again: {now}")


def test_after_a_restart_the_next_day_follows_and_nothing_is_lost_or_doubled(server: Server, first_day: str) -> None:
    before = _published(server, FIRST)
    server.make("down")
    server.set(METERWISE_LAST_DATE=SECOND)
    server.hand_over(SECOND)
    server.make("up")

    server.run_day(SECOND)

    assert set(_published(server, SECOND)) == set(before)
    assert _published(server, FIRST) == before
    with server.administrator() as connection:
        landed, kept, keys = connection.execute(ACCOUNT).fetchone()  # type: ignore[misc]
        models = connection.execute("select count(*) from ops.promotions").fetchone()
    assert landed == kept == keys > 0
    assert models
    assert models[0] > 0


def test_what_is_old_is_thrown_away_by_airflow_itself(server: Server, first_day: str) -> None:
    assert server.ends("tidy") == "success"


def _published(server: Server, day: date) -> dict[str, str]:
    """What was published last for a day, table by table, without what names a run."""
    query = """
        select distinct on (table_name) table_name, row(rows, checksum)::text from published.publications
        where as_of_date = %s order by table_name, version desc
    """
    with server.administrator() as connection:
        found = dict(connection.execute(query, [day]).fetchall())
    assert set(found) == set(TABLES), f"{day} was not published whole"
    return found

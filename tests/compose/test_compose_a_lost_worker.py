"""Workers and brokers, by profile: the first day goes through a worker that is lost in the middle of a task.

This file comes first by its name: the day that is published here is what the other drills save, stop and restore.
"""

import os
import signal
import time
from pathlib import Path

import pytest

from compose.server import FIRST, Server, stand_in

pytestmark = [pytest.mark.drills, pytest.mark.timeout(1200)]

STAND_INS = Path(__file__).with_name("images")
# dbt itself, by name, for it takes longest and all of the warehouse hangs on it.
RUNNING = """
select dag_id, run_id, task_id, map_index, try_number from task_instance
where dag_id = 'build_warehouse' and task_id like '%producer%' and state = 'running'
    and start_date < now() - interval '10 seconds'
"""
TRIES = """
select state, try_number from task_instance
where (dag_id, run_id, task_id, map_index) = (%s, %s, %s, %s)
"""


@pytest.fixture(scope="module")
def workers(supplied_server: Server) -> Server:
    """The server with a worker, its broker and a broker of meters' messages."""
    server = supplied_server
    for image in server.compose("--profile", "*", "config", "--images").split():
        for part in ("redis", "mosquitto"):
            if part in image and stand_in(image, STAND_INS / part):
                server.stand_ins.append(image)
    server.set(COMPOSE_PROFILES="celery,mqtt", AIRFLOW_EXECUTOR="CeleryExecutor")
    server.make("up")
    return server


def test_brokers_ask_for_a_password(workers: Server) -> None:
    publish = ["exec", "-T", "mosquitto", "mosquitto_pub", "-t", "meters", "-m", "1"]
    assert workers.succeeds(*publish, "-u", "meterwise", "-P", workers.secret("mqtt_password"))
    assert not workers.succeeds(*publish)
    assert not workers.succeeds(*publish, "-u", "meterwise", "-P", "meterwise")
    assert not workers.succeeds("exec", "-T", "redis", "sh", "-c", "redis-cli ping | grep PONG")


def test_a_day_ends_well_though_its_worker_is_lost(workers: Server) -> None:
    begun = time.monotonic()
    with (workers.folder / "lost.log").open("w+") as told:
        run = workers.begin(FIRST, told)
        with workers.administrator("airflow") as airflow:
            while not (lost := airflow.execute(RUNNING).fetchall()):
                assert run.poll() is None, "the day ended before its warehouse was built"
                time.sleep(0.5)
            (worker,) = workers.containers("airflow-worker")
            os.kill(worker["State"]["Pid"], signal.SIGKILL)
            killed = time.monotonic()
            again: dict[tuple[object, ...], float] = {}
            while run.poll() is None:
                for *task, tries in lost:
                    now = airflow.execute(TRIES, task).fetchone()
                    if now and now[0] == "running" and now[1] > tries:
                        again.setdefault(tuple(task), time.monotonic() - killed)
                time.sleep(1)
            ends = [airflow.execute(TRIES, task).fetchone() for *task, _ in lost]
        told.seek(0)
        assert run.returncode == 0, told.read()[-3000:]

    (worker,) = workers.containers("airflow-worker")
    waits = ", ".join(f"{task[2]} {seconds:.0f} s" for task, seconds in again.items())
    print(f"Killed with {len(lost)} tasks; again: {waits}; the day took {time.monotonic() - begun:.0f} s")  # noqa: T201
    assert worker["RestartCount"] == 1
    assert all(end and end[0] == "success" for end in ends), ends
    assert any(end and end[1] > tries for (*_, tries), end in zip(lost, ends, strict=True))
    with workers.administrator() as connection:
        shown = connection.execute("select distinct as_of_date from published.customer_segments").fetchall()
    assert shown == [(FIRST,)]

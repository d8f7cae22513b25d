"""What can be killed of a running stack, by name: each finds its processes at the moment."""

import random
import time
from collections.abc import Callable
from contextlib import suppress

import psutil
import psycopg

from chaos.server import Server
from meterwise.postgres import EmbeddedPostgres
from meterwise.stack.processes import PART

Find = Callable[[Server], list[psutil.Process]]
PATIENCE_SECONDS = 15.0
"""So long is a victim waited for that is not there at the moment, as a task."""


def postmaster(server: Server) -> list[psutil.Process]:
    return [process for process in _postgres(server) if process.ppid() == server.process.pid]  # type: ignore[union-attr]


def backend(server: Server) -> list[psutil.Process]:
    return [process for process in _postgres(server) if "postgres: meterwise" in _title(process)]


def part(name: str) -> Find:
    """The main process of a server."""
    return lambda server: [
        process
        for process in server.family()
        if _part(process) == name and process.ppid() == server.process.pid  # type: ignore[union-attr]
    ]


def below(name: str) -> Find:
    """What a server has started."""
    return lambda server: [
        process
        for process in server.family()
        if _part(process) == name and process.ppid() != server.process.pid  # type: ignore[union-attr]
    ]


def task(server: Server) -> list[psutil.Process]:
    """A process that runs a task."""
    return [process for process in server.family() if "worker -- 0" in _title(process)]


def worker(server: Server) -> list[psutil.Process]:
    """A process that watches over a task, or waits for one."""
    return [process for process in server.family() if "LocalExecutor" in _title(process)]


def busy_worker(server: Server) -> list[psutil.Process]:
    """A process that watches over a task."""
    return [process for process in worker(server) if "idle" not in _title(process)]


def dbt(server: Server) -> list[psutil.Process]:
    """The task that runs dbt, wherever it stands."""
    query = "select pid from task_instance where state = 'running' and task_id like '%dbt_producer_watcher'"
    with suppress(psycopg.Error):
        url = EmbeddedPostgres(server.home / "postgres").url("airflow", driver="")
        with psycopg.connect(url, connect_timeout=2) as connection:
            return [psutil.Process(pid) for (pid,) in connection.execute(query).fetchall() if psutil.pid_exists(pid)]
    return []


def command(server: Server) -> list[psutil.Process]:
    """The server's own process, `meterwise up`."""
    return server.family()[:1]


def everything(server: Server) -> list[psutil.Process]:
    return server.family()


VICTIMS: dict[str, Find] = {
    "PostgreSQL": postmaster,
    "a connection's process of PostgreSQL": backend,
    "the scheduler": part("Airflow scheduler"),
    "the API server": part("Airflow api-server"),
    "the DAG processor": part("Airflow dag-processor"),
    "the triggerer": part("Airflow triggerer"),
    "MLflow": part("MLflow"),
    "MLflow's worker": below("MLflow"),
    "the Data Docs": part("Data Docs"),
    "a task": task,
    "the supervisor of a task": busy_worker,
    "dbt": dbt,
    "meterwise up": command,
    "everything": everything,
}
ALL_OF_IT = {"everything"}


def kill(server: Server, name: str, dice: random.Random) -> str:
    """Kill -9 one victim, for "everything" all at once; returns what was killed, or nothing where there is none."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := VICTIMS[name](server)):
        if time.monotonic() > deadline or not server.is_up:
            return ""
        time.sleep(0.1)
    chosen = found if name in ALL_OF_IT else [dice.choice(found)]
    told = f"{name} ({_title(chosen[0])[:60]})"
    for process in chosen:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return told


def _postgres(server: Server) -> list[psutil.Process]:
    data = str(EmbeddedPostgres(server.home / "postgres").data)
    found = []
    for process in server.family():
        with suppress(psutil.Error):
            if process.name() == "postgres" and process.cwd() == data:
                found.append(process)
    return found


def _title(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline()).strip()
    return ""


def _part(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return process.environ().get(PART, "")
    return ""

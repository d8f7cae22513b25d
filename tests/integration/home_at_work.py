"""The parts of an embedded stack that keep something: PostgreSQL and MLflow's server, without Airflow's processes."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from meterwise.postgres import HOST, EmbeddedPostgres
from meterwise.settings import Settings
from meterwise.stack.processes import ChildProcess, end
from meterwise.stack.state import StackState


@contextmanager
def at_work(home: Path, mlflow: bool = True) -> Iterator[Settings]:
    """The parts of an embedded stack that keep something, without Airflow's processes."""
    state = StackState.load(home)
    state.choose_ports()
    home.mkdir(parents=True, exist_ok=True)
    state.save(home)
    with ExitStack() as stack:
        postgres = stack.enter_context(EmbeddedPostgres(home / "postgres", durable=False))
        for name in ("meterwise", "airflow", "mlflow"):
            postgres.create_database(name)
        settings = Settings(home=home, sources_file=home.parent / "sources.yml", mlflow_uri=state.url("mlflow"))
        if mlflow:
            arguments = ["--host", HOST, "--port", str(state.ports["mlflow"]), "--workers", "1"]
            arguments += ["--artifacts-destination", str(home / "mlflow" / "artifacts")]
            server = ChildProcess(
                "MLflow",
                [sys.executable, "-m", "mlflow", "server", *arguments],
                home / "logs" / "mlflow.log",
                lambda: httpx.get(f"{state.url('mlflow')}/health").is_success,
            )
            backend = postgres.url("mlflow", driver="psycopg2")
            stack.callback(end, [server], home)
            server.start({**os.environ, "MLFLOW_BACKEND_STORE_URI": backend}, home)
            server.wait_until_healthy()
        yield settings

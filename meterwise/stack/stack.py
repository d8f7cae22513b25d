"""Starts, watches and stops the embedded stack. What each part is told is in ``airflow_server`` and ``state``."""

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx
import psycopg
from pydantic import SecretStr

from meterwise.access.check import refuse_newer_databases
from meterwise.backup import unfinished
from meterwise.planning import DAG_IDS
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings, as_environment
from meterwise.sources.config import SourcesFileError, load_sources
from meterwise.stack import airflow_server
from meterwise.stack.airflow_api import AirflowApi, wait_for_dags
from meterwise.stack.processes import ChildProcess, StackError, end, kill_leftovers
from meterwise.stack.state import HOST, StackState, take_lock
from meterwise.stack.supervision import Supervisor
from meterwise.stack.upkeep import parts_of
from meterwise.transform import dbt_environment

COSMOS_DECIDES = {"DBT_PROJECT_DIR", "DBT_TARGET_PATH"}
"""Cosmos runs dbt in a copy of the project and looks for the results there."""
WAREHOUSE_DATABASE = "warehouse"
WAREHOUSE_POOL = "warehouse"
WATCHERS_POOL = "watchers"
POOLS = {
    WAREHOUSE_POOL: (1, "One stage works on the warehouse at a time: DuckDB admits no other while it writes."),
    WATCHERS_POOL: (3, "Tasks that only watch dbt; fewer than Airflow runs at once, so that work is never starved."),
}


def silent(message: str) -> None:
    """Say nothing: the default of ``report``."""


class Stack:
    """PostgreSQL, MLflow, the Data Docs and Airflow of one home.

    Invariants:
        One stack a home. Everything that it started ends with it; what a killed one left behind is ended by the next.
    """

    def __init__(
        self,
        settings: Settings,
        report: Callable[[str], None] = silent,
        databases: Mapping[str, str] | None = None,
        meanwhile: Callable[[Settings], None] | None = None,
    ) -> None:
        """Prepare a stack.

        Args:
            settings: Of the installation; addresses are filled in by ``start``.
            report: Is told in a few words what is being started.
            databases: Further databases to make, by the name of the secret that is to hold their URL.
            meanwhile: Is called once PostgreSQL is up, while the other parts start; Airflow waits for it.
        """
        self.home = settings.home_path
        self.settings = settings
        self.report = report
        self.databases = databases or {}
        self.meanwhile = meanwhile
        self.state = StackState()
        self._claims = ExitStack()
        self.postgres = EmbeddedPostgres(self.home / "postgres")
        self.children: list[ChildProcess] = []
        self._supervisor: Supervisor | None = None
        self._lock: IO[Any] | None = None

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start everything and return when it is ready. Call it from the main thread.

        Raises:
            StackError: A stack already runs on this home, or a part did not become ready.
            NewerDatabaseError: A newer Meterwise, Airflow or MLflow has worked on this home.
            UnfinishedRestoreError: The home holds half of a backup.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        unfinished.refuse_home(self.home)
        self._lock = take_lock(self.home)
        self.report("PostgreSQL")
        self.start_database()
        refuse_newer_databases(self.settings, self.postgres.url("airflow"), self.postgres.url("mlflow"))
        self.report("MLflow and Data Docs")
        environment = self._environment()
        airflow_server.write_preload(self.home)
        for server in (self._mlflow(), self._data_docs()):
            self._start(server, environment)
        preparations = self._preparations()
        for preparation in preparations:
            preparation.start(environment, self.home)
        if self.meanwhile is not None:
            self.meanwhile(self.settings)
        for preparation in preparations:
            preparation.wait_until_healthy()
        self.state.migrated = version("apache-airflow")
        self.state.save(self.home)
        self._start_airflow(environment)
        if self._listens():
            self._start(self._listener(), environment)
        parts = parts_of(self.postgres, self.children, environment, self.home, self.airflow)
        self._supervisor = Supervisor(parts, self.report)
        return self

    def _start_airflow(self, environment: dict[str, str]) -> None:
        started_at = datetime.now(UTC)
        self.report("Airflow")
        interrupted = self._has_interrupted_runs()
        for name in airflow_server.COMPONENTS:
            component = self._component(name, started_at)
            self._start(component, environment)
            if name == airflow_server.API_SERVER and interrupted:
                component.wait_until_healthy()
                self._begin_interrupted_runs_again()
        for child in self.children:
            child.wait_until_healthy()
        self.report("DAGs")
        for name, (slots, description) in POOLS.items():
            self.airflow.set_pool(name, slots, description)
        try:
            wait_for_dags(self.airflow, set(DAG_IDS), started_at)
        except TimeoutError as error:
            raise StackError(str(error)) from error

    def _has_interrupted_runs(self) -> bool:
        """Tell whether Airflow believes that something runs, though none of it has been started yet."""
        with psycopg.connect(self.postgres.url("airflow", driver="")) as connection:
            if connection.execute("select to_regclass('dag_run')").fetchone() == (None,):
                return False
            found = connection.execute("select 1 from dag_run where state = 'running' limit 1").fetchone()
        return found is not None

    def _begin_interrupted_runs_again(self) -> None:
        """Run anew what was running when the last stack ended: its tasks are gone, and Airflow would wait for them.

        Call it before the scheduler starts, which would change the same rows.
        """
        for run in self.airflow.active_runs():
            if run.state == "running":
                self.report(f"{run.dag_id} again, which was interrupted")
                self.airflow.begin_again(run)

    def start_database(self) -> None:
        """Start PostgreSQL alone and fill in the settings with every address; part of ``start``."""
        kill_leftovers(self.home)
        self.state = StackState.load(self.home)
        self._claims = self.state.choose_ports()
        self.postgres.start()
        for name in ("airflow", "mlflow"):
            self.postgres.create_database(name)
        self.state.save(self.home)
        self.settings = self.settings.model_copy(
            update={
                "database_url": SecretStr(self.postgres.create_database("meterwise")),
                **self._warehouse(),
                **self.state.addresses(),
                "secrets": {**self.settings.secrets, **self._secrets()},
            }
        )

    def stop(self) -> None:
        """Stop everything that was started, PostgreSQL last. Twice is no error."""
        self._supervisor = None
        end(self.children, self.home)
        self.children = []
        self.postgres.stop()
        self._claims.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def look_after(self) -> None:
        """Start again what has died by itself or does not answer; call it every second or so, from the main thread.

        Raises:
            StackError: A part has died again and again.
        """
        if self._supervisor is not None:
            self._supervisor.look_after()

    @cached_property
    def airflow(self) -> AirflowApi:
        """A client of the stack's Airflow."""
        return AirflowApi(self.state.url("airflow"), self.state.airflow_password)

    def _environment(self) -> dict[str, str]:
        database = self.postgres.url("airflow", driver="")
        return {
            **as_environment(self.settings),
            **{k: v for k, v in dbt_environment(self.settings).items() if k not in COSMOS_DECIDES},
            **airflow_server.environment(self.settings, self.state, database),
            # Read by MLflow's server only; in the environment, so that the password is on no command line.
            "MLFLOW_BACKEND_STORE_URI": self.postgres.url("mlflow", driver="psycopg2"),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "PYTHONUNBUFFERED": "1",
        }

    def _start(self, child: ChildProcess, environment: dict[str, str]) -> None:
        self.children.append(child)
        child.start(environment, self.home)

    def _mlflow(self) -> ChildProcess:
        artifacts = self.home / "mlflow" / "artifacts"
        artifacts.mkdir(parents=True, exist_ok=True)
        port = self.state.ports["mlflow"]
        arguments = ["--host", HOST, "--port", str(port), "--workers", "1", "--artifacts-destination", str(artifacts)]
        url = f"{self.state.url('mlflow')}/health"
        command = [sys.executable, "-m", "mlflow", "server", *arguments]
        return ChildProcess("MLflow", command, self._log("mlflow"), lambda: httpx.get(url).is_success)

    def _data_docs(self) -> ChildProcess:
        folder = self.settings.data_docs_path
        folder.mkdir(parents=True, exist_ok=True)
        port = self.state.ports["data_docs"]
        command = [sys.executable, "-m", "http.server", str(port), "--bind", HOST, "--directory", str(folder)]
        url = self.state.url("data_docs")
        return ChildProcess("Data Docs", command, self._log("data-docs"), lambda: httpx.get(url).is_success)

    def _component(self, name: str, started_at: datetime) -> ChildProcess:
        def is_healthy() -> bool:
            health = self.airflow.health()
            if name == airflow_server.API_SERVER:
                return bool(health["metadatabase"]["status"] == "healthy")
            key = name.replace("-", "_")
            heartbeat = health[key][f"latest_{key}_heartbeat"]
            return bool(heartbeat and datetime.fromisoformat(heartbeat) > started_at)

        command = airflow_server.component(name)
        return ChildProcess(f"Airflow {name}", command, self._log(f"airflow-{name}"), is_healthy)

    def _listens(self) -> bool:
        try:
            return bool(load_sources(settings=self.settings).listened)
        except SourcesFileError:  # the stages that need the file say what is wrong with it
            return False

    def _listener(self) -> ChildProcess:
        """It lives on where a broker refuses us, which must not end what does not need the broker."""
        command = [sys.executable, "-m", "meterwise.cli", "listen", "--keep-trying"]
        return ChildProcess("MQTT listener", command, self._log("mqtt-listener"), lambda: True)

    def _preparations(self) -> list[ChildProcess]:
        """Programs that must have ended well before Airflow starts: its database schema, dbt's manifest."""
        commands = {"dbt manifest": [sys.executable, "-m", "meterwise.parsed_project"]}
        if self.state.migrated != version("apache-airflow"):
            commands["airflow db migrate"] = airflow_server.command("db", "migrate")
        return [
            ChildProcess(name, line, self._log(name.replace(" ", "-")), ends=True) for name, line in commands.items()
        ]

    def _warehouse(self) -> dict[str, SecretStr]:
        """Where the warehouse is to be PostgreSQL and nobody said which one, make a database for it in ours."""
        if self.settings.warehouse != "postgresql" or self.settings.warehouse_url is not None:
            return {}
        return {"warehouse_url": SecretStr(self.postgres.create_database(WAREHOUSE_DATABASE))}

    def _secrets(self) -> dict[str, SecretStr]:
        return {secret: SecretStr(self.postgres.create_database(name)) for secret, name in self.databases.items()}

    def _log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

"""A team's server in Docker, in a project of its own with secrets of its own: started, asked and torn down by tests."""

import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import httpx
import psycopg
from sqlalchemy import make_url

from meterwise.stack.airflow_api import AirflowApi

ROOT = Path(__file__).parents[2]
CUSTOMERS, MONTHS = 50, 5
FIRST, SECOND, THIRD = (date(2026, 7, day) for day in (15, 16, 17))
IMAGE_TAG = "test"
OURS = ("mlflow", "airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "data-docs")
HAND_OVER = Path(__file__).with_name("hand_over.py")


@dataclass
class Server:
    """One compose project; everything of it lies in one folder."""

    folder: Path
    project: str
    ports: dict[str, int]
    stand_ins: list[str] = field(default_factory=list)

    @property
    def env_file(self) -> Path:
        return self.folder / "env"

    @property
    def sources_file(self) -> Path:
        return self.folder / "sources.yml"

    @property
    def environment(self) -> dict[str, str]:
        given = {name: value for name, value in os.environ.items() if not name.startswith("METERWISE_")}
        return {**given, "ENV_FILE": str(self.env_file), "SECRETS_FOLDER": str(self.folder / "secrets")}

    def make(self, target: str, *, may_fail: bool = False, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Call one word of the Makefile, as a person would."""
        return self._run(["make", target, *(f"{k}={v}" for k, v in variables.items())], may_fail)

    def compose(self, *arguments: str, may_fail: bool = False) -> str:
        done = self._run(["docker", "compose", "--env-file", str(self.env_file), *arguments], may_fail)
        return done.stdout

    def succeeds(self, *arguments: str) -> bool:
        return self._run(["docker", "compose", "--env-file", str(self.env_file), *arguments], True).returncode == 0

    def ends(self, dag_id: str, seconds: float = 300) -> str:
        """Start a DAG for the second day and return how its run ends."""
        run_id = self.airflow.trigger(dag_id, SECOND.isoformat())
        deadline = time.monotonic() + seconds
        state = ""
        while state not in {"success", "failed"} and time.monotonic() < deadline:
            time.sleep(2)
            found = self.airflow.runs_since(datetime.now(UTC) - timedelta(hours=1))
            state = next((run.state for run in found if run.run_id == run_id), "")
        return state

    def job(self, *command: str, service: str = "jobs", may_fail: bool = False) -> str:
        """Run one command in our image; returns all it said."""
        done = self._run(
            [
                "docker",
                "compose",
                "--env-file",
                str(self.env_file),
                "run",
                "--rm",
                "--no-deps",
                "-T",
                service,
                *command,
            ],
            may_fail,
        )
        return done.stdout + done.stderr

    def _run(self, command: list[str], may_fail: bool) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=1200, check=False
        )
        assert may_fail or done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    def set(self, **values: object) -> None:
        """Say in the file of settings what docker compose and Meterwise are to know."""
        kept = [line for line in self.env_file.read_text().splitlines() if line.split("=")[0] not in values]
        self.env_file.write_text("\n".join([*kept, *(f"{name}={value}" for name, value in values.items())]) + "\n")

    def secret(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text().strip()

    @property
    def authority(self) -> Path | None:
        """The certificate that vouches for the server's; None where it speaks in clear."""
        return self.folder / "secrets" / "tls" / "authority.crt" if "tls.yml" in self.env_file.read_text() else None

    def url(self, part: str) -> str:
        return f"{'https' if self.authority else 'http'}://127.0.0.1:{self.ports[part]}"

    @property
    def airflow(self) -> AirflowApi:
        return AirflowApi(self.url("AIRFLOW"), self.secret("airflow_password"), authority=self.authority)

    def connect(self, secret: str = "database_url", **changed: Any) -> psycopg.Connection:
        """Open a connection from outside, as whom a secret names or as somebody else."""
        url = make_url(self.secret(secret)).set(host="127.0.0.1", port=self.ports["POSTGRES"], **changed)
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)

    def administrator(self, database: str = "meterwise") -> psycopg.Connection:
        return self.connect("admin_url", database=database)

    def containers(self, *services: str) -> list[dict[str, Any]]:
        """What Docker knows of the containers of services."""
        ids = self.compose("ps", "-a", "-q", *services).split()
        return list(json.loads(self._run(["docker", "inspect", *ids], False).stdout)) if ids else []

    def write_settings(self) -> None:
        """Make secrets, settings and a CRM database's password; no default is used where two runs could meet."""
        self.make("secrets")
        ports = {f"{name}_PORT": port for name, port in self.ports.items()}
        self.set(
            COMPOSE_PROJECT_NAME=self.project,
            ENV_FILE=self.env_file,
            IMAGE_TAG=IMAGE_TAG,
            SOURCES_FILE=self.sources_file,
            BACKUP_FOLDER=self.folder / "backups",
            METERWISE_LAST_DATE=FIRST,
            METERWISE_MEMORY_LIMIT="2GB",
            METERWISE_MONITOR_MINUTES=0,
            POSTGRES_SHARED_BUFFERS="128MB",
            **ports,
        )
        self.sources_file.write_text(
            "utility: {name: Demo Power, timezone: Europe/Berlin, country: DE, currency: EUR}\n"
        )

    def hand_over(self, day: date) -> None:
        """Bring the made-up utility to a day: a CRM database, files in a folder and files in the object store."""
        self.compose("--progress=quiet", "up", "-d", "--wait", "postgres", "seaweedfs")
        crm = self.folder / "secrets" / "sources" / "crm_url"
        if not crm.exists():
            password = self.secret("mqtt_password")[::-1]
            with self.administrator("postgres") as connection:
                connection.execute(f"create role crm login password '{password}'")
                connection.execute("create database crm owner crm")
            crm.write_text(f"postgresql+psycopg://crm:{password}@postgres:5432/crm\n")
        arguments = (day.isoformat(), FIRST.isoformat(), str(CUSTOMERS), str(MONTHS))
        told = self.job("python", "-c", HAND_OVER.read_text(), *arguments)
        self.sources_file.write_text(told[told.index("utility:") :])

    def run_day(self, day: date) -> str:
        return self.job("meterwise", "run", day.isoformat())

    def begin(self, day: date, told: IO[str]) -> "subprocess.Popen[bytes]":
        """Begin a day as a person would, beside the server."""
        command = ["docker", "compose", "--env-file", str(self.env_file), "run", "--rm", "--no-deps", "-T", "jobs"]
        return subprocess.Popen(
            [*command, "meterwise", "run", day.isoformat()],
            env=self.environment,
            cwd=ROOT,
            stdout=told,
            stderr=subprocess.STDOUT,
        )

    def tear_down(self) -> None:
        """Remove containers, volumes, networks and images of this project, and its folder."""
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "5", may_fail=True)
        for image in (f"meterwise:{IMAGE_TAG}", *self.stand_ins):
            subprocess.run(["docker", "rmi", image], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def free_ports(*names: str) -> dict[str, int]:
    sockets = {name: socket.socket() for name in names}
    for found in sockets.values():
        found.bind(("127.0.0.1", 0))
    ports = {name: int(found.getsockname()[1]) for name, found in sockets.items()}
    for found in sockets.values():
        found.close()
    return ports


def engine_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def stand_in(image: str, folder: Path) -> bool:
    """Build an image from Debian's package where the official one cannot be had; tells whether it did."""
    for command in (["image", "inspect", image], ["pull", "-q", image]):
        if subprocess.run(["docker", *command], capture_output=True, check=False).returncode == 0:
            return False
    subprocess.run(["docker", "build", "-q", "-t", image, str(folder)], capture_output=True, check=True)
    return True


def status_code(url: str, login: tuple[str, str] | None = None) -> int:
    return httpx.get(url, auth=login, timeout=30).status_code

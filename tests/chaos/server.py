"""A `meterwise up` of its own for a small utility: started, fed with days, killed in parts or as a whole."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import PREFIX, Settings, as_environment
from meterwise.stack.attached import AttachedStack
from meterwise.stack.processes import kill_leftovers
from meterwise.stack.state import WANTED_PORTS, StackState, any_free_port, is_running

START_SECONDS = 300.0
MARK_OF_UP = "Up. Ctrl-C stops everything."


@dataclass
class Server:
    """One long-lived stack on a home of its own."""

    settings: Settings
    process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        return self.settings.home_path

    @property
    def output(self) -> Path:
        """What all starts of the server have said, one after the other."""
        return self.home.with_suffix(".up")

    def start(self) -> None:
        """Start it and wait until it is up."""
        told = self.said.count(MARK_OF_UP)
        if not (self.home / "stack.json").exists():  # the usual ports may be another stack's, which starts meanwhile
            self.home.mkdir(parents=True, exist_ok=True)
            StackState(ports={name: any_free_port() for name in WANTED_PORTS}).save(self.home)
        self.process = self._run("up", "--home", str(self.home), output=self.output)
        deadline = time.monotonic() + START_SECONDS
        while self.said.count(MARK_OF_UP) == told:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.2)

    @property
    def said(self) -> str:
        return self.output.read_text() if self.output.exists() else ""

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None and is_running(self.home)

    def begin(self, day: str) -> subprocess.Popen[bytes]:
        """Begin to take a day to publication: the command that people use beside a running stack."""
        return self._run("run", day, "--home", str(self.home), output=self.output_of(day))

    def output_of(self, day: str) -> Path:
        return self.home.with_suffix(f".run-{day}")

    def connect(self) -> psycopg.Connection:
        """Open a connection as a downstream system would; fails while PostgreSQL is away."""
        url = EmbeddedPostgres(self.home / "postgres").url("meterwise", driver="")
        return psycopg.connect(url, connect_timeout=5)

    def attached(self) -> Settings:
        """Settings with the addresses of what runs."""
        return AttachedStack(self.settings).settings

    def family(self) -> list[psutil.Process]:
        """The server's process and every one below it."""
        with suppress(psutil.NoSuchProcess, AttributeError):
            own = psutil.Process(self.process.pid)  # type: ignore[union-attr]
            return [own, *own.children(recursive=True)]
        return []

    def stop(self) -> None:
        """Stop it in order, and by force what is left of it."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(90)
        for process in self.family():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        kill_leftovers(self.home)

    def _run(self, *arguments: str, output: Path) -> subprocess.Popen[bytes]:
        self.home.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        environment |= as_environment(self.settings) | {"PYTHONUNBUFFERED": "1"}
        with output.open("ab") as into:
            return subprocess.Popen(
                [sys.executable, "-m", "meterwise.cli", *arguments],
                stdout=into,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                cwd=self.home,
            )

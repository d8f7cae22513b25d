"""Runs dbt commands, each in a process of its own, which a server forks that has dbt loaded already.

Loading dbt takes longer than most of its commands. The server starts with the first command and ends with the process
that started it.
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn, cast

import psutil

from meterwise.settings import replace_environment


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit code, and what it said."""

    code: int
    stdout: str
    stderr: str


def run(arguments: Sequence[str], environment: Mapping[str, str], folder: Path, parsed: Path | None = None) -> Done:
    """Run one dbt command and wait for its end.

    Args:
        arguments: Those of dbt's command line.
        environment: All that the command sees of it.
        folder: Where it runs.
        parsed: What dbt parsed before (``partial_parse.msgpack``), so that it need not parse again.
    """
    with _text_file() as stdout, _text_file() as stderr:
        order = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "folder": str(folder),
            "parsed": parsed and str(parsed),
            "stdout": stdout.name,
            "stderr": stderr.name,
        }
        return Done(_SERVER.obey(order), stdout.read(), stderr.read())


def _text_file() -> Any:
    return tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace")


class _Server:
    """The one server of this process; a forked process starts another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self._end)

    def obey(self, order: dict[str, Any]) -> int:
        """Return the exit code of a command; one that was killed, or lost its server, has none of dbt's own."""
        with self._lock:
            server = self._running()
            orders, answers = cast(IO[str], server.stdin), cast(IO[str], server.stdout)
            try:
                orders.write(json.dumps(order) + "\n")
                orders.flush()
                answer = answers.readline()
            except BaseException:
                self._kill()
                raise
            return int(answer) if answer else server.wait() or 1

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "meterwise.dbt_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._process

    def _kill(self) -> None:
        if self._process and self._process.poll() is None:
            for process in [*psutil.Process(self._process.pid).children(), self._process]:
                process.kill()
            self._process.wait()

    def _end(self) -> None:
        if self._process:
            cast(IO[str], self._process.stdin).close()
            self._process.wait()

    def _forget(self) -> None:
        self._lock, self._process = threading.Lock(), None


_SERVER = _Server()


def serve() -> None:
    """Fork one process for each order that comes in, and answer its exit code, until nobody can order any more."""
    import dbt.adapters.duckdb
    import dbt.adapters.postgres
    import dbt.cli.main  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if not child:
            _obey(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - the answer


def _obey(order: dict[str, Any]) -> NoReturn:
    from dbt.cli.exceptions import DbtUsageException
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(order["stdout"], os.O_WRONLY), 1)
        os.dup2(os.open(order["stderr"], os.O_WRONLY), 2)
        replace_environment(order["environment"])
        os.chdir(order["folder"])
        parsed = Manifest.from_msgpack(Path(order["parsed"]).read_bytes()) if order["parsed"] else None
        done = dbtRunner(manifest=parsed).invoke(order["arguments"])
        if isinstance(done.exception, DbtUsageException):  # the one kind that dbt itself does not tell
            print(done.exception)  # noqa: T201 - as its command line does
        code = 0 if done.success else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()

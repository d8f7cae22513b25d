"""Children are watched, and end with everything that they started, even when their parent was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from meterwise.stack.processes import MARK, ChildProcess, StackError, end, kill_leftovers

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
FAMILY = [
    sys.executable,
    "-c",
    "import os, subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
    "time.sleep(60)",
]


def child(tmp_path: Path, command: list[str], healthy: bool = True, timeout_seconds: float = 1) -> ChildProcess:
    return ChildProcess("server", command, tmp_path / "server.log", lambda: healthy, timeout_seconds)


def marked(home: Path) -> int:
    found = 0
    for process in psutil.process_iter():
        try:
            found += process.environ().get(MARK) == str(home)
        except psutil.Error:
            continue
    return found


def test_a_child_that_ends_early_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    server = child(
        tmp_path, [sys.executable, "-c", "raise SystemExit('no disk left')"], healthy=False, timeout_seconds=20
    )
    server.start(os.environ, tmp_path)

    with pytest.raises(StackError, match=r"(?s)exit code 1.*no disk left"):
        server.wait_until_healthy()


def test_a_child_that_never_gets_ready_is_reported(tmp_path: Path) -> None:
    server = child(tmp_path, SLEEPER, healthy=False, timeout_seconds=0.3)
    server.start(os.environ, tmp_path)

    with pytest.raises(StackError, match="did not become ready"):
        server.wait_until_healthy()

    end([server], tmp_path)


def test_the_end_takes_grandchildren_along(tmp_path: Path) -> None:
    server = child(tmp_path, FAMILY)
    server.start(os.environ, tmp_path)
    while marked(tmp_path) < 2:
        time.sleep(0.05)

    end([server], tmp_path)

    assert marked(tmp_path) == 0


def test_what_a_killed_stack_left_behind_is_found_and_nothing_else(tmp_path: Path) -> None:
    ours = child(tmp_path, FAMILY)
    ours.start(os.environ, tmp_path)
    while marked(tmp_path) < 2:
        time.sleep(0.05)
    other = subprocess.Popen(SLEEPER, env={**os.environ, MARK: str(tmp_path / "other")})
    assert ours.process is not None
    os.kill(ours.process.pid, signal.SIGKILL)
    ours.process.wait()

    kill_leftovers(tmp_path)

    assert marked(tmp_path) == 0
    assert other.poll() is None
    other.kill()
    other.wait()

"""What dies is started again, with growing pauses, until it dies again and again."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from meterwise.stack.processes import PART, ChildProcess, StackError, end
from meterwise.stack.supervision import DEATHS_IN_A_ROW, HUNG_SECONDS, LOOK_SECONDS, STEADY_SECONDS, Part, Supervisor


@dataclass
class Server:
    """A part that dies when it is told to, on a clock of its own."""

    now: float = 0.0
    dead: bool = False
    dies_at_once: bool = False
    answers: bool = True
    starts: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def supervisor(self) -> Supervisor:
        part = Part(
            "MLflow",
            lambda: "ended with exit code 1" if self.dead else None,
            self.start,
            self.kill,
            lambda: "No space left",
            lambda: self.answers,
        )
        part.started_at = part.well_at = part.looked_at = self.now
        return Supervisor([part], self.told.append, lambda: self.now)

    def start(self) -> None:
        self.starts.append(self.now)
        self.dead = self.dies_at_once

    def kill(self) -> None:
        self.dead = self.answers = True


def look(supervisor: Supervisor, server: Server, seconds: float) -> None:
    until = server.now + seconds
    while server.now < until:
        supervisor.look_after()
        server.now += 1


def test_a_part_that_dies_is_started_again_at_once_and_it_is_said() -> None:
    server = Server()
    supervisor = server.supervisor()
    look(supervisor, server, 10)
    assert not server.starts

    server.dead = True
    look(supervisor, server, 1)

    assert server.starts == [10]
    assert server.told == ["MLflow again: it ended with exit code 1"]


def test_what_dies_again_and_again_is_given_up_with_its_last_lines() -> None:
    server = Server(dead=True, dies_at_once=True)
    supervisor = server.supervisor()

    with pytest.raises(StackError, match=r"(?s)MLflow has died 9 times in a row.*No space left"):
        look(supervisor, server, 300)

    assert len(server.starts) == DEATHS_IN_A_ROW
    pauses = [after - before for before, after in zip(server.starts, server.starts[1:], strict=False)]
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 30


def test_a_part_may_die_often_as_long_as_it_lives_in_between() -> None:
    server = Server()
    supervisor = server.supervisor()

    for _ in range(3 * DEATHS_IN_A_ROW):
        look(supervisor, server, STEADY_SECONDS + 1)
        server.dead = True

    look(supervisor, server, 1)
    assert len(server.starts) == 3 * DEATHS_IN_A_ROW


def test_a_part_that_does_not_answer_is_ended_and_started_again() -> None:
    server = Server(answers=False)
    supervisor = server.supervisor()

    look(supervisor, server, HUNG_SECONDS - LOOK_SECONDS)
    assert not server.starts
    look(supervisor, server, 3 * LOOK_SECONDS)

    assert len(server.starts) == 1
    assert "has not answered" in server.told[0]


def test_a_killed_child_comes_back_alone_and_without_what_it_left_behind(tmp_path: Path) -> None:
    family = [
        sys.executable,
        "-c",
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
        "print('up', flush=True)\n"
        "time.sleep(60)",
    ]
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    child = ChildProcess("server", family, tmp_path / "server.log")
    other = ChildProcess("other", sleeper, tmp_path / "other.log")
    for one in (child, other):
        one.start(os.environ, tmp_path)
    wait_for(lambda: len(of_part("server")) == 2)
    (orphan,) = [process for process in of_part("server") if process.pid != child.process.pid]  # type: ignore[union-attr]

    child.kill(tmp_path)
    assert child.ended() == "was ended by SIGKILL"
    child.start(os.environ, tmp_path)
    wait_for(lambda: len(of_part("server")) == 2)

    assert not orphan.is_running()
    assert other.ended() is None
    assert (tmp_path / "server.log").read_text() == "up\nup\n"
    end([child, other], tmp_path)


def of_part(name: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(PART) == name:
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)

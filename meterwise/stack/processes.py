"""Child processes: started in a session of their own, watched, and ended with everything that they started."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "STACK_OF_METERWISE"
"""Environment variable that every process of a stack inherits; its value is the stack's home."""
PART = "PART_OF_METERWISE"
"""Environment variable that all processes of one part inherit; its value is the part's name."""

TAIL_LINES = 12
GRACE_SECONDS = 10.0
HEALTH_POLL_SECONDS = 0.25


class StackError(RuntimeError):
    """The stack could not be started or kept running; the message says which part, why, and what to do."""


@dataclass
class ChildProcess:
    """One long-lived process of the stack.

    Attributes:
        name: What people call it.
        command: Program and arguments.
        log: File that gets everything it prints.
        healthy: Tells whether a server can be used; errors count as no.
        timeout_seconds: How long it may take to become healthy.
        ends: Whether it is a program that is meant to end, rather than a server.
    """

    name: str
    command: Sequence[str]
    log: Path
    healthy: Callable[[], bool] = lambda: False
    timeout_seconds: float = 180
    ends: bool = False
    process: subprocess.Popen[bytes] | None = None

    def start(self, environment: Mapping[str, str], home: Path) -> None:
        """Start it with its output going to its log; Linux ends it when the process that started it is gone.

        Started again, it adds to its log, which says why it ended.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb" if self.process is None else "ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env={**environment, MARK: str(home), PART: self.name},
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the command only, which then stops its children in order
                preexec_fn=_end_with_parent(),
            )

    def wait_until_healthy(self) -> None:
        """Wait for the health check.

        Raises:
            StackError: It ended, or did not become healthy in time; with the last lines of its log.
        """
        deadline = time.monotonic() + self.timeout_seconds
        while not self._is_healthy():
            self.check_alive()
            if time.monotonic() > deadline:
                raise StackError(
                    f"{self.name} did not become ready within {self.timeout_seconds:.0f} seconds.\n{self.tail()}"
                )
            time.sleep(HEALTH_POLL_SECONDS)

    def check_alive(self) -> None:
        """Raise StackError if the process has ended by itself, or badly where it is meant to end."""
        reason = self.ended()
        if reason and not (self.ends and self.process is not None and self.process.returncode == 0):
            raise StackError(f"{self.name} {reason}.\n{self.tail()}")

    def ended(self) -> str | None:
        """Return how it ended, in words; None while it runs and before it is started."""
        return how_it_ended(self.process)

    def kill(self, home: Path) -> None:
        """End it by force, together with whatever it started."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        kill_leftovers(home, self.name)

    def tail(self) -> str:
        """Return the last lines of the log, with its path."""
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:] if self.log.exists() else []
        return "\n".join([f"Last lines of {self.log}:", *(f"  {line}" for line in lines)])

    def _is_healthy(self) -> bool:
        if self.ends:
            return self.process is not None and self.process.poll() == 0
        try:
            return self.healthy()
        except Exception:
            return False


def how_it_ended(process: subprocess.Popen[bytes] | None) -> str | None:
    """Return how a child ended, in words; None while it runs and where there is none."""
    code = process.poll() if process is not None else None
    if code is None:
        return None
    return f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"


def end(children: Iterable[ChildProcess], home: Path) -> None:
    """End processes politely, then, after a grace period, by force, together with whatever they started."""
    running = [child.process for child in children if child.process is not None]
    for process in running:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    for process in running:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, deadline - time.monotonic()))
    kill_leftovers(home)
    for process in running:
        process.wait()


def kill_leftovers(home: Path, part: str | None = None) -> int:
    """Kill every process that carries the mark of a stack on this home; returns how many there were.

    The mark is inherited, so it finds what a killed scheduler started too, and never a process of anyone else.

    Args:
        home: Of the stack.
        part: Only what this part has started, and itself.
    """
    found = [process for process in psutil.process_iter() if _belongs_to(process, home, part)]
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(found, timeout=GRACE_SECONDS)
    return len(found)


def _belongs_to(process: psutil.Process, home: Path, part: str | None) -> bool:
    with suppress(psutil.Error, OSError):
        marks = process.environ() if process.pid != os.getpid() else {}
        return marks.get(MARK) == str(home) and part in {None, marks.get(PART)}
    return False


def _end_with_parent() -> Callable[[], None] | None:
    """Return what makes Linux end a child when the thread that started it is gone; the main thread only."""
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    prctl, set_parent_death_signal = ctypes.CDLL(None).prctl, 1
    return lambda: prctl(set_parent_death_signal, signal.SIGTERM)

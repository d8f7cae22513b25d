"""Everything is killed at three random moments of a run; started again, it publishes what an undisturbed run does."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from e2e.small_utility import CUSTOMERS, published_tables
from meterwise.commands.demo_state import load as load_demo
from meterwise.commands.demo_state import settings_of
from meterwise.postgres import EmbeddedPostgres

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3600)]
KILLS = 3
LINES_OF_A_RUN = 30
"""What an undisturbed run prints until shortly before its publication: one line a step of the stack and of a DAG."""


@pytest.fixture
def homes() -> Iterator[tuple[Path, Path]]:
    folder = Path(tempfile.mkdtemp(prefix="meterwise-chaos-"))
    folder.chmod(0o755)
    yield folder / "undisturbed", folder / "killed"
    shutil.rmtree(folder, ignore_errors=True)


def test_a_run_killed_three_times_publishes_the_same(homes: tuple[Path, Path]) -> None:
    undisturbed, killed = homes
    seed = os.environ.get("CHAOS_SEED") or str(time.time_ns())
    print(f"Repeat these kills with CHAOS_SEED={seed}")  # noqa: T201 - pytest shows it when the test fails
    dice = random.Random(seed)

    kills = 0
    while kills < KILLS:
        run = start(killed)
        # What begins again has less to do, so the later kills come earlier.
        if wait_for_progress(run, killed, dice.randint(3, LINES_OF_A_RUN if kills == 0 else 11), dice.uniform(0, 5)):
            kill_everything(run)
            kills += 1
        else:
            assert run.returncode == 0, output_of(killed).read_text()  # it was done before, and made a day more
    finish(killed)

    finish(undisturbed)
    while published_day(undisturbed) < published_day(killed):
        finish(undisturbed)
    assert published_day(undisturbed) == published_day(killed)
    assert tables_of(killed) == tables_of(undisturbed)


def start(home: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "meterwise.cli", "demo", "--once"]
    with output_of(home).open("wb") as output:
        return subprocess.Popen(
            [*command, "--home", str(home), "--customers", str(CUSTOMERS)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )


def output_of(home: Path) -> Path:
    return home.with_suffix(".output")


def finish(home: Path) -> None:
    assert start(home).wait() == 0, output_of(home).read_text()


def wait_for_progress(run: subprocess.Popen[bytes], home: Path, lines: int, seconds: float) -> bool:
    """Wait until a run has told so much, and a little longer; a slow machine is not killed earlier. False: it ended."""
    while run.poll() is None and len(output_of(home).read_text().splitlines()) < lines:
        time.sleep(0.1)
    time.sleep(seconds)
    return run.poll() is None


def published_day(home: Path) -> date:
    demo = load_demo(home)
    assert demo is not None
    assert demo.published is not None
    return demo.published


def kill_everything(run: subprocess.Popen[bytes]) -> None:
    """Kill -9 the command and every process below it, in one go."""
    if run.poll() is not None:
        return
    family = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    run.wait()


def tables_of(home: Path) -> dict[str, list[str]]:
    demo = load_demo(home)
    assert demo is not None
    with EmbeddedPostgres(home / "postgres") as postgres:
        settings = settings_of(demo, home)
        url = postgres.create_database("meterwise")
        return published_tables(settings.model_copy(update={"database_url": SecretStr(url)}))

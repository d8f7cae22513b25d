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
    begun = time.monotonic()
    assert start(undisturbed).wait() == 0
    usual_seconds = time.monotonic() - begun

    kills = 0
    while kills < KILLS:
        run = start(killed)
        with suppress(subprocess.TimeoutExpired):
            # What begins again has less to do, so the later kills come earlier; one that ends first made a day more.
            assert run.wait(dice.uniform(0.1, 0.9 if kills == 0 else 0.6) * usual_seconds) == 0
            continue
        kill_everything(run)
        kills += 1
    assert start(killed).wait() == 0

    while published_day(undisturbed) < published_day(killed):
        assert start(undisturbed).wait() == 0
    assert published_day(undisturbed) == published_day(killed)
    assert tables_of(killed) == tables_of(undisturbed)


def published_day(home: Path) -> date:
    demo = load_demo(home)
    assert demo is not None
    assert demo.published is not None
    return demo.published


def start(home: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "meterwise.cli", "demo", "--once"]
    return subprocess.Popen([*command, "--home", str(home), "--customers", str(CUSTOMERS)])


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

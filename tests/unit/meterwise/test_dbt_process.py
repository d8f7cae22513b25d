"""dbt commands end like those of a shell: each has its own environment and folder, and one that dies is told of."""

import os
import threading
import time
from pathlib import Path

import psutil

from meterwise import dbt_process, transform
from meterwise.settings import Settings, as_environment


def test_a_command_says_how_it_ended(tmp_path: Path) -> None:
    environment = {**os.environ, "DBT_LOG_PATH": str(tmp_path / "logs"), "DBT_TARGET_PATH": str(tmp_path / "target")}

    done = dbt_process.run(["parse", "--no-such"], environment, tmp_path)

    assert done.code == 1
    assert "No such option '--no-such'" in done.stdout
    assert dbt_process.run(["--version"], environment, tmp_path).code == 0
    assert Path.cwd() != tmp_path


def test_one_that_is_killed_is_told_of_and_the_next_is_served(settings: Settings) -> None:
    environment = as_environment(settings) | transform.dbt_environment(settings)
    codes: list[int] = []

    def parse() -> None:
        codes.append(dbt_process.run(["parse"], environment, settings.dbt_project_path).code)

    command = threading.Thread(target=parse)
    command.start()
    log = settings.home_path / "dbt" / "logs" / "dbt.log"
    while not log.exists():
        time.sleep(0.01)
    server = dbt_process._SERVER._process
    assert server
    (child,) = psutil.Process(server.pid).children()
    child.kill()
    command.join()

    assert codes == [-9]
    assert dbt_process.run(["--version"], environment, settings.dbt_project_path).code == 0

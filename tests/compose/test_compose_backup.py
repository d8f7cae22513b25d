"""The server at work is saved and restored into an empty project with other secrets: what it holds is equal."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.content import content
from compose.server import Server, free_ports
from e2e.small_utility import MAY_BE_EMPTY
from meterwise.backup import unfinished

pytestmark = [pytest.mark.drills, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def saved(published_server: Server) -> str:
    """Name of a backup of the server at work, a day published."""
    assert "/backups/at-work" in published_server.make("backup", NAME="at-work").stdout
    return "at-work"


@pytest.fixture(scope="module")
def other(server: Server, saved: str) -> Iterator[Server]:
    """Another project, empty, with secrets of its own and a copy of the backup."""
    folder = Path(tempfile.mkdtemp(prefix="meterwise-restored-"))
    ports = free_ports("AIRFLOW", "MLFLOW", "DATA_DOCS", "POSTGRES", "MQTT")
    other = Server(folder, f"meterwise-restored-{os.getpid()}", ports)
    try:
        other.write_settings()
        shutil.copytree(server.folder / "backups" / saved, folder / "backups" / saved)
        yield other
    finally:
        other.tear_down()


def restore(server: Server, name: str, *, may_fail: bool = False) -> "subprocess.CompletedProcess[str]":
    """As ``make restore`` does it, without the start behind it."""
    return server._run(["deploy/restore.sh", name], may_fail)


def test_an_empty_project_shows_the_same_after_a_restore_and_is_no_place_for_another(
    server: Server, other: Server, saved: str
) -> None:
    restore(other, saved)

    found = content(other)
    assert found == content(server)
    assert {table for table, (count, _) in found.published.items() if not count} <= MAY_BE_EMPTY
    assert found.registry["registered_model_aliases"][0] == 3
    assert found.files
    again = restore(other, saved, may_fail=True)
    assert again.returncode != 0
    assert "Not empty" in again.stdout + again.stderr


def test_half_of_a_restore_is_told_before_anything_starts(other: Server) -> None:
    with other.administrator("postgres") as connection:
        connection.execute("create database mlflow_restoring")
        connection.execute(f"comment on database mlflow_restoring is '{unfinished.COMMENT}'")

    told = other.job("python", "-m", "meterwise.stack.server_setup", service="init", may_fail=True)

    assert "holds a restore that was cut off (mlflow_restoring)" in told
    assert "Nothing else was started" in told

"""The server at work is saved and restored into an empty project with other secrets: what it holds is equal."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from compose.server import FIRST, Server, free_ports
from e2e.small_utility import TABLES
from meterwise.backup import unfinished

pytestmark = [pytest.mark.drills, pytest.mark.timeout(1200)]

ROWS = "select count(*), md5(string_agg(md5(t::text), '' order by md5(t::text))) from {} as t"
REGISTRY = ("registered_models", "model_versions", "registered_model_aliases", "model_version_tags", "runs", "metrics")
FILES = """
import json, fsspec
store = fsspec.filesystem("s3")
print("FILES" + json.dumps({name: told["size"] for name, told in store.find("mlflow", detail=True).items()}))
"""


@dataclass(frozen=True)
class Content:
    """What readers and data scientists can find on a server."""

    published: dict[str, tuple]
    ops: dict[str, tuple]
    registry: dict[str, tuple]
    files: dict[str, int]


def content(server: Server) -> Content:
    with server.administrator("meterwise") as connection:
        published = {t: connection.execute(ROWS.format(f"published.{t}")).fetchone() for t in [*TABLES, "publications"]}
        ops = {t: connection.execute(ROWS.format(f"ops.{t}")).fetchone() for t in ("promotions", "segment_assignments")}
    with server.administrator("mlflow") as connection:
        registry = {t: connection.execute(ROWS.format(t)).fetchone() for t in REGISTRY}
    told = server.job("python", "-c", FILES, service="backup")
    return Content(published, ops, registry, json.loads(told.split("FILES")[1].splitlines()[0]))


@pytest.fixture(scope="module")
def saved(server: Server) -> str:
    """Name of a backup of the server at work, a day published."""
    with server.administrator() as connection:
        is_published = connection.execute("select to_regclass('published.customer_segments')").fetchone() != (None,)
    if not is_published:
        server.run_day(FIRST)
    assert "/backups/at-work" in server.make("backup", NAME="at-work").stdout
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
    assert all(count for count, _ in found.published.values())
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

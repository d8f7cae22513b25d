"""A home at work is saved; restored elsewhere it shows the same tables and models, and half of it shows none."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from home_at_work import at_work
from pydantic import SecretStr

from benchmarks.published_readers import LAYER, Case, fill
from meterwise import ops, registry
from meterwise.backup import unfinished
from meterwise.backup.errors import BackupError, RestoreError, UnfinishedRestoreError
from meterwise.backup.making import back_up, prune
from meterwise.backup.manifest import FILE, is_whole, read
from meterwise.backup.restoring import restore
from meterwise.database import connect
from meterwise.publish import deliver
from meterwise.settings import Settings
from meterwise.stack.stack import Stack
from meterwise.warehouse import Warehouse

SMALL = Case(rows=4_000, customers=100)
EXAMPLE = pd.DataFrame({"use_kwh": [1.0, 2.5, 4.0]})


class Doubler:
    """A model."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"twice": frame["use_kwh"] * self.factor})


@dataclass(frozen=True)
class Seen:
    """What downstream and the data scientist see of an installation."""

    published: dict[str, list[str]]
    ops: list[str]
    models: list[tuple[Any, ...]]
    predictions: list[float]


def look(settings: Settings) -> Seen:
    with connect(settings) as connection:

        def rows(table: str) -> list[str]:
            found = connection.execute(f"select to_jsonb(t)::text from {table} as t order by 1").fetchall()
            return [row for (row,) in found]

        published = {name: rows(f"published.{name}") for name in [*LAYER, "publications"]}
        remembered = rows("ops.promotions") + rows("ops.segment_assignments")
    client = registry.client(settings)
    versions = [
        (version.name, version.version, version.run_id, sorted(version.aliases), sorted(version.tags.items()))
        for version in client.search_model_versions("name = 'doubler'")
    ]
    champion = registry.require_champion("doubler", settings)
    predictions = champion.predictor.predict(EXAMPLE)["twice"].tolist()
    return Seen(published, remembered, sorted(versions), predictions)


@dataclass(frozen=True)
class Saved:
    """An installation before and in its backup."""

    folder: Path
    backup: Path
    seen: Seen


@pytest.fixture(scope="module")
def saved() -> Iterator[Saved]:
    """A home with two publications and two versions of a model, saved while it was at work."""
    folder = Path(tempfile.mkdtemp(prefix="meterwise-backup-"))
    (folder / "sources.yml").write_text("utility: {name: Saved}\n")
    with at_work(folder / "home") as settings:
        for mark in (1, 2):
            deliver(fill(SMALL, mark, settings), f"run-{mark}", settings)
        for factor in (2.0, 3.0):
            with registry.run("doubler", "all", f"2026-07-0{factor:.0f}", settings=settings) as run:
                version = run.log_model(Doubler(factor), EXAMPLE)
        registry.move_alias("doubler", version, "2026-07-03", "it is better", settings)
        ops.record_promotion("doubler", version, run.run_id, "2026-07-03", "it is better", settings=settings)
        seen = look(settings)
        backup = back_up(settings.model_copy(update={"mlflow_uri": None}), folder / "backups")
    yield Saved(folder, backup, seen)
    shutil.rmtree(folder)


@dataclass(frozen=True)
class Restored:
    """A home that was restored at the second try; the first was killed."""

    saved: Saved
    home: Path
    was_marked: bool
    told_by_the_stack: str


@pytest.fixture(scope="module")
def restored(saved: Saved) -> Restored:
    """A restore is killed, the stack is asked to start on what it left, and the restore is run again."""
    home = saved.folder / "again"
    arguments = ["restore", str(saved.backup), "--home", str(home)]
    kill_when_it_says(command(*arguments, cwd=saved.folder), "database mlflow")
    was_marked = unfinished.is_marked(home)
    with pytest.raises(UnfinishedRestoreError) as refusal:
        Stack(Settings(home=home)).start()
    again = command(*arguments, cwd=saved.folder)
    told, _ = again.communicate()
    assert again.returncode == 0, told
    return Restored(saved, home, was_marked, str(refusal.value))


@pytest.fixture
def home(saved: Saved) -> Iterator[Path]:
    """An empty home, outside of pytest's folder, which the server's account may not enter."""
    folder = saved.folder / "restored"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def copy_of(saved: Saved, folder: Path) -> Path:
    return Path(shutil.copytree(saved.backup, folder / "copy"))


def command(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "meterwise.cli", *arguments],
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if not name.startswith("METERWISE_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_when_it_says(process: subprocess.Popen[str], words: str) -> Sequence[str]:
    """Kill a command as soon as it prints some words; returns what it printed."""
    told = []
    assert process.stdout is not None
    for line in process.stdout:
        told.append(line)
        if words in line:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    return told


def test_the_backup_says_what_it_holds_and_is_closed_to_others(saved: Saved) -> None:
    manifest = read(saved.backup)

    assert {part.name: part.role for part in manifest.databases} == {
        "airflow": "airflow",
        "meterwise": "published",
        "mlflow": "mlflow",
    }
    assert {part.table: part.rows for part in manifest.published}["customer_usage_hourly"] == SMALL.rows
    assert manifest.missing_artifacts == []
    assert "warehouse.duckdb" in manifest.files
    assert "sources.yml" in manifest.files
    assert "home/stack.json" in manifest.files
    assert saved.backup.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in saved.backup.rglob("*") if path.is_file()} == {0o600}


def test_the_copied_warehouse_is_whole(saved: Saved, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(saved.backup / "warehouse.duckdb", home / "warehouse.duckdb")

    rows = Warehouse(Settings(home=home)).arrow("select count(*) as n from publish.customer_usage_hourly")

    assert rows.to_pylist() == [{"n": SMALL.rows}]


@pytest.mark.parametrize("damage", ["databases/meterwise.dump", "warehouse.duckdb"])
def test_a_damaged_file_is_named_and_nothing_is_restored(saved: Saved, home: Path, tmp_path: Path, damage: str) -> None:
    backup = copy_of(saved, tmp_path)
    content = bytearray((backup / damage).read_bytes())
    content[len(content) // 2] ^= 1
    (backup / damage).write_bytes(content)

    with pytest.raises(RestoreError, match=rf"{damage} is damaged.*nothing was changed"):
        restore(backup, Settings(home=home))
    assert not home.exists()


def test_a_missing_file_is_named(saved: Saved, home: Path, tmp_path: Path) -> None:
    backup = copy_of(saved, tmp_path)
    (backup / "roles.json").unlink()

    with pytest.raises(RestoreError, match=r"roles\.json is missing"):
        restore(backup, Settings(home=home))


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        pytest.param("ops_schema_version", ops.SCHEMA_VERSION + 1, "schema version", id="our schema"),
        pytest.param("packages", {"apache-airflow": "99.1.0"}, r"apache-airflow 99\.1\.0", id="Airflow's"),
    ],
)
def test_a_backup_of_a_newer_version_is_refused(
    saved: Saved, home: Path, tmp_path: Path, key: str, value: Any, told: str
) -> None:
    backup = copy_of(saved, tmp_path)
    content = json.loads((backup / FILE).read_text())
    (backup / FILE).write_text(json.dumps({**content, key: value}))

    with pytest.raises(RestoreError, match=rf"newer Meterwise.*{told}.*nothing was changed"):
        restore(backup, Settings(home=home))
    assert not home.exists()


def test_a_home_that_holds_something_is_refused(saved: Saved, home: Path) -> None:
    home.mkdir()
    (home / "warehouse.duckdb").write_text("mine")

    with pytest.raises(RestoreError, match=r"is not empty \(warehouse\.duckdb\)"):
        restore(saved.backup, Settings(home=home))
    assert [path.name for path in home.iterdir()] == ["warehouse.duckdb"]


@pytest.mark.chaos
def test_a_killed_restore_keeps_the_stack_from_starting(restored: Restored) -> None:
    assert restored.was_marked
    assert f"meterwise restore {restored.saved.backup} --home {restored.home}" in restored.told_by_the_stack
    assert not unfinished.is_marked(restored.home)


def test_a_restored_home_shows_the_same_tables_and_models_and_goes_on(saved: Saved, home: Path) -> None:
    restore(saved.backup, Settings(home=home, sources_file=home.parent / "sources.yml"))

    with at_work(home) as settings:
        assert look(settings) == saved.seen
        assert len(saved.seen.models) == 2
        assert saved.seen.predictions == [3.0, 7.5, 12.0]
        assert len(saved.seen.published["customer_usage_hourly"]) == SMALL.rows
        assert deliver(fill(SMALL, 3, settings), "run-3", settings) == 3
        with connect(settings) as connection:
            now = connection.execute("select distinct segment_code from published.customer_segments").fetchall()
            left = connection.execute("select 1 from pg_database where datname like '%%_restoring'").fetchall()
    assert now == [("v3",)]
    assert left == []


@pytest.mark.chaos
def test_a_killed_backup_is_none_and_the_next_one_clears_it_away(restored: Restored, tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    arguments = ["backup", str(backups), "--home", str(restored.home)]
    kill_when_it_says(command(*arguments, "--name", "killed", cwd=tmp_path), "database mlflow")

    assert (backups / "killed").is_dir()
    assert not is_whole(backups / "killed")
    with pytest.raises(RestoreError, match="cut off while it was made"):
        restore(backups / "killed", Settings(home=tmp_path / "other"))
    whole = command(*arguments, "--name", "whole", cwd=tmp_path)
    told, _ = whole.communicate()
    assert whole.returncode == 0, told
    assert is_whole(backups / "whole")
    assert not (backups / "killed").exists()


def test_old_backups_go_and_a_second_of_the_same_name_is_refused(saved: Saved, tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    for number in range(3):
        place = backups / f"2026-11-0{1 + number}T000000Z"
        shutil.copytree(saved.backup, place)
        content = json.loads((place / FILE).read_text())
        content["made_at"] = f"2026-11-0{3 - number}T00:00:00Z"
        (place / FILE).write_text(json.dumps(content))
    shutil.copytree(saved.backup, backups / "before-the-upgrade")
    (backups / "something-else").mkdir()

    removed = prune(backups, kept=2)

    assert [path.name for path in removed] == ["2026-11-03T000000Z"], "the oldest by its own word"
    assert (backups / "something-else").exists()
    assert (backups / "before-the-upgrade").exists(), "somebody named it"
    with pytest.raises(BackupError, match="is there already"):
        back_up(
            Settings(home=tmp_path / "home", database_url=SecretStr("postgresql://x@127.0.0.1:1/x")),
            backups,
            "before-the-upgrade",
        )


def test_a_home_without_an_installation_has_nothing_to_save(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="holds no installation"):
        back_up(Settings(home=tmp_path / "home"), tmp_path / "backups")
    assert not any(path.is_dir() for path in (tmp_path / "backups").iterdir())

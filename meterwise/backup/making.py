"""Makes a backup of an installation that may be at work. Readers of ``published`` never wait for it."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from meterwise.backup import files, manifest, roles, states
from meterwise.backup.errors import BackupError
from meterwise.backup.manifest import DatabasePart, Manifest
from meterwise.backup.server import Server, opened
from meterwise.backup.states import State
from meterwise.backup.tools import Report, ToolError, dump, silent
from meterwise.ingest.message_files import taken_in
from meterwise.settings import Settings
from meterwise.warehouse import WarehouseError

DATABASES = "databases"
STAMP = "%Y-%m-%dT%H%M%SZ"


def back_up(settings: Settings, folder: Path, name: str | None = None, report: Report = silent) -> Path:
    """Save everything that cannot be made again into a folder of its own; returns it.

    Args:
        settings: Of the installation; it may be up or down.
        folder: Where backups are kept.
        name: Of the new one; by default the moment, in UTC.
        report: Is told what is being saved.

    Raises:
        BackupError: There is nothing to save, a backup of that name, or another one being made; the disk is full, or
            the warehouse has been at work for ten minutes.
    """
    with _one_at_a_time(folder):
        place = folder / (name or datetime.now(UTC).strftime(STAMP))
        _make_place(place)
        try:
            with opened(settings) as server, states.nothing_thrown_away(server):
                _save(server, settings, place, report)
        except (ToolError, OSError, WarehouseError, psycopg.Error) as error:
            shutil.rmtree(place, ignore_errors=True)
            raise BackupError(f"The backup was not made, and nothing of it was left: {error}") from error
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
    return place


def prune(folder: Path, kept: int) -> list[Path]:
    """Remove backups beyond the newest ones, and those that were cut off; returns what was removed.

    A backup that was given a name stays until somebody removes it; only folders that a backup has made are looked at.
    """
    with _one_at_a_time(folder):
        ours = [path for path in folder.iterdir() if path.is_dir() and (path / DATABASES).is_dir()]
        whole = sorted((path for path in ours if manifest.is_whole(path) and _is_named_by_us(path)), key=_made_at)
        removed = [path for path in ours if not manifest.is_whole(path)] + whole[: max(0, len(whole) - kept)]
        for path in removed:
            (path / manifest.FILE).unlink(missing_ok=True)  # first, so that half of it is never taken for a backup
            shutil.rmtree(path)
    return removed


def _save(server: Server, settings: Settings, place: Path, report: Report) -> None:
    landed = taken_in(settings)
    with ExitStack() as held:
        report("the state of every database")
        fixed = _fix(server, settings, place, held)
        roles.save(server, place)
        owners = server.existing()
        parts = [DatabasePart(name=name, role=server.databases[name], owner=owners[name]) for name in fixed]
        for name, state in fixed.items():
            report(f"database {name}")
            dump(server, name, state.snapshot, place / DATABASES / f"{name}.dump")
        published = fixed[str(server.name_of("published"))]
        seen, ops_version = states.published(published), states.ops_schema_version(published)
        registered = states.registered_folders(fixed[mlflow]) if (mlflow := server.name_of("mlflow")) in fixed else []
    report("MLflow's artifacts")
    files.save_artifacts(settings, place)
    if server.is_embedded:
        files.save_home(settings, place)
    files.save_messages(settings, place, landed)
    files.save_sources(settings, place)
    report("checksums")
    described = manifest.describe(place)
    manifest.write(
        Manifest(
            made_at=datetime.now(UTC),
            ops_schema_version=ops_version,
            postgres_major=server.major(),
            warehouse=settings.warehouse,
            databases=parts,
            published=seen,
            missing_artifacts=_missing(registered, list(described)),
            files=described,
        ),
        place,
    )


def _fix(server: Server, settings: Settings, place: Path, held: ExitStack) -> dict[str, State]:
    """Fix every database's state in the order of the server's list, and copy a DuckDB file in the same standstill."""
    found: dict[str, State] = {}
    for name in (name for name, role in server.databases.items() if role == "airflow"):
        found[name] = held.enter_context(states.fixed(server, name))
    with states.standstill(server, settings):
        for name, role in server.databases.items():
            if role != "airflow":
                found[name] = held.enter_context(states.fixed(server, name))
        if settings.warehouse == "duckdb":
            files.save_duckdb(settings, place)
    return found


def _missing(registered: list[str], saved: list[str]) -> list[str]:
    folders = {str(parent) for name in saved for parent in Path(name).parents}
    return [folder for folder in registered if f"{files.ARTIFACTS}/{folder}" not in folders]


def _make_place(place: Path) -> None:
    if place.exists():
        raise BackupError(f"{place} is there already. Choose another name, or remove it.")
    place.mkdir(mode=0o700)
    (place / DATABASES).mkdir(mode=0o700)


def _is_named_by_us(path: Path) -> bool:
    with suppress(ValueError):
        datetime.strptime(path.name, STAMP).replace(tzinfo=UTC)
        return True
    return False


def _made_at(path: Path) -> str:
    return str(json.loads((path / manifest.FILE).read_text())["made_at"])


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a")
    except OSError as error:
        raise BackupError(f"Backups cannot be kept in {folder} ({error.strerror}). Choose another folder.") from error
    with closing(lock):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BackupError(f"Another backup is being made in {folder}. Wait for its end.") from error
        yield

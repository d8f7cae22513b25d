"""What of an installation is no PostgreSQL database: MLflow's artifacts, the DuckDB file, a few files of the home."""

import os
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec

from meterwise.settings import Settings
from meterwise.warehouse.duckdb import opened as opened_duckdb

ARTIFACTS = "artifacts"
WAREHOUSE = "warehouse.duckdb"
HOME = "home"
SOURCES = "sources.yml"
MESSAGES = "listening"
KEPT_OF_HOME = ("stack.json", "reader_password", "demo.json", "utility")
"""Ports and keys of the stack, the read-only role's password, and a demo with its made-up utility."""


def artifact_store(settings: Settings) -> tuple[Any, str]:
    """Return the file system of MLflow's artifacts and the folder in it."""
    url = settings.artifacts_url or (settings.home_path / "mlflow" / "artifacts").as_uri()
    file_system, root = fsspec.core.url_to_fs(url)
    return file_system, str(root).rstrip("/")


def save_artifacts(settings: Settings, folder: Path) -> int:
    """Copy every artifact; returns how many files there are."""
    store, root = artifact_store(settings)
    names = _names(store, root)
    for name in names:
        target = folder / ARTIFACTS / name
        target.parent.mkdir(parents=True, exist_ok=True)
        store.get_file(f"{root}/{name}", str(target))
    return len(names)


def restore_artifacts(settings: Settings, folder: Path) -> int:
    """Copy every artifact back into the store; returns how many files there are."""
    store, root = artifact_store(settings)
    source = folder / ARTIFACTS
    files = sorted(path for path in source.rglob("*") if path.is_file()) if source.exists() else []
    for path in files:
        target = PurePosixPath(root, path.relative_to(source))
        store.makedirs(str(target.parent), exist_ok=True)
        store.put_file(str(path), str(target))
    return len(files)


def other_artifacts(settings: Settings, folder: Path) -> list[str]:
    """Return the files of the store that have the name, and not the size, of one in the backup.

    Further files do no harm: their names hold the ids of runs and models, and no registry knows them.
    """
    store, root = artifact_store(settings)
    source = folder / ARTIFACTS
    if not source.exists() or not store.exists(root):
        return []
    sizes = {str(name).removeprefix(f"{root}/"): told["size"] for name, told in store.find(root, detail=True).items()}
    ours = {str(path.relative_to(source)): path.stat().st_size for path in source.rglob("*") if path.is_file()}
    return sorted(name for name, size in ours.items() if sizes.get(name, size) != size)


def save_duckdb(settings: Settings, folder: Path) -> None:
    """Copy the warehouse file while nobody else can open it.

    By a process of its own: closing a second handle to the file in this one would give up DuckDB's lock on it.
    """
    if not settings.warehouse_path.exists():
        return
    with opened_duckdb(settings) as connection:
        connection.execute("checkpoint")
        # On a file system that can, this is a copy on write: an instant, whatever its size.
        command = ["cp", *(["--reflink=auto"] if sys.platform == "linux" else [])]
        done = subprocess.run(
            [*command, str(settings.warehouse_path), str(folder / WAREHOUSE)], capture_output=True, text=True
        )
    if done.returncode != 0:
        raise OSError(done.stderr.strip())


def restore_duckdb(settings: Settings, folder: Path) -> None:
    """Put the warehouse file into its place."""
    if (folder / WAREHOUSE).exists():
        settings.home_path.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / WAREHOUSE, settings.warehouse_path)


def save_home(settings: Settings, folder: Path) -> None:
    """Copy what an embedded stack's home must not lose."""
    for name in KEPT_OF_HOME:
        _copy(settings.home_path / name, folder / HOME / name)


def save_sources(settings: Settings, folder: Path) -> None:
    """Copy ``sources.yml``; a demo's is in its home."""
    if not settings.sources_file.resolve().is_relative_to(settings.home_path):
        _copy(settings.sources_file, folder / SOURCES)


def save_messages(settings: Settings, folder: Path, landed: set[Path]) -> None:
    """Copy the messages of brokers that no database of this backup has; a listener may be at work.

    Args:
        settings: Of the installation.
        folder: Of the backup.
        landed: Files whose messages a database had before its state was fixed.
    """
    for path in sorted(set(settings.listening_path.glob("*/*.ndjson*")) - landed):
        target = folder / MESSAGES / path.parent.name / path.name
        try:
            _copy_file(path, target)
        except FileNotFoundError:  # it was closed in this instant
            _copy_file(path.with_suffix(""), target.with_suffix(""))


def restore_messages(settings: Settings, folder: Path) -> None:
    """Put messages back to where they are landed from; in Docker, where we may not write, ``make restore`` does so."""
    if settings.home_path.exists() and not os.access(settings.home_path, os.W_OK):
        return
    for path in sorted((folder / MESSAGES).glob("*/*")):
        _copy_file(path, settings.listening_path / path.parent.name / path.name)


def restore_home(settings: Settings, folder: Path) -> None:
    """Put what an embedded stack's home must not lose into its place."""
    for name in KEPT_OF_HOME:
        _copy(folder / HOME / name, settings.home_path / name)


def restore_sources(settings: Settings, folder: Path) -> None:
    """Put ``sources.yml`` into its place, where there is none."""
    if not settings.sources_file.exists():
        _copy(folder / SOURCES, settings.sources_file)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        _copy_file(source, target)


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _names(store: Any, root: str) -> list[str]:
    """Return the files below a folder, named from there."""
    if not store.exists(root):
        return []
    prefix = f"{root}/"
    return sorted(str(name).removeprefix(prefix) for name in store.find(root))

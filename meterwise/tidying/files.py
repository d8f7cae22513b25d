"""Old files of the home: logs of tasks, of dbt and of the stack's parts, and pages of validations."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from meterwise.settings import Settings

DAY_SECONDS = 86_400
PART_LOG_BYTES = 20_000_000
"""A part of the stack writes one log for as long as it runs; beyond this only its end is kept."""
PART_LOG_KEPT_BYTES = 1_000_000


@dataclass
class Freed:
    """What was thrown away."""

    files: int = 0
    bytes: int = 0

    def __str__(self) -> str:
        return f"{self.files:,} files, {self.bytes / 1e6:,.1f} MB" if self.files else "nothing"


def forget_logs(settings: Settings) -> str:
    """Remove old logs of Airflow's tasks and of dbt; shorten those that a part of the stack still writes."""
    home, freed = settings.home_path, Freed()
    for folder in (home / "airflow" / "logs", home / "dbt" / "logs"):
        _remove_old(folder, settings.logs_kept_days, freed)
    for path in (home / "logs").glob("*.log"):
        _shorten(path, freed)
    return f"logs older than {settings.logs_kept_days} days: {freed}"


def forget_validations(settings: Settings) -> str:
    """Remove the pages and results of old validations; what they said of a hand-over is in ``ops``."""
    freed, uncommitted = Freed(), settings.data_docs_path.parents[1]
    for folder in (uncommitted / "validations", settings.data_docs_path / "validations"):
        _remove_old(folder, settings.data_docs_kept_days, freed)
    return f"validations older than {settings.data_docs_kept_days} days: {freed}"


def _remove_old(folder: Path, days: int, freed: Freed) -> None:
    """Remove files that nothing was written to for so many days, and folders that are left empty."""
    oldest = time.time() - days * DAY_SECONDS
    for path in _deepest_first(folder):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()) and path.stat().st_mtime < oldest:
                path.rmdir()
        elif path.lstat().st_mtime < oldest:
            size = path.lstat().st_size
            path.unlink()
            freed.files += 1
            freed.bytes += size


def _deepest_first(folder: Path) -> Iterable[Path]:
    return sorted(folder.rglob("*"), key=lambda path: len(path.parts), reverse=True) if folder.exists() else []


def _shorten(path: Path, freed: Freed) -> None:
    """Keep the end of a log in a file beside it. Lines that are written in this instant may be lost."""
    size = path.stat().st_size
    if size <= PART_LOG_BYTES:
        return
    with path.open("rb") as log:
        log.seek(-PART_LOG_KEPT_BYTES, os.SEEK_END)
        path.with_name(f"{path.name}.1").write_bytes(log.read())
    os.truncate(path, 0)
    freed.files += 1
    freed.bytes += size - PART_LOG_KEPT_BYTES

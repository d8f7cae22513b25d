"""``manifest.json``: what a backup consists of. It is written last, so that a half-made backup is none."""

import hashlib
import os
from collections.abc import Iterable
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from packaging.version import Version
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from meterwise import ops
from meterwise.backup.errors import RestoreError

FILE = "manifest.json"
FORMAT = 1
PACKAGES = ("apache-airflow", "mlflow", "duckdb")
"""Packages whose own data is in a backup; an older one could not read it."""
NOTE = (
    "Holds passwords, keys and customers' data in clear: keep it as closed as the installation itself. "
    "Not in it: the file .env and the secrets that it names."
)

Role = Literal["published", "warehouse", "airflow", "mlflow", "other"]


class Strict(BaseModel):
    """A part of a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabasePart(Strict):
    """One PostgreSQL database."""

    name: str
    role: Role
    owner: str


class PublishedPart(Strict):
    """One published table, as its readers saw it."""

    table: str
    version: int
    as_of_date: date
    rows: int
    checksum: str


class FilePart(Strict):
    """One file of the backup."""

    sha256: str
    bytes: int


class Manifest(Strict):
    """What a backup consists of, and which versions can read it."""

    format: int = FORMAT
    made_at: datetime
    meterwise: str = Field(default_factory=lambda: version("meterwise"))
    packages: dict[str, str] = Field(default_factory=lambda: {name: version(name) for name in PACKAGES})
    ops_schema_version: int
    postgres_major: int
    warehouse: str
    databases: list[DatabasePart]
    published: list[PublishedPart]
    missing_artifacts: list[str] = Field(description="Folders of registered models that were not there to be saved.")
    files: dict[str, FilePart]
    note: str = NOTE

    @property
    def as_of_date(self) -> date | None:
        """The day that readers saw when it was made."""
        return max((part.as_of_date for part in self.published), default=None)

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(part.bytes for part in self.files.values())


def write(manifest: Manifest, folder: Path) -> None:
    """Write the manifest, and with it make the folder a backup."""
    draft = folder / f"{FILE}.new"
    draft.write_text(manifest.model_dump_json(indent=2))
    draft.chmod(0o600)
    _to_disk(draft)
    draft.replace(folder / FILE)
    _to_disk(folder)


def is_whole(folder: Path) -> bool:
    """Tell whether a folder is a backup whose making came to its end."""
    return (folder / FILE).exists()


def read(folder: Path) -> Manifest:
    """Read the manifest of a backup that this version of Meterwise can restore.

    Raises:
        RestoreError: The folder is no backup, a half-made one, or one of a newer version.
    """
    if not is_whole(folder):
        what = "is a backup that was cut off while it was made" if folder.is_dir() else "is not there"
        raise RestoreError(f"{folder} {what} (no {FILE}). Choose another one; `meterwise backup` makes them.")
    try:
        manifest = Manifest.model_validate_json((folder / FILE).read_text())
    except ValidationError as error:
        raise RestoreError(
            f"{folder / FILE} cannot be read ({error.errors()[0]['msg']}). It was made by another version of "
            "Meterwise, or damaged: restore it with the version that made it, or choose another backup."
        ) from error
    _refuse_newer(manifest, folder)
    return manifest


def _refuse_newer(manifest: Manifest, folder: Path) -> None:
    newer = [
        f"{name} {found} (here: {version(name)})"
        for name, found in manifest.packages.items()
        if Version(found).release[:2] > Version(version(name)).release[:2]
    ]
    if manifest.ops_schema_version > ops.SCHEMA_VERSION:
        newer.append(f"schema version {manifest.ops_schema_version} (here: {ops.SCHEMA_VERSION})")
    if newer:
        raise RestoreError(
            f"{folder} was made by a newer Meterwise ({manifest.meterwise}) than this one: {', '.join(newer)}. "
            "Install that version, then restore; nothing was changed."
        )


def describe(folder: Path) -> dict[str, FilePart]:
    """Return size and checksum of every file in a folder, after making sure that it is on disk, for its owner alone."""
    found = {}
    for path in _files(folder):
        path.chmod(0o600)
        _to_disk(path)
        found[str(path.relative_to(folder))] = FilePart(sha256=_sha256(path), bytes=path.stat().st_size)
    return found


def check_files(manifest: Manifest, folder: Path) -> None:
    """Compare every file with its checksum.

    Raises:
        RestoreError: A file is missing or damaged; names the first ones.
    """
    bad = []
    for name, part in manifest.files.items():
        path = folder / name
        if not path.is_file():
            bad.append(f"{name} is missing")
        elif path.stat().st_size != part.bytes or _sha256(path) != part.sha256:
            bad.append(f"{name} is damaged")
    if bad:
        raise RestoreError(
            f"{folder} is not what was saved: {'; '.join(bad[:3])}"
            f"{f' and {len(bad) - 3} more' if len(bad) > 3 else ''}. Take another copy of it, or another backup; "
            "nothing was changed."
        )


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != FILE)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

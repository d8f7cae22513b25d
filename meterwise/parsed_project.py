"""Keeps what dbt parsed of the project: DAG files read it to show a task a model, builds to parse nothing.

dbt itself parses everything anew as soon as a variable differs, and the days to build always do. What it parses here
depends on no variable, which a test holds. These are copies beside dbt's own files, which every dbt command writes
anew while others read them. A program of its own, too.
"""

import hashlib
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import make_url

from meterwise.settings import Settings, get_settings

IGNORED = {"target", "logs", "dbt_packages", ".user.yml"}
ENGINES = ("dbt-core", "dbt-duckdb", "dbt-postgres")


def manifest_path(settings: Settings) -> Path:
    """Where the copy of ``manifest.json`` lies."""
    return settings.home_path / "dbt" / "manifest.json"


def parsed_path(settings: Settings) -> Path:
    """Where the same lies as dbt reads it back."""
    return settings.home_path / "dbt" / "manifest.msgpack"


def refresh(settings: Settings) -> bool:
    """Parse the project if it has changed since the copies were made; tells whether it had.

    Raises:
        TransformError: dbt cannot parse it.
    """
    mark = _fingerprint(settings)
    mark_file = manifest_path(settings).with_suffix(".fingerprint")
    copies = (manifest_path(settings), parsed_path(settings))
    if mark_file.exists() and mark_file.read_text() == mark and all(copy.exists() for copy in copies):
        return False
    mark_file.parent.mkdir(parents=True, exist_ok=True)
    mark_file.unlink(missing_ok=True)
    for copy, content in zip(copies, _parse(settings, mark), strict=True):
        draft = copy.with_name(f"{copy.name}.new")
        draft.write_bytes(content)
        draft.replace(copy)
    mark_file.write_text(mark)
    return True


def _parse(settings: Settings, _mark: str) -> tuple[bytes, bytes]:
    """Return what dbt makes of the project with this fingerprint, for people's tools and for itself."""
    from meterwise.transform import parse

    manifest = parse(settings)
    return manifest.read_bytes(), manifest.with_name("partial_parse.msgpack").read_bytes()


def _fingerprint(settings: Settings) -> str:
    """Digest of all that dbt parses, and of what it writes into it: the database in every table's name."""
    digest = hashlib.sha256()
    root = settings.dbt_project_path.resolve()
    for file in sorted(root.rglob("*")):
        relative = file.relative_to(root)
        if file.is_file() and not IGNORED & set(relative.parts):
            digest.update(str(relative).encode() + b"\0" + file.read_bytes())
    versions = [version(name) for name in ENGINES]
    digest.update(repr((str(root), settings.warehouse, _database(settings), versions)).encode())
    return digest.hexdigest()


def _database(settings: Settings) -> str:
    if settings.warehouse == "postgresql":
        from meterwise.warehouse import Warehouse  # DAG files, which want nothing heavy, import this module

        return make_url(Warehouse(settings).sqlalchemy_url()).database or ""
    return settings.warehouse_path.stem


if __name__ == "__main__":
    refresh(get_settings())

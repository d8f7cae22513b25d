"""Brings a backup back into an empty installation: whole, or marked so that nothing starts on half of it."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg import sql

from meterwise.access.prepare import prepare
from meterwise.backup import files, manifest, roles, unfinished
from meterwise.backup.errors import RestoreError
from meterwise.backup.making import DATABASES
from meterwise.backup.manifest import DatabasePart, Manifest
from meterwise.backup.server import Server, embedded, named_server
from meterwise.backup.tools import Report, ToolError, load, silent
from meterwise.database import EMBEDDED_FOLDER
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings
from meterwise.stack.state import LOCK_FILE, take_lock

STAGED, REPLACED = "_restoring", "_replaced"
TABLES = """
select count(*) from pg_class join pg_namespace on pg_namespace.oid = relnamespace
where relkind in ('r', 'p', 'm') and nspname !~ '^pg_' and nspname <> 'information_schema'
"""


def restore(folder: Path, settings: Settings, report: Report = silent) -> Manifest:
    """Bring a backup back; returns its manifest.

    Everything is checked before anything is changed. A restore that was cut off begins anew when it is run again.

    Args:
        folder: The backup.
        settings: Of the installation to fill: a home that is empty or not there, or else a server (``database_url``)
            whose databases are empty.
        report: Is told what is being restored.

    Raises:
        RestoreError: The backup is damaged, half-made or of a newer version, or the target holds something.
        StackError: A stack runs on the home.
    """
    folder = folder.resolve()
    saved = manifest.read(folder)
    report("the backup's checksums")
    manifest.check_files(saved, folder)
    try:
        if settings.database_url is None and settings.admin_url is None:
            _into_home(folder, saved, settings, report)
        else:
            _into_server(folder, saved, settings, report)
    except (ToolError, OSError, psycopg.Error) as error:
        raise RestoreError(
            f"The restore was cut off: {error}. Nothing starts on what it left; cure this and run it again."
        ) from error
    return saved


def _into_home(folder: Path, saved: Manifest, settings: Settings, report: Report) -> None:
    home = settings.home_path
    _refuse_full_home(home, folder)
    home.mkdir(parents=True, exist_ok=True)
    with take_lock(home):
        if unfinished.is_marked(home):
            _empty(home)
        unfinished.mark(home, folder)
        files.restore_home(settings, folder)
        report("PostgreSQL")
        with EmbeddedPostgres(home / EMBEDDED_FOLDER) as postgres:
            server = embedded(postgres)
            _fill(replace(server, databases={part.name: part.role for part in saved.databases}), folder, saved,
                  settings, report)  # fmt: skip
        (home / unfinished.FILE).unlink()


def _refuse_full_home(home: Path, folder: Path) -> None:
    if unfinished.is_marked(home) or not home.exists():
        return
    found = sorted(path.name for path in home.iterdir() if path.name != LOCK_FILE)
    if found:
        raise RestoreError(
            f"{home} is not empty ({', '.join(found[:4])}{', ...' if len(found) > 4 else ''}). A backup is restored "
            f"into an empty home only: meterwise restore {folder} --home ANOTHER, or move this one away. Nothing was "
            "changed."
        )


def _empty(home: Path) -> None:
    """Remove what a restore that was cut off has left; the mark goes last."""
    for path in home.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in {unfinished.FILE, LOCK_FILE}:
            path.unlink()


def _into_server(folder: Path, saved: Manifest, settings: Settings, report: Report) -> None:
    server = named_server(settings)
    names = _names(server, saved.databases)
    _refuse_older_server(server, saved, folder)
    with closing(server.connect()) as connection:
        left = unfinished.marked_databases(connection)
        for name in left:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    if left:
        settings.warehouse_path.unlink(missing_ok=True)
    elif other := files.other_artifacts(settings, folder):
        raise RestoreError(
            f"The store of MLflow's artifacts holds other files of the same names ({', '.join(other[:3])}), so it is "
            "not the one that was saved. Empty it, or name another one in METERWISE_ARTIFACTS_URL. Nothing was changed."
        )
    _refuse_full_server(server, list(names.values()), settings)
    _fill(server, folder, saved, settings, report)
    if settings.admin_url is not None:
        report("rights")
        prepare(settings)


def _names(server: Server, parts: Sequence[DatabasePart]) -> dict[str, str]:
    """Return under which name each saved database is to live: the one that the settings have for its use."""
    return {part.name: server.name_of(part.role) or part.name for part in parts}


def _refuse_older_server(server: Server, saved: Manifest, folder: Path) -> None:
    if server.major() < saved.postgres_major:
        raise RestoreError(
            f"{folder} was saved from PostgreSQL {saved.postgres_major}, the server is an older one "
            f"({server.major()}), which cannot read it. Restore into PostgreSQL {saved.postgres_major} or newer."
        )


def _refuse_full_server(server: Server, names: Sequence[str], settings: Settings) -> None:
    full, used = [], []
    for name in sorted(set(server.existing()) & set(names)):
        with closing(server.connect(name)) as connection:
            if connection.execute(TABLES).fetchone() != (0,):
                full.append(f"database {name}")
            others = "select count(*) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()"
            if connection.execute(others, [name]).fetchone() != (0,):
                used.append(name)
    if settings.warehouse_path.exists():
        full.append(str(settings.warehouse_path))
    if full:
        raise RestoreError(
            f"Not empty: {', '.join(full)}. A backup is restored into an empty installation only; begin with a new "
            "project (or new volumes), or empty these yourself. Nothing was changed."
        )
    if used:
        raise RestoreError(f"In use: {', '.join(used)}. Stop everything but PostgreSQL and the object store first.")


def _fill(server: Server, folder: Path, saved: Manifest, settings: Settings, report: Report) -> None:
    names = _names(server, saved.databases)
    major = server.major()
    roles.restore(server, folder)
    with closing(server.connect()) as connection:
        present = {name for (name,) in connection.execute("select rolname from pg_roles")}
        for part in saved.databases:
            _stage(connection, names[part.name], part.owner if part.owner in present else None)
    for part in saved.databases:
        report(f"database {names[part.name]}")
        load(server, names[part.name] + STAGED, folder / DATABASES / f"{part.name}.dump", major)
    report("MLflow's artifacts")
    files.restore_artifacts(settings, folder)
    files.restore_duckdb(settings, folder)
    files.restore_messages(settings, folder)
    files.restore_sources(settings, folder)
    _check_published(server, saved, names)
    _switch(server, list(names.values()))


def _stage(connection: psycopg.Connection, name: str, owner: str | None) -> None:
    staged = sql.Identifier(name + STAGED)
    connection.execute(sql.SQL("create database {} template template0").format(staged))
    connection.execute(sql.SQL("comment on database {} is {}").format(staged, sql.Literal(unfinished.COMMENT)))
    if owner is not None:
        connection.execute(sql.SQL("alter database {} owner to {}").format(staged, sql.Identifier(owner)))


def _check_published(server: Server, saved: Manifest, names: Mapping[str, str]) -> None:
    """Compare what readers will see with what they saw when the backup was made."""
    part = next(part for part in saved.databases if part.role == "published")
    with closing(server.connect(names[part.name] + STAGED)) as connection:
        for table in saved.published:
            view = sql.Identifier("published", table.table)
            row = connection.execute(sql.SQL("select count(*) from {}").format(view)).fetchone()
            if row != (table.rows,):
                raise RestoreError(
                    f"published.{table.table} has {row and row[0]} rows, not {table.rows}: the backup is not what it "
                    "says. Nothing starts on this; take another backup."
                )


def _switch(server: Server, names: Sequence[str]) -> None:
    """Give every database its name, and take the marks away, in one transaction."""
    with closing(server.connect()) as connection:
        replaced = sorted(set(server.existing()) & set(names))
        with connection.transaction():
            for name in replaced:
                _rename(connection, name, name + REPLACED)
            for name in names:
                _rename(connection, name + STAGED, name)
                connection.execute(sql.SQL("comment on database {} is null").format(sql.Identifier(name)))
        for name in replaced:
            connection.execute(sql.SQL("drop database {}").format(sql.Identifier(name + REPLACED)))


def _rename(connection: psycopg.Connection, old: str, new: str) -> None:
    connection.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(old), sql.Identifier(new)))

"""Finds out, before anything starts, whether a database was made by a newer program than the one installed here."""

import re
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL

from meterwise.access.opening import open_connection
from meterwise.outcomes import RefusedError


class NewerDatabaseError(RefusedError):
    """A database was made by a newer program; nothing may start on it."""


@dataclass(frozen=True)
class Tool:
    """A program that keeps the version of its tables with Alembic."""

    name: str
    distribution: str
    migrations: str
    """Folder with one file a revision, inside the top-level package that the path begins with."""
    version_table: str


AIRFLOW = (
    Tool("Airflow", "apache-airflow-core", "airflow/migrations/versions", "alembic_version"),
    Tool(
        "Airflow's accounts",
        "apache-airflow-providers-fab",
        "airflow/providers/fab/migrations/versions",
        "alembic_version_fab",
    ),
)
MLFLOW = (
    Tool("MLflow", "mlflow", "mlflow/store/db_migrations/versions", "alembic_version"),
    Tool("MLflow's accounts", "mlflow", "mlflow/server/auth/db/migrations/versions", "alembic_version_auth"),
)


def refuse_newer(url: URL, tools: tuple[Tool, ...]) -> str:
    """Refuse a database whose tables carry a version that the installed programs do not know; returns what was found.

    Raises:
        NewerDatabaseError: Says which program, and what to do.
        DatabaseRefusedError: See ``open_connection``.
        DatabaseDownError: Likewise.
    """
    with closing(open_connection(url)) as connection:
        found = {tool: _revision(connection, tool.version_table) for tool in tools}
    for tool, revision in found.items():
        known = known_revisions(tool)
        if revision is not None and known and revision not in known:
            raise NewerDatabaseError(
                f"The database {url.database} has tables of {tool.name} in version {revision}, which the installed "
                f"{tool.distribution} {version(tool.distribution)} does not know: a newer one has been here. Install "
                "that one again, or restore the backup from before the upgrade. Nothing was started."
            )
    return ", ".join(f"{tool.name} {revision}" for tool, revision in found.items() if revision) or "no tables yet"


@cache
def known_revisions(tool: Tool) -> frozenset[str]:
    """Return the revisions that the installed program brings, read from its files; none where it is not installed."""
    package, _, rest = tool.migrations.partition("/")
    spec = find_spec(package)
    places = [Path(place) / rest for place in (spec.submodule_search_locations if spec else None) or ()]
    texts = [file.read_text(encoding="utf-8") for place in places for file in place.glob("*.py")]
    found = (re.search(r"^revision(?:\s*:\s*\w+)?\s*=\s*[\"'](\w+)[\"']", text, re.MULTILINE) for text in texts)
    return frozenset(match[1] for match in found if match)


def _revision(connection: psycopg.Connection, table: str) -> str | None:
    execute = connection.execute
    if execute("select to_regclass(%s)", [table]).fetchone() == (None,):
        return None
    row = execute(sql.SQL("select version_num from {}").format(sql.Identifier(table))).fetchone()
    return str(row[0]) if row else None

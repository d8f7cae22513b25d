"""The marks of a restore that was cut off: a file in the home, or the description of databases on a server.

While there is one, nothing may start: what is there is half of an installation.
"""

from contextlib import closing
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from meterwise.access import open_connection
from meterwise.backup.errors import UnfinishedRestoreError
from meterwise.settings import Settings

FILE = "restore.unfinished"
COMMENT = "Half of a restore by Meterwise: run the same restore again."
MARKED = "select datname from pg_database where shobj_description(oid, 'pg_database') = %s order by 1"


def mark(home: Path, backup: Path) -> None:
    """Say in a home that a restore of this backup has begun."""
    home.mkdir(parents=True, exist_ok=True)
    (home / FILE).write_text(f"{backup}\n")


def is_marked(home: Path) -> bool:
    """Tell whether a restore into this home has begun and not ended."""
    return (home / FILE).exists()


def marked_databases(connection: psycopg.Connection) -> list[str]:
    """Return the databases of a server that a restore has begun to fill; they take their names at its end."""
    return [name for (name,) in connection.execute(MARKED, [COMMENT])]


def refuse_home(home: Path) -> None:
    """Refuse to work on half of a home.

    Raises:
        UnfinishedRestoreError: Says which backup, and what to do.
    """
    if is_marked(home):
        backup = (home / FILE).read_text().strip() or "FOLDER"
        raise UnfinishedRestoreError(
            f"{home} holds a restore that was cut off. Run it again, it begins anew: "
            f"meterwise restore {backup} --home {home}. Or remove {home} and begin without it."
        )


def refuse(settings: Settings) -> None:
    """Refuse to work on half of an installation; needs the server of the settings to be up, where they name one.

    Raises:
        UnfinishedRestoreError: Says what is half there, and what to do.
    """
    refuse_home(settings.home_path)
    if settings.database_url is None:
        return
    url = make_url(settings.database_url.get_secret_value())
    with closing(open_connection(url.set(database="postgres"), autocommit=True)) as connection:
        found = marked_databases(connection)
    if found:
        raise UnfinishedRestoreError(
            f"The PostgreSQL server at {url.host} holds a restore that was cut off ({', '.join(found)}). Run the same "
            "restore again, it begins anew: make restore FROM=..., or `meterwise restore FOLDER`. Or drop these "
            "databases."
        )

"""Connections to the PostgreSQL database that holds the schemas ``ops`` and ``published``.

What is in these schemas does not belong here: see ``ops`` and ``publish``.
"""

from functools import cache

import psycopg
from sqlalchemy import URL, Engine, NullPool, create_engine, make_url

from meterwise.access import PUBLISHER, acting_as, open_connection
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings, get_settings

# The embedded server of an installation and the database in it, for commands that run beside `meterwise up`.
EMBEDDED_FOLDER = "postgres"
EMBEDDED_DATABASE = "meterwise"


class DatabaseNotConfiguredError(RuntimeError):
    """No PostgreSQL database is named and no embedded one runs."""


def database_url(settings: Settings | None = None) -> URL:
    """Return the address of the database, for psycopg 3: the setting, else the embedded server of this home.

    Raises:
        DatabaseNotConfiguredError: Neither is there.
    """
    settings = settings or get_settings()
    if settings.database_url is not None:
        return make_url(settings.database_url.get_secret_value()).set(drivername="postgresql+psycopg")
    server = EmbeddedPostgres(settings.home_path / EMBEDDED_FOLDER)
    if not server.is_running():
        raise DatabaseNotConfiguredError(
            f"No PostgreSQL database: METERWISE_DATABASE_URL is not set and no embedded server in {server.folder}. "
            "Start it with `meterwise up`, or name the database in METERWISE_DATABASE_URL."
        )
    return make_url(server.url(EMBEDDED_DATABASE))


def engine(settings: Settings | None = None) -> Engine:
    """Return a SQLAlchemy engine on the database; it pools nothing, since tasks fork and live for seconds.

    Connections act as the group that delivers, where the user is a member of it. Opening one raises as ``connect``.
    """
    return _engine(acting_as(database_url(settings), PUBLISHER))


def connect(settings: Settings | None = None) -> psycopg.Connection:
    """Open a psycopg connection (no transaction begun) to the database, for COPY and DDL.

    Raises:
        DatabaseNotConfiguredError: No database is named and no embedded one runs.
        DatabaseRefusedError: Wrong or expired password, unknown database, missing role.
        DatabaseDownError: The server does not answer.
    """
    return open_connection(acting_as(database_url(settings), PUBLISHER), autocommit=True)


@cache
def _engine(url: URL) -> Engine:
    return create_engine(url, poolclass=NullPool, creator=lambda: open_connection(url))

"""The PostgreSQL server that is saved or filled: which databases there are, with whose rights, by which tools."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace

import psycopg
from sqlalchemy import URL, make_url

from meterwise.access import checking_the_server, open_connection
from meterwise.backup.errors import BackupError
from meterwise.backup.manifest import Role
from meterwise.database import EMBEDDED_DATABASE, EMBEDDED_FOLDER
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings
from meterwise.stack.state import take_lock

MAINTENANCE = "postgres"
EMBEDDED_ROLES: dict[str, Role] = {
    EMBEDDED_DATABASE: "published",
    "warehouse": "warehouse",
    "airflow": "airflow",
    "mlflow": "mlflow",
}


@dataclass(frozen=True)
class Server:
    """A server and those of its databases that belong to an installation.

    Attributes:
        url: Of the user who may read (and make) all of them.
        databases: What each is for, by name, in the order in which their states are to be fixed.
        is_embedded: Whether it is the home's own.
    """

    url: URL
    databases: dict[str, Role]
    is_embedded: bool

    def connect(self, database: str = MAINTENANCE) -> psycopg.Connection:
        """Open a connection to one database, as the administrator and as nobody else."""
        return open_connection(self.url.set(database=database), autocommit=True)

    def name_of(self, role: Role) -> str | None:
        """Return the database that is there for something."""
        return next((name for name, known in self.databases.items() if known == role), None)

    def major(self) -> int:
        """Return the major version of PostgreSQL."""
        with closing(self.connect()) as connection:
            return connection.info.server_version // 10_000

    def existing(self) -> dict[str, str]:
        """Return the owner of every database of the server that people can connect to, by name."""
        query = "select datname, pg_get_userbyid(datdba) from pg_database where datallowconn and not datistemplate"
        with closing(self.connect()) as connection:
            rows = connection.execute(query).fetchall()
        return {name: owner for name, owner in rows if name != MAINTENANCE}


ORDER: Sequence[Role] = ("airflow", "published", "warehouse", "mlflow", "other")
"""A later one may know of more than an earlier one, never of less: see docs/decisions/0120."""


def named_server(settings: Settings) -> Server:
    """Return the server that the settings name, with the databases that they name on it.

    Raises:
        BackupError: A database lies on another server.
    """
    named: list[tuple[Role, URL]] = []
    for role, secret in (
        ("airflow", settings.airflow_database_url),
        ("published", settings.database_url),
        ("warehouse", settings.warehouse_url),
        ("mlflow", settings.mlflow_database_url),
    ):
        if secret is not None:
            named.append((role, make_url(secret.get_secret_value())))  # type: ignore[arg-type]
    chosen = settings.admin_url or settings.database_url
    assert chosen is not None  # noqa: S101 - the caller looked
    admin = make_url(chosen.get_secret_value())
    databases: dict[str, Role] = {}
    for role, url in named:
        if (url.host, url.port or 5432) != (admin.host, admin.port or 5432):
            raise BackupError(
                f"The database of {role} is at {url.host}, the administrator's server is {admin.host}. Meterwise saves "
                "one server; save the other one with its own tools, and leave its URL out of this command's settings."
            )
        databases.setdefault(str(url.database), role)
    url = checking_the_server(_plain(admin), settings.tls_authority_file)
    return Server(url, databases, is_embedded=False)


@contextmanager
def opened(settings: Settings) -> Iterator[Server]:
    """Give the server of an installation; an embedded one that is down is started for as long as this lasts.

    Raises:
        BackupError: There is neither a server in the settings nor one in the home.
        StackError: Another command works on the home.
    """
    if settings.database_url is not None or settings.admin_url is not None:
        yield named_server(settings)
        return
    postgres = EmbeddedPostgres(settings.home_path / EMBEDDED_FOLDER)
    if not (postgres.data / "PG_VERSION").exists():
        raise BackupError(
            f"{settings.home_path} holds no installation, and METERWISE_DATABASE_URL names none. Choose the folder "
            "with --home, or start one: meterwise up."
        )
    with ExitStack() as down_again:
        if not postgres.is_running():
            down_again.callback(take_lock(settings.home_path).close)
            down_again.enter_context(postgres)
        yield with_all_databases(embedded(postgres))


def embedded(postgres: EmbeddedPostgres) -> Server:
    """Return a home's own server; which databases it has is to be asked."""
    return Server(_plain(make_url(postgres.url(MAINTENANCE))), {}, is_embedded=True)


def with_all_databases(server: Server) -> Server:
    """Return an embedded server with every database that is on it: all are the installation's."""
    found = {name: EMBEDDED_ROLES.get(name, "other") for name in server.existing()}
    return replace(server, databases=dict(sorted(found.items(), key=lambda item: (ORDER.index(item[1]), item[0]))))


def _plain(url: URL) -> URL:
    return url.set(drivername="postgresql")

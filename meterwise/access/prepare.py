"""Makes a PostgreSQL server ready for Meterwise: groups, users, databases, schemas, rights.

Everything is said anew each time, so that a restored or hand-changed database is put right by the same command.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from meterwise.access.logins import ensure_login
from meterwise.access.opening import DatabaseRefusedError, open_connection, where
from meterwise.access.raw_grants import grant_raw
from meterwise.access.roles import (
    PII_READER,
    PUBLISHED_SCHEMAS,
    PURPOSES,
    READ_BY,
    READER,
    SERVICE_GROUPS,
    WAREHOUSE_SCHEMAS,
)
from meterwise.database import database_url
from meterwise.settings import Settings

PREPARE_LOCK = 7_361_003
DOWNSTREAM_READER = "meterwise_reader"
"""A login that deliveries have made since before there were groups."""

MISOWNED = """
    select
        case relation.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
            else 'table' end as kind,
        relation.relname
    from pg_catalog.pg_class as relation
    join pg_catalog.pg_namespace as space on space.oid = relation.relnamespace
    where space.nspname = %(schema)s
        and relation.relkind in ('r', 'p', 'v', 'm', 'S')
        and pg_get_userbyid(relation.relowner) <> %(owner)s
        -- The sequence of a column goes with its table.
        and not exists (
            select 1 from pg_catalog.pg_depend as depends
            where depends.objid = relation.oid and relation.relkind = 'S' and depends.deptype in ('a', 'i')
        )
"""
MISOWNED_FUNCTIONS = """
    select function.oid::regprocedure::text
    from pg_catalog.pg_proc as function
    join pg_catalog.pg_namespace as space on space.oid = function.pronamespace
    where space.nspname = %(schema)s and pg_get_userbyid(function.proowner) <> %(owner)s
"""


@dataclass
class Wanted:
    """One database to prepare."""

    url: URL
    schemas: dict[str, str] = field(default_factory=dict)
    """Owner by schema; none: the database belongs to its user (Airflow's and MLflow's own)."""


def prepare(settings: Settings, report: Callable[[str], None] = lambda message: None) -> None:
    """Prepare every database that the settings name, as the administrator.

    Args:
        settings: With ``admin_url``, or a URL whose user is the server's superuser.
        report: Is told in a few words what was prepared.

    Raises:
        DatabaseRefusedError: There is no administrator's URL, or its user is none.
        DatabaseDownError: The server does not answer.
    """
    wanted = databases(settings)
    with closing(as_administrator(settings)) as connection:
        connection.execute("select pg_advisory_lock(%s)", [PREPARE_LOCK])
        _make_groups(connection)
        for database in wanted:
            ensure_login(connection, database.url, SERVICE_GROUPS if database.schemas else ())
            _make_database(connection, database)
            with closing(as_administrator(settings, database.url.database)) as inside, inside.transaction():
                _prepare_schemas(inside, database)
            schemas = f", {len(database.schemas)} schemas" if database.schemas else ""
            report(f"database {database.url.database}: user {database.url.username}{schemas}")
        _close_what_is_nobodys(connection, [str(one.url.username) for one in wanted if one.schemas])


def databases(settings: Settings) -> list[Wanted]:
    """Return the databases that the settings name, each once."""
    found: dict[tuple[str | None, int | None, str | None], Wanted] = {}
    named: list[tuple[object, Mapping[str, str]]] = [
        (settings.warehouse_url, WAREHOUSE_SCHEMAS),
        (settings.database_url, PUBLISHED_SCHEMAS),
        (settings.airflow_database_url, {}),
        (settings.mlflow_database_url, {}),
    ]
    for secret, schemas in named:
        if secret is not None:
            url = make_url(secret.get_secret_value())  # type: ignore[attr-defined]
            place = (url.host, url.port, url.database)
            found.setdefault(place, Wanted(url)).schemas.update(schemas)
    return list(found.values())


def as_administrator(settings: Settings, database: str | None = None) -> psycopg.Connection:
    """Open a connection of the administrator, in the database of its URL or in another one.

    Raises:
        DatabaseNotConfiguredError: No URL is given, and no embedded server runs.
        DatabaseRefusedError: Its user is no superuser.
        DatabaseDownError: The server does not answer.
    """
    named = settings.admin_url
    url = make_url(named.get_secret_value()) if named is not None else database_url(settings)
    url = url.set(database=database) if database else url
    connection = open_connection(url, autocommit=True)
    if connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() != (True,):
        connection.close()
        raise DatabaseRefusedError(
            f"{url.username} at {where(url)} is no superuser and cannot give out rights. Give the administrator's URL "
            "in METERWISE_ADMIN_URL, for this command only."
        )
    return connection


def _make_groups(connection: psycopg.Connection) -> None:
    for group, purpose in PURPOSES.items():
        name = sql.Identifier(group)
        if not connection.execute("select 1 from pg_roles where rolname = %s", [group]).fetchone():
            connection.execute(sql.SQL("create role {}").format(name))
        connection.execute(
            sql.SQL("alter role {} nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls").format(name)
        )
        connection.execute(sql.SQL("comment on role {} is {}").format(name, sql.Literal(purpose)))
    connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(READER), sql.Identifier(PII_READER)))
    if connection.execute("select 1 from pg_roles where rolname = %s", [DOWNSTREAM_READER]).fetchone():
        connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(READER), sql.Identifier(DOWNSTREAM_READER)))


def _make_database(connection: psycopg.Connection, database: Wanted) -> None:
    name, user = sql.Identifier(str(database.url.database)), sql.Identifier(str(database.url.username))
    if not connection.execute("select 1 from pg_database where datname = %s", [database.url.database]).fetchone():
        connection.execute(sql.SQL("create database {}").format(name))
    connection.execute(sql.SQL("revoke all on database {} from public").format(name))
    connection.execute(sql.SQL("grant connect on database {} to {}").format(name, user))
    if not database.schemas:
        connection.execute(sql.SQL("alter database {} owner to {}").format(name, user))
        return
    for group in PURPOSES:
        connection.execute(sql.SQL("grant connect on database {} to {}").format(name, sql.Identifier(group)))
    for group in SERVICE_GROUPS:  # for the steps of a load, of dbt and of Great Expectations
        connection.execute(sql.SQL("grant temporary on database {} to {}").format(name, sql.Identifier(group)))


def _close_what_is_nobodys(connection: psycopg.Connection, users: list[str]) -> None:
    """Close the databases that every server has; the service looks there for restores that were cut off."""
    for name in ("postgres", "template1"):
        connection.execute(sql.SQL("revoke connect, temporary on database {} from public").format(sql.Identifier(name)))
    for user in users:
        connection.execute(sql.SQL("grant connect on database postgres to {}").format(sql.Identifier(user)))


def _prepare_schemas(connection: psycopg.Connection, database: Wanted) -> None:
    if not database.schemas:
        return
    connection.execute("revoke all on schema public from public")
    for schema, owner in database.schemas.items():
        name, to = sql.Identifier(schema), sql.Identifier(owner)
        connection.execute(sql.SQL("create schema if not exists {}").format(name))
        connection.execute(sql.SQL("alter schema {} owner to {}").format(name, to))
        connection.execute(sql.SQL("revoke all on schema {} from public").format(name))
        _hand_over(connection, schema, owner)
    for group in SERVICE_GROUPS:
        connection.execute(
            sql.SQL("alter default privileges for role {} revoke execute on functions from public").format(
                sql.Identifier(group)
            )
        )
    for schema, (owner, reader) in READ_BY.items():
        if schema in database.schemas:
            _let_read(connection, schema, owner, reader)
    if "raw" in database.schemas:
        for group in ("transformer", PII_READER):
            connection.execute(sql.SQL("grant usage on schema raw to {}").format(sql.Identifier(group)))
        grant_raw(connection)


def _hand_over(connection: psycopg.Connection, schema: str, owner: str) -> None:
    """Give what somebody else made in a schema, a restore by the administrator say, to its owner."""
    of, to = {"schema": schema, "owner": owner}, sql.Identifier(owner)
    for kind, name in connection.execute(MISOWNED, of).fetchall():
        connection.execute(sql.SQL("alter {} {} owner to {}").format(sql.SQL(kind), sql.Identifier(schema, name), to))
    for (signature,) in connection.execute(MISOWNED_FUNCTIONS, of).fetchall():
        connection.execute(sql.SQL("alter function {} owner to {}").format(sql.SQL(signature), to))


def _let_read(connection: psycopg.Connection, schema: str, owner: str, reader: str) -> None:
    names = {"schema": sql.Identifier(schema), "owner": sql.Identifier(owner), "reader": sql.Identifier(reader)}
    for statement in (
        "grant usage on schema {schema} to {reader}",
        "grant select on all tables in schema {schema} to {reader}",
        "alter default privileges for role {owner} in schema {schema} grant select on tables to {reader}",
    ):
        connection.execute(sql.SQL(statement).format(**names))

"""Users that log in: the service's own, and people and systems downstream. Passwords reach the server hashed."""

import secrets
from collections.abc import Sequence
from datetime import date

import psycopg
from psycopg import sql
from sqlalchemy import URL

from meterwise.access.opening import SHAPE, DatabaseRefusedError
from meterwise.access.roles import PEOPLE_GROUPS, PURPOSES

OPTIONS_SINCE = 160000
"""PostgreSQL 16 takes what a membership means with the grant; before, it is a property of the user."""


def ensure_login(connection: psycopg.Connection, url: URL, groups: Sequence[str]) -> None:
    """Make the user of a URL with its password, or set that password; it acts as these groups, one at a time.

    The user of the administrator's own connection is left as it is.

    Raises:
        DatabaseRefusedError: The URL names no user or no password.
    """
    if not url.username or not url.password:
        raise DatabaseRefusedError(f"The URL of the database {url.database} has no user or no password; it is {SHAPE}.")
    if url.username in PURPOSES:
        raise DatabaseRefusedError(f"{url.username} is a group and cannot log in; name another user in the URL.")
    if connection.execute("select rolsuper from pg_roles where rolname = %s", [url.username]).fetchone() == (True,):
        return
    _set_password(connection, url.username, url.password, "noinherit")
    with_options = " with inherit false, set true" if connection.info.server_version >= OPTIONS_SINCE else ""
    for group in groups:
        connection.execute(
            sql.SQL("grant {} to {}" + with_options).format(sql.Identifier(group), sql.Identifier(url.username))
        )


def add_user(
    connection: psycopg.Connection, name: str, group: str, password: str | None = None, expires: date | None = None
) -> str:
    """Make a user for a person or a system downstream, or give one a new password; returns the password.

    Args:
        connection: Of the administrator.
        name: Of the user.
        group: ``reader`` or ``pii_reader``; the user leaves the other one.
        password: By default one is made up.
        expires: Last day on which the password is taken; by default it does not expire.

    Raises:
        DatabaseRefusedError: The name is that of a group or of one of the service's own users.
    """
    if group not in PEOPLE_GROUPS:
        raise DatabaseRefusedError(f"{group} is not for people; choose {' or '.join(PEOPLE_GROUPS)}.")
    if name in PURPOSES or _is_privileged(connection, name):
        raise DatabaseRefusedError(f"{name} is a group, an administrator or the service's own user; choose another.")
    password = password or secrets.token_urlsafe(18)
    _set_password(connection, name, password, "inherit")
    until = sql.Literal(f"{expires} 23:59:59" if expires else "infinity")
    connection.execute(sql.SQL("alter role {} valid until {}").format(sql.Identifier(name), until))
    for other in PEOPLE_GROUPS:
        if _is_direct_member(connection, name, other) and other != group:
            connection.execute(sql.SQL("revoke {} from {}").format(sql.Identifier(other), sql.Identifier(name)))
    connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(group), sql.Identifier(name)))
    return password


def _set_password(connection: psycopg.Connection, name: str, password: str, inheritance: str) -> None:
    # Hashed on this side, so that no log of the server ever holds the password.
    verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    exists = connection.execute("select 1 from pg_roles where rolname = %s", [name]).fetchone()
    connection.execute(
        sql.SQL("{} role {} login nosuperuser nocreatedb nocreaterole " + inheritance + " password {}").format(
            sql.SQL("alter" if exists else "create"), sql.Identifier(name), sql.Literal(verifier)
        )
    )


def _is_privileged(connection: psycopg.Connection, name: str) -> bool:
    query = """
        select rolsuper or rolcreaterole or not rolinherit
            or exists (select 1 from pg_database where datdba = pg_roles.oid)
        from pg_roles where rolname = %s
    """
    return connection.execute(query, [name]).fetchone() not in (None, (False,))


def _is_direct_member(connection: psycopg.Connection, name: str, group: str) -> bool:
    query = "select 1 from pg_auth_members where member = %s::regrole and roleid = %s::regrole"
    return connection.execute(query, [sql.Identifier(name).as_string(connection), group]).fetchone() is not None

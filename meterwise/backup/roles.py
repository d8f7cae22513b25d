"""Users and groups of the server: they belong to no database, so no dump holds them."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from meterwise.backup.server import Server

FILE = "roles.json"
ROLES = """
select rolname as name, rolcanlogin as login, rolinherit as inherit, rolcreaterole as createrole,
    rolcreatedb as createdb, {password} as verifier, shobj_description(oid, 'pg_authid') as purpose,
    to_char(rolvaliduntil at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS+00') as valid_until
from {catalog}
where rolname not like 'pg\\_%' and not rolsuper
order by rolname
"""
MEMBERS = """
select granted.rolname as granted, member.rolname as member, membership.admin_option as admin
from pg_auth_members as membership
join pg_roles as granted on granted.oid = membership.roleid
join pg_roles as member on member.oid = membership.member
where not member.rolsuper and member.rolname not like 'pg\\_%'
order by 1, 2
"""


def save(server: Server, folder: Path) -> None:
    """Write every role that is no superuser, with the verifier of its password, and who is a member of what."""
    with closing(server.connect()) as connection:
        row = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
        sees_passwords = row == (True,)
        query = ROLES.format(
            password="rolpassword" if sees_passwords else "null",
            catalog="pg_authid" if sees_passwords else "pg_roles",
        )
        found = {"roles": _dicts(connection, query), "members": _dicts(connection, MEMBERS)}
    (folder / FILE).write_text(json.dumps(found, indent=1))


def restore(server: Server, folder: Path) -> list[str]:
    """Make the roles that the server lacks, and their memberships; returns which were made.

    A role that is there keeps its password: it is the one that the new installation's secrets hold.
    """
    saved = json.loads((folder / FILE).read_text())
    with closing(server.connect()) as connection, connection.transaction():
        present = {name for (name,) in connection.execute("select rolname from pg_roles")}
        made = [role for role in saved["roles"] if role["name"] not in present]
        for role in made:
            _make(connection, role)
        names = {role["name"] for role in made}
        for membership in saved["members"]:
            if membership["member"] in names or membership["granted"] in names:
                _join(connection, membership)
    return sorted(names)


def _make(connection: psycopg.Connection, role: dict[str, Any]) -> None:
    name = sql.Identifier(role["name"])
    words = [
        word if role[key] else f"no{word}"
        for key, word in (
            ("login", "login"),
            ("inherit", "inherit"),
            ("createrole", "createrole"),
            ("createdb", "createdb"),
        )
    ]
    connection.execute(sql.SQL("create role {} {}").format(name, sql.SQL(" ".join(words))))
    if role["verifier"]:
        connection.execute(sql.SQL("alter role {} password {}").format(name, sql.Literal(role["verifier"])))
    if role["valid_until"]:
        connection.execute(sql.SQL("alter role {} valid until {}").format(name, sql.Literal(role["valid_until"])))
    if role["purpose"]:
        connection.execute(sql.SQL("comment on role {} is {}").format(name, sql.Literal(role["purpose"])))


def _join(connection: psycopg.Connection, membership: dict[str, Any]) -> None:
    statement = "grant {} to {} with admin option" if membership["admin"] else "grant {} to {}"
    granted, member = sql.Identifier(membership["granted"]), sql.Identifier(membership["member"])
    connection.execute(sql.SQL(statement).format(granted, member))


def _dicts(connection: psycopg.Connection, query: str) -> Sequence[dict[str, Any]]:
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(query).fetchall()

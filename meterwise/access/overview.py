"""Who may what, as PostgreSQL itself sees it: for people, in words."""

import psycopg

from meterwise.access.roles import PEOPLE_GROUPS, PURPOSES, SERVICE_GROUPS

RIGHTS = """
    with relations as (
        select
            space.nspname as schema_name,
            relation.oid as relation_oid,
            groups.rolname as group_name,
            pg_get_userbyid(space.nspowner) = groups.rolname as is_owner,
            has_schema_privilege(groups.oid, space.oid, 'usage') as is_open,
            has_table_privilege(groups.oid, relation.oid, 'select') as reads_all,
            has_any_column_privilege(groups.oid, relation.oid, 'select') as reads_some
        from pg_catalog.pg_namespace as space
        cross join pg_catalog.pg_roles as groups
        left join pg_catalog.pg_class as relation
            on relation.relnamespace = space.oid
            and relation.relkind in ('r', 'p', 'v', 'm')
            and not relation.relispartition
        where groups.rolname = any(%(groups)s)
            and space.nspname !~ '^pg_' and space.nspname <> 'information_schema'
    )

    select
        schema_name,
        group_name,
        bool_or(is_owner),
        count(*) filter (where is_open and reads_all),
        count(*) filter (where is_open and reads_some and not reads_all),
        count(relation_oid),
        bool_or(is_open)
    from relations
    group by schema_name, group_name
"""
MEMBERS = """
    select members.rolname, groups.rolname, members.rolvaliduntil
    from pg_catalog.pg_auth_members
    join pg_catalog.pg_roles as groups on groups.oid = roleid
    join pg_catalog.pg_roles as members on members.oid = member
    where groups.rolname = any(%s) and members.rolcanlogin
    order by members.rolname, groups.rolname
"""


def rights(connection: psycopg.Connection) -> dict[str, dict[str, str]]:
    """Return what each group may in each schema: by schema, by group."""
    groups = [*SERVICE_GROUPS, *PEOPLE_GROUPS]
    found: dict[str, dict[str, str]] = {}
    for schema, group, owns, whole, parts, tables, is_open in connection.execute(RIGHTS, {"groups": groups}).fetchall():
        words = "has no table to read yet" if is_open and not tables and not owns else ""
        found.setdefault(schema, dict.fromkeys(groups, ""))[group] = words or _in_words(owns, whole, parts, tables)
    return dict(sorted(found.items()))


def users(connection: psycopg.Connection) -> list[tuple[str, str, str]]:
    """Return users, their groups and the last day of their passwords."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, group, until in connection.execute(MEMBERS, [list(PURPOSES)]).fetchall():
        expires = until.date().isoformat() if until is not None and until.year < 9999 else "never"
        found.setdefault((name, expires), []).append(group)
    return [(name, ", ".join(groups), expires) for (name, expires), groups in found.items()]


def _in_words(owns: bool, whole: int, parts: int, tables: int) -> str:
    if owns:
        return "owns"
    if not whole and not parts:
        return ""
    told = "reads all" if whole == tables else f"reads {whole} of {tables}"
    return f"{told}, {parts} in part" if parts else told

"""What is readable in ``raw``: contact data and refused rows by the loader and by ``pii_reader`` alone.

A table that is not named here is closed to everyone but its owner, so nothing opens by being forgotten.
"""

from typing import Any

from psycopg import sql

from meterwise.access.roles import PII_READER, TRANSFORMER
from meterwise.raw_tables import CONTACT_COLUMNS, LOAD_COLUMNS, RAW_TABLES

PERSONS = "crm_customers"
TRANSFORMER_READS = (*RAW_TABLES, "load_audit")
PII_READER_READS = (PERSONS, "quarantine")

EXISTING = """
    select relation.relname
    from pg_catalog.pg_class as relation
    join pg_catalog.pg_namespace as space on space.oid = relation.relnamespace
    where space.nspname = 'raw' and relation.relkind in ('r', 'p') and relation.relname = any(%s)
"""


def readable_columns(group: str, table: str) -> tuple[str, ...] | None:
    """Return the columns of a raw table that a group may read; None: all of them."""
    if table != PERSONS:
        return None
    names = [column.name for column in RAW_TABLES[PERSONS].all_columns]
    if group == TRANSFORMER:
        return tuple(name for name in names if name not in CONTACT_COLUMNS)
    return (*RAW_TABLES[PERSONS].key, *CONTACT_COLUMNS, *(column.name for column in LOAD_COLUMNS))


def grant_raw(connection: Any) -> None:
    """Open the raw tables that exist to those who may read them; harmless when done, or where there are no groups.

    Args:
        connection: psycopg connection (or cursor) of the owner of ``raw``.
    """
    groups = connection.execute(
        "select rolname from pg_catalog.pg_roles where rolname = any(%s)", [[TRANSFORMER, PII_READER]]
    ).fetchall()
    for (group,) in groups:
        wanted = TRANSFORMER_READS if group == TRANSFORMER else PII_READER_READS
        for (table,) in connection.execute(EXISTING, [list(wanted)]).fetchall():
            connection.execute(_statement(group, table))


def _statement(group: str, table: str) -> sql.Composed:
    columns = readable_columns(group, table)
    listed = sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Identifier, columns))) if columns else sql.SQL("")
    return sql.SQL("grant select{} on raw.{} to {}").format(listed, sql.Identifier(table), sql.Identifier(group))

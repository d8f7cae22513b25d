"""What a delivery stands on in PostgreSQL: the schemas, the books of versions and chunks, and the read-only role.

``published`` holds views alone; the rows behind them, and the books, are in ``published_data``.
"""

import logging
import os
import secrets
from pathlib import Path

import psycopg
from psycopg import sql

from meterwise.settings import Settings

READER = "meterwise_reader"
PEOPLE = "reader"
READER_PASSWORD_FILE = "reader_password"  # noqa: S105 - the name of the file

log = logging.getLogger(__name__)

SCHEMAS = ("published", "published_data")
TABLES = """
create table if not exists published_data.deliveries (
    version bigint primary key,
    as_of_date date not null,
    run_id text not null,
    delivered_at timestamptz not null default clock_timestamp()
);
create table if not exists published_data.publications (
    version bigint not null references published_data.deliveries,
    table_name text not null,
    as_of_date date not null,
    rows bigint not null,
    checksum text not null,
    is_unchanged boolean not null,
    model_versions jsonb not null,
    primary key (version, table_name)
);
create table if not exists published_data.chunks (
    chunk_id bigint primary key,
    table_name text not null,
    chunk_key text not null,
    checksum text not null,
    rows bigint not null,
    unique (table_name, chunk_key, checksum)
);
create table if not exists published_data.version_chunks (
    version bigint not null references published_data.deliveries,
    table_name text not null,
    chunk_id bigint not null references published_data.chunks,
    primary key (version, table_name, chunk_id)
);
create index if not exists version_chunks_chunk_id on published_data.version_chunks (chunk_id);
create table if not exists published_data.pointer (
    is_only_row boolean primary key default true check (is_only_row),
    version bigint not null references published_data.deliveries
);
"""

ADDED = {
    "deliveries": "base_version bigint references published_data.deliveries",
    "publications": "note text",
}
"""Columns that came after the first version: one a table."""
PUBLICATIONS = """
create or replace view published.publications as
select
    publications.version,
    publications.table_name,
    publications.as_of_date,
    publications.rows,
    publications.checksum,
    publications.is_unchanged,
    publications.model_versions,
    deliveries.run_id,
    deliveries.delivered_at,
    publications.version = (select pointer.version from published_data.pointer) as is_current,
    publications.note
from published_data.publications
join published_data.deliveries on deliveries.version = publications.version;

comment on view published.publications is
    'One row a delivery and table. Read it in the same transaction (repeatable read) as the tables it speaks of.';
comment on column published.publications.version is 'Number of the delivery; all tables of one delivery share it.';
comment on column published.publications.as_of_date is
    'Local day whose end the rows know; earlier than that of the delivery if the table had no newer rows.';
comment on column published.publications.checksum is 'The same for the same rows, in whatever order.';
comment on column published.publications.is_unchanged is 'Whether the rows equal those of the version before.';
comment on column published.publications.model_versions is 'Registered version in MLflow by model.';
comment on column published.publications.run_id is 'Airflow run that delivered.';
comment on column published.publications.delivered_at is 'When the delivery was made.';
comment on column published.publications.is_current is 'Whether the views show this version now.';
comment on column published.publications.note is 'Why the table was withheld and its former rows stay; else null.';
"""


def prepare(connection: psycopg.Connection, settings: Settings) -> None:
    """Make what is missing of the schemas, the books and the read-only role; takes no lock that readers feel."""
    with connection.transaction():
        for schema in SCHEMAS:
            # Asked first: `if not exists` needs the right to make one even where it exists.
            if connection.execute("select to_regnamespace(%s)", [schema]).fetchone() == (None,):
                connection.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
        connection.execute(TABLES)
        for table, definition in ADDED.items():
            if not _has_column(connection, f"published_data.{table}", definition.split()[0]):
                connection.execute(
                    sql.SQL("alter table published_data.{} add column {}").format(
                        sql.Identifier(table), sql.SQL(definition)
                    )
                )
        if not _has_column(connection, "published.publications", "note"):
            connection.execute(PUBLICATIONS)
        if _has_reader(connection, settings.home_path / READER_PASSWORD_FILE):
            grant(connection)


def _has_column(connection: psycopg.Connection, table: str, column: str) -> bool:
    query = "select 1 from pg_attribute where attrelid = to_regclass(%s) and attname = %s and not attisdropped"
    return connection.execute(query, [table, column]).fetchone() is not None


def grant(connection: psycopg.Connection) -> None:
    """Let the read-only role read every view of ``published``, and nothing else."""
    reader = sql.Identifier(READER)
    connection.execute(sql.SQL("grant usage on schema published to {}").format(reader))
    connection.execute(sql.SQL("grant select on all tables in schema published to {}").format(reader))


def _has_reader(connection: psycopg.Connection, password_file: Path) -> bool:
    """Make the read-only role with a password of its own; where we may not make roles, say how and go on."""
    if connection.execute("select 1 from pg_roles where rolname = %s", [READER]).fetchone():
        return True
    may = connection.execute("select rolsuper or rolcreaterole from pg_roles where rolname = current_user").fetchone()
    if may != (True,):
        if connection.execute("select 1 from pg_roles where rolname = %s", [PEOPLE]).fetchone():
            return False  # `meterwise database prepare` has been here: everyone reads as a member of that group
        log.warning("No role %s, and this user may not make it. As administrator: meterwise database prepare", READER)
        return False
    password = secrets.token_urlsafe(24)
    password_file.parent.mkdir(parents=True, exist_ok=True)
    password_file.unlink(missing_ok=True)
    with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password)
    # Hashed on this side, so that no log of the server ever holds the password.
    verifier = connection.pgconn.encrypt_password(password.encode(), READER.encode(), b"scram-sha-256").decode()
    connection.execute(
        sql.SQL("create role {} login password {}").format(sql.Identifier(READER), sql.Literal(verifier))
    )
    return True

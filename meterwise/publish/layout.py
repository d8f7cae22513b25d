"""The form of the published tables: columns are added, never dropped or retyped; descriptions and indices follow."""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from meterwise.data_contracts import DataContract
from meterwise.outcomes import RefusedError
from meterwise.publish.extract import Extract
from meterwise.publish.schema import READER, grant
from meterwise.publish.types import postgres_type


class BreakingChangeError(RefusedError):
    """A publish table lost or retyped a column that readers rely on."""


class Layout:
    """The tables of ``published_data`` and the views on them in one database."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection

    def refuse_break(self, extract: Extract) -> None:
        """Raise ``BreakingChangeError`` if a table of the warehouse lacks, or types anew, a published column."""
        name = extract.table.name
        wanted = _column_types(extract)
        breaks = [
            f"{column} is gone" if column not in wanted else f"{column} became {wanted[column]}, was {type_}"
            for column, type_ in self._columns(name).items()
            if wanted.get(column) != type_
        ]
        if breaks:
            raise BreakingChangeError(
                f"publish.{name} would break its readers: {'; '.join(breaks)}. Nothing was delivered. "
                "Published columns are only added. Bring the column back in "
                f"dbt_project/models/publish/{name}.sql, or publish the new form beside the old one under a new name "
                f"(a model {name}_v2 and a line in meterwise/publish/tables.py) and keep the old one for 90 days."
            )

    def lacks_columns(self, extract: Extract) -> bool:
        """Tell whether the warehouse's table has columns that the published one, which is there, has not."""
        found = self._columns(extract.table.name)
        return bool(found) and not set(_column_types(extract)) <= set(found)

    def define(self, extract: Extract, contract: DataContract | None) -> None:
        """Make the table and its view, or add new columns to them."""
        name, found, wanted = extract.table.name, self._columns(extract.table.name), _column_types(extract)
        added = {column: type_ for column, type_ in wanted.items() if column not in found}
        if not found:
            definitions = [sql.SQL("chunk_id bigint not null"), *_definitions(added)]
            self.connection.execute(
                sql.SQL("create table {} ({})").format(data_table(name), sql.SQL(", ").join(definitions))
            )
        elif added:
            changes = [sql.SQL("add column ") + definition for definition in _definitions(added)]
            self.connection.execute(sql.SQL("alter table {} {}").format(data_table(name), sql.SQL(", ").join(changes)))
        if added:  # a view that stays as it is must not be replaced: that would wait for every reader
            self._define_view(name, [*found, *added])
        if contract:
            self._describe(contract)

    def index(self, extract: Extract) -> None:
        """Index a table after its rows, once: for look-ups, and by chunk (they lie in order) for clean-up."""
        name, lookup = extract.table.name, extract.table.lookup
        table, index = data_table(name), f"{name}_{'_'.join(lookup)}_idx"
        if self._value("select to_regclass(%s)", [f"published_data.{index}"]) is not None:
            return
        self.connection.execute(
            sql.SQL("create index {} on {} ({})").format(sql.Identifier(index), table, names(lookup))
        )
        by_chunk = sql.SQL("create index if not exists {} on {} using brin (chunk_id) with (autosummarize = on)")
        self.connection.execute(by_chunk.format(sql.Identifier(f"{name}_chunk_id_idx"), table))
        self.connection.execute(sql.SQL("analyze {}").format(table))

    def _columns(self, name: str) -> dict[str, str]:
        """Return the published columns of a table and their types; empty before its first delivery."""
        rows = self.connection.execute(
            """
            select attname, format_type(atttypid, atttypmod) from pg_attribute
            where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped and attname <> 'chunk_id'
            order by attnum
            """,
            [f"published_data.{name}"],
        ).fetchall()
        return dict(rows)

    def _define_view(self, name: str, columns: Sequence[str]) -> None:
        self.connection.execute(
            sql.SQL(
                """
                create or replace view {view} as
                select {columns} from {data}
                where chunk_id in (
                    select version_chunks.chunk_id
                    from published_data.version_chunks
                    join published_data.pointer on pointer.version = version_chunks.version
                    where version_chunks.table_name = {name}
                )
                """
            ).format(view=published_view(name), columns=names(columns), data=data_table(name), name=sql.Literal(name))
        )
        if self._value("select count(*) from pg_roles where rolname = %s", [READER]):
            grant(self.connection)

    def _describe(self, contract: DataContract) -> None:
        """Write the contract's descriptions beside the view, where they changed."""
        target = published_view(contract.name)
        oid = self._value("select to_regclass(%s)::oid::int8", [f"published.{contract.name}"])
        if self._value("select obj_description(%s::oid, 'pg_class')", [oid]) != contract.description:
            self.connection.execute(
                sql.SQL("comment on view {} is {}").format(target, sql.Literal(contract.description))
            )
        rows = self.connection.execute(
            "select attname, col_description(attrelid, attnum) from pg_attribute "
            "where attrelid = %s::oid and attnum > 0",
            [oid],
        ).fetchall()
        found: dict[str, str | None] = dict(rows)
        for column in contract.columns:
            if column.name in found and found[column.name] != column.description:
                place = sql.SQL("{}.{}").format(target, sql.Identifier(column.name))
                self.connection.execute(
                    sql.SQL("comment on column {} is {}").format(place, sql.Literal(column.description))
                )

    def _value(self, query: LiteralString, parameters: Sequence[Any] = ()) -> Any:
        row = self.connection.execute(query, parameters).fetchone()
        return row[0] if row else None


def _column_types(extract: Extract) -> dict[str, str]:
    name = extract.table.name
    return {column: postgres_type(type_, f"publish.{name}.{column}") for column, type_ in extract.columns.items()}


def _definitions(columns: Mapping[str, str]) -> list[sql.Composable]:
    # The types come from our own list, so they are literal in all but name.
    return [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(type_)) for name, type_ in columns.items()]


def names(columns: Sequence[str]) -> sql.Composed:
    """Return column names, quoted and joined by commas."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def data_table(name: str) -> sql.Identifier:
    """Return the table that holds the rows of every version."""
    return sql.Identifier("published_data", name)


def published_view(name: str) -> sql.Identifier:
    """Return the view that shows the current version."""
    return sql.Identifier("published", name)

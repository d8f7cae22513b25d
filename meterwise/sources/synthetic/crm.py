"""Write the CRM of the made-up utility into a real database, as it looks at the end of a day."""

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

MARKS = ("Xq", "+49 5550", "@post.example")
"""What every name and address, phone number and e-mail address contains, so that a search finds one that leaked."""


def _column(name: str, kind: str, key: bool = False) -> sa.Column[Any]:
    types: dict[str, Any] = {
        "text": sa.Text(),
        "date": sa.Date(),
        "time": sa.DateTime(),
        "yes_no": sa.Boolean(),
        "whole": sa.Integer(),
        "number": sa.Numeric(18, 4).with_variant(sa.Float(), "sqlite"),
    }
    return sa.Column(name, types[kind], primary_key=key, nullable=not key)


def _table(name: str, source: str, keys: int, spec: str) -> sa.Table:
    columns = [item.split(":") for item in spec.split()]
    return sa.Table(
        name,
        METADATA,
        *(_column(column, kind, key=place < keys) for place, (column, kind) in enumerate(columns)),
        sa.Column("updated_at", sa.DateTime(), nullable=False, index=True),
        info={"source": source},
    )


METADATA = sa.MetaData()
TABLES = (
    _table(
        "customers",
        "customers_known",
        1,
        "id:text segment:text full_name:text phone:text email:text postal_address:text customer_since:date"
        " left_on:date personalisation:text marketing_consent:yes_no analytics_consent:yes_no building_type:text"
        " payment_method:text",
    ),
    _table(
        "contracts",
        "contracts_known",
        1,
        "contract_no:text customer_id:text supply_point:text tariff:text starts_on:date ends_on:date notice_on:date"
        " end_reason:text agreed_kw:number term_months:whole",
    ),
    _table(
        "meters",
        "meters_known",
        1,
        "serial_no:text supply_point:text installed_on:date removed_on:date capacity_kw:number multiplier:number",
    ),
    _table(
        "service_points", "service_points_known", 1, "supply_point:text region:text feeder:text weather_station:text"
    ),
    _table("interactions", "interactions_known", 1, "id:text customer_id:text occurred_at:time kind:text outcome:text"),
    _table(
        "payments",
        "payments_known",
        1,
        "id:text customer_id:text due_at:time kind:text outcome:text amount:number days_late:whole",
    ),
    _table(
        "campaign_contacts",
        "campaign_contacts_known",
        1,
        "id:text customer_id:text contacted_at:time offer:text channel:text wave:text treated:yes_no outcome:text",
    ),
    _table(
        "tariffs",
        "tariffs_listed",
        2,
        "tariff:text valid_from:date valid_to:date kind:text price:number peak_price:number standing_charge:number"
        " periods:text",
    ),
    _table("market_prices", "market_prices_known", 2, "region:text valid_from:date price:number"),
    _table("feeder_limits", "feeder_limits_known", 3, "region:text feeder:text valid_from:date limit_kw:number"),
    _table("holidays", "holidays_known", 2, "region:text holiday_on:date name:text"),
    _table("school_holidays", "school_holidays_known", 2, "region:text first_on:date last_on:date name:text"),
)
CLOCK = sa.Table("crm_clock", METADATA, sa.Column("known_until", sa.DateTime(), primary_key=True))


def write(world: duckdb.DuckDBPyConnection, crm_url: str, cut: datetime) -> None:
    """Bring the CRM to what it shows just before ``cut`` (UTC), in one transaction; an earlier cut changes nothing.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database cannot be reached or refuses the rows; nothing was changed.
    """
    engine = sa.create_engine(crm_url)
    try:
        with engine.begin() as connection:
            METADATA.create_all(connection)
            known_until = connection.execute(sa.select(CLOCK.c.known_until)).scalar()
            if known_until is not None and known_until >= cut:
                return
            for table in TABLES:
                _write_table(world, connection, table, known_until, cut)
            connection.execute(sa.delete(CLOCK))
            connection.execute(sa.insert(CLOCK).values(known_until=cut))
    finally:
        engine.dispose()


def _write_table(
    world: duckdb.DuckDBPyConnection, connection: sa.Connection, table: sa.Table, since: datetime | None, cut: datetime
) -> None:
    """Replace the rows that were entered or changed in [since, cut)."""
    columns = ", ".join(table.c.keys())
    changed = f"select {columns} from {table.info['source']}(timestamp '{cut}')"
    if since is not None:
        changed += f" where updated_at >= timestamp '{since}'"
        keys = [column.name for column in table.primary_key]
        rows = world.execute(f"select {', '.join(keys)} from ({changed})").fetchall()
        if rows:
            gone = sa.delete(table).where(*(table.c[key] == sa.bindparam(f"old_{key}") for key in keys))
            connection.execute(gone, [dict(zip((f"old_{key}" for key in keys), row, strict=True)) for row in rows])
    if connection.dialect.name == "postgresql":
        _copy(world, connection, table, changed)
    else:
        rows = world.execute(changed).fetchall()
        if rows:
            connection.execute(sa.insert(table), [dict(zip(table.c.keys(), row, strict=True)) for row in rows])


def _copy(world: duckdb.DuckDBPyConnection, connection: sa.Connection, table: sa.Table, query: str) -> None:
    """Hand rows to PostgreSQL through its COPY, from a file that DuckDB wrote."""
    statement = f"copy {table.name} ({', '.join(table.c.keys())}) from stdin (format csv)"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{table.name}.csv"
        world.execute(f"copy ({query}) to '{path}' (format csv, header false)")
        cursor = connection.connection.cursor()
        try:
            if hasattr(cursor, "copy_expert"):
                with path.open(encoding="utf-8") as lines:
                    cursor.copy_expert(statement, lines)
            else:
                with path.open("rb") as lines, cursor.copy(statement) as copy:
                    while piece := lines.read(1 << 20):
                        copy.write(piece)
        finally:
            cursor.close()

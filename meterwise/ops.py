"""What a later run must remember of an earlier one: the schema ``ops`` in PostgreSQL.

Append-only, in every backup, and the only output of an earlier run that a run may read. Tables that downstream reads
do not belong here: see ``publish``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Float,
    Identity,
    Index,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from meterwise.database import engine
from meterwise.outcomes import RefusedError
from meterwise.settings import Settings

SCHEMA_VERSION = 5
MIGRATION_LOCK = 7_361_001

metadata = MetaData(schema="ops")


def recorded_at() -> Column[Any]:
    """Return the column that says when a row was appended; each table wants one of its own."""
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"))


SCHEMA_VERSIONS = Table("schema_versions", metadata, Column("version", Integer, primary_key=True), recorded_at())

PROMOTIONS = Table(
    "promotions",
    metadata,
    Column("promotion_id", Integer, Identity(always=True), primary_key=True),
    Column("model", Text, nullable=False, comment="Registered model in MLflow."),
    Column("version", Text, nullable=False, comment="Version that became champion."),
    Column("as_of_date", Date, nullable=False, comment="Local day of the run that promoted it."),
    Column("reason", Text, nullable=False, comment="Why, in words, with the figures that decided."),
    Column("promoted_by", Text, nullable=False, comment="automatic, or manual: someone moved the alias in MLflow."),
    Column("run_id", Text, nullable=False, comment="MLflow run that trained the version."),
    recorded_at(),
    CheckConstraint("promoted_by in ('automatic', 'manual')", name="promotions_promoted_by"),
    comment="One row each time a model version became champion; it stays champion until the model's next row.",
)

LANDINGS = Table(
    "landings",
    metadata,
    Column("landing_id", Integer, Identity(always=True), primary_key=True),
    Column("domain", Text, nullable=False, comment="crm, meter_reads or weather."),
    Column("as_of_date", Date, nullable=False, comment="Local day that was landed."),
    Column("state", Text, nullable=False, comment="landing, landed or failed."),
    Column("message", Text, nullable=False, comment="What landed, or what is wrong and what to do."),
    recorded_at(),
    CheckConstraint("state in ('landing', 'landed', 'failed')", name="landings_state"),
    comment="One row each time the state of a domain's landing for a day changed; the last one holds.",
)

BUILDS = Table(
    "builds",
    metadata,
    Column("build_id", Integer, Identity(always=True), primary_key=True),
    Column("selection", Text, nullable=False, comment="What dbt was asked to build."),
    Column("as_of_dates", ARRAY(Date), nullable=False, comment="Local days that the features were built for."),
    Column("state", Text, nullable=False, comment="begun, built or failed."),
    Column("stale_domains", JSONB, nullable=False, comment="Domains that had not landed for the day, with the reason."),
    Column("accepted_loads", Integer, comment="How many loads had been accepted before it; more now = something new."),
    Column("begun_at", DateTime(timezone=True), comment="When it looked at what was there; all older input is in it."),
    Column("seconds", Float, comment="Wall-clock of the build."),
    recorded_at(),
    CheckConstraint("state in ('begun', 'built', 'failed')", name="builds_state"),
    comment="One row a begun or ended build of the warehouse, a passed check of features, or a publication.",
)

SEGMENT_ASSIGNMENTS = Table(
    "segment_assignments",
    metadata,
    Column("assignment_id", BigInteger, Identity(always=True), primary_key=True),
    Column("customer_id", Text, nullable=False, comment="Number of the customer in the CRM."),
    Column("as_of_date", Date, nullable=False, comment="Local day from which the customer was published in it."),
    Column("segment_code", Text, comment="The segment."),
    recorded_at(),
    Index("segment_assignments_customer", "customer_id", "assignment_id"),
    comment="One row each time a customer was published in another segment than before; the last one holds.",
)

# Statements for databases made by an earlier version, by the version that they lead to; each must be harmless on a
# database that already has what it makes.
CHANGES: dict[int, Sequence[str]] = {
    2: ("alter table ops.builds add column if not exists begun_at timestamptz",),
    3: (
        "alter table ops.builds drop constraint if exists builds_state",
        "alter table ops.builds add constraint builds_state check (state in ('begun', 'built', 'failed'))",
    ),
    4: (),  # the tables of meterwise.watching.records, made with all that are missing
    5: (),  # those of meterwise.editing.records and meterwise.alert_states
}

APPEND_ONLY = """
create or replace function ops.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'ops.% is append-only: record a new row instead of changing or deleting one', tg_table_name;
end $$;
"""
GUARD = """
create or replace trigger append_only before update or delete or truncate on {table}
for each statement execute function ops.refuse_change()
"""
CHAMPIONS = """
create or replace view ops.champions as
select
    model, version, run_id, as_of_date, promoted_by, reason, recorded_at as champion_from,
    lead(recorded_at) over (partition by model order by promotion_id) as champion_to
from ops.promotions
"""


@dataclass(frozen=True)
class Promotion:
    """One row of ``ops.promotions``."""

    promotion_id: int
    model: str
    version: str
    as_of_date: date
    reason: str
    promoted_by: str
    run_id: str
    recorded_at: datetime


REMEMBER_SEGMENTS = """
with last_assignments as (
    select distinct on (customer_id) customer_id, segment_code
    from ops.segment_assignments
    order by customer_id, assignment_id desc
)

insert into ops.segment_assignments (customer_id, as_of_date, segment_code)
select published.customer_id, published.as_of_date, published.segment_code
from published.customer_segments as published
left join last_assignments on last_assignments.customer_id = published.customer_id
where last_assignments.customer_id is null or last_assignments.segment_code is distinct from published.segment_code
order by published.customer_id
"""
"""Run in the transaction of a delivery, so that what is remembered is what was published."""


class OpsSchemaError(RefusedError):
    """The schema ``ops`` was made by a newer Meterwise than this one."""


def migrate(settings: Settings | None = None) -> None:
    """Make the schema ``ops`` or bring it up to this version; harmless when it is, or when several do so at once.

    Raises:
        OpsSchemaError: The database belongs to a newer version of Meterwise.
    """
    with engine(settings).begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        # Asked first: `if not exists` needs the right to make one even where it exists.
        if connection.execute(select(func.to_regnamespace("ops"))).scalar_one() is None:
            connection.execute(text("create schema ops"))
        SCHEMA_VERSIONS.create(connection, checkfirst=True)
        found: int = connection.execute(select(func.coalesce(func.max(SCHEMA_VERSIONS.c.version), 0))).scalar_one()
        if found > SCHEMA_VERSION:
            raise OpsSchemaError(
                f"The schema ops in {connection.engine.url.database} has version {found}; this Meterwise knows up to "
                f"{SCHEMA_VERSION}. Install the newer Meterwise again, or restore the database from before the upgrade."
            )
        if found < SCHEMA_VERSION:
            _upgrade(connection, found)


def found_version(settings: Settings | None = None) -> int:
    """Return the version of the schema ``ops`` in the database; 0: there is none."""
    with engine(settings).connect() as connection:
        if connection.execute(text("select to_regclass('ops.schema_versions')")).scalar_one() is None:
            return 0
        found: int = connection.execute(select(func.coalesce(func.max(SCHEMA_VERSIONS.c.version), 0))).scalar_one()
        return found


def record_promotion(
    model: str,
    version: str,
    run_id: str,
    as_of_date: str,
    reason: str,
    promoted_by: Literal["automatic", "manual"] = "automatic",
    settings: Settings | None = None,
) -> None:
    """Record that a version became champion; this ends the reign of the model's former one (``ops.champions``)."""
    row = {"model": model, "version": version, "run_id": run_id, "reason": reason, "promoted_by": promoted_by}
    _append(PROMOTIONS, {**row, "as_of_date": date.fromisoformat(as_of_date)}, settings)


def current_promotion(model: str, settings: Settings | None = None) -> Promotion | None:
    """Return the promotion that holds for a model, or None before its first one."""
    query = select(PROMOTIONS).where(PROMOTIONS.c.model == model).order_by(PROMOTIONS.c.promotion_id.desc()).limit(1)
    rows = select_rows(query, settings)
    return Promotion(**rows[0]) if rows else None


def promotion_before(model: str, settings: Settings | None = None) -> Promotion | None:
    """Return the promotion of the champion before the present one, or None if there was none."""
    query = select(PROMOTIONS).where(PROMOTIONS.c.model == model).order_by(PROMOTIONS.c.promotion_id.desc())
    rows = select_rows(query, settings)
    other = [row for row in rows if row["version"] != rows[0]["version"]]
    return Promotion(**other[0]) if other else None


def was_promoted(model: str, version: str, settings: Settings | None = None) -> bool:
    """Say whether a version of a model was ever recorded as champion."""
    return bool(
        select_rows(select(PROMOTIONS).where(PROMOTIONS.c.model == model, PROMOTIONS.c.version == version), settings)
    )


def record_landing(
    domain: str,
    as_of_date: str,
    state: Literal["landing", "landed", "failed"],
    message: str = "",
    settings: Settings | None = None,
) -> None:
    """Record how far the landing of a domain for a local day has come."""
    _append(
        LANDINGS,
        {"domain": domain, "as_of_date": date.fromisoformat(as_of_date), "state": state, "message": message},
        settings,
    )


def landings(as_of_date: str, settings: Settings | None = None) -> dict[str, dict[str, Any]]:
    """Return the last recorded landing of each domain for a local day, by domain."""
    query = (
        select(LANDINGS)
        .distinct(LANDINGS.c.domain)
        .where(LANDINGS.c.as_of_date == date.fromisoformat(as_of_date))
        .order_by(LANDINGS.c.domain, LANDINGS.c.landing_id.desc())
    )
    return {row["domain"]: row for row in select_rows(query, settings)}


def record_build(
    selection: str,
    as_of_dates: Sequence[str],
    state: Literal["begun", "built", "failed"] = "built",
    stale_domains: dict[str, str] | None = None,
    seconds: float | None = None,
    accepted_loads: int | None = None,
    begun_at: datetime | None = None,
    settings: Settings | None = None,
) -> None:
    """Record a build: which domains were stale in it, how many loads it could read and when it looked at its input."""
    _append(
        BUILDS,
        {
            "selection": selection,
            "as_of_dates": [date.fromisoformat(day) for day in as_of_dates],
            "state": state,
            "stale_domains": stale_domains or {},
            "accepted_loads": accepted_loads,
            "begun_at": begun_at,
            "seconds": seconds,
        },
        settings,
    )


def last_build_of(selection: str, as_of_date: str, settings: Settings | None = None) -> dict[str, Any] | None:
    """Return the last build of a selection for a day that succeeded, or None."""
    rows = select_rows(_succeeded(selection).where(_of_the_day(as_of_date)), settings)
    return rows[0] if rows else None


def last_begun_at(selection: str, as_of_date: str, settings: Settings | None = None) -> datetime | None:
    """Return when the last build of a selection for a day began, whether or not it ended well, or None.

    The last one is the one recorded last: a clock that was set back says nothing about the order.
    """
    begun = select(BUILDS.c.begun_at).where(BUILDS.c.selection == selection, BUILDS.c.begun_at.is_not(None))
    rows = select_rows(begun.where(_of_the_day(as_of_date)).order_by(BUILDS.c.build_id.desc()).limit(1), settings)
    return rows[0]["begun_at"] if rows else None


def newest_day_built(selection: str, settings: Settings | None = None) -> date | None:
    """Return the newest day that a build of a selection succeeded for; a rebuild of an older day does not move it."""
    days = select(func.unnest(BUILDS.c.as_of_dates).label("day")).where(
        BUILDS.c.selection == selection, BUILDS.c.state == "built"
    )
    found: date | None = select_rows(select(func.max(days.subquery().c.day).label("day")), settings)[0]["day"]
    return found


def _of_the_day(as_of_date: str) -> ColumnElement[bool]:
    return BUILDS.c.as_of_dates.contains([date.fromisoformat(as_of_date)])


def _succeeded(selection: str) -> Select[Any]:
    chosen = select(BUILDS).where(BUILDS.c.selection == selection, BUILDS.c.state == "built")
    return chosen.order_by(BUILDS.c.build_id.desc()).limit(1)


def _append(table: Table, row: dict[str, Any], settings: Settings | None) -> None:
    migrate(settings)
    with engine(settings).begin() as connection:
        connection.execute(insert(table).values(row))


def select_rows(query: Any, settings: Settings | None = None, **parameters: Any) -> list[dict[str, Any]]:
    """Return the rows of a query on ``ops``; a text is taken as SQL.

    Raises:
        DatabaseNotConfiguredError: There is no database to read from.
    """
    migrate(settings)
    with engine(settings).connect() as connection:
        statement = text(query) if isinstance(query, str) else query
        return [dict(row) for row in connection.execute(statement, parameters).mappings()]


def _upgrade(connection: Connection, found: int) -> None:
    import meterwise.alert_states  # these add their tables to the metadata
    import meterwise.editing.records
    import meterwise.watching.records  # noqa: F401

    metadata.create_all(connection)
    for version in range(found + 1, SCHEMA_VERSION + 1):
        for statement in CHANGES.get(version, ()):
            connection.execute(text(statement))
    connection.execute(text(APPEND_ONLY))
    for table in metadata.sorted_tables:
        connection.execute(text(GUARD.format(table=table.fullname)))
    connection.execute(text(CHAMPIONS))
    connection.execute(insert(SCHEMA_VERSIONS).values(version=SCHEMA_VERSION))

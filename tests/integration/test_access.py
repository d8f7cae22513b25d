"""Every group tries everything on every object of a real PostgreSQL: what is not written down here is refused."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import date
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from pydantic import SecretStr
from sqlalchemy import URL, make_url
from typer.testing import CliRunner

from meterwise import ops
from meterwise.access import acting_as, open_connection
from meterwise.access.logins import add_user
from meterwise.access.opening import DatabaseRefusedError
from meterwise.access.prepare import as_administrator, prepare
from meterwise.access.roles import LOADER, PURPOSES, SERVICE_GROUPS, WAREHOUSE_SCHEMAS
from meterwise.cli import app
from meterwise.database import connect
from meterwise.postgres import EmbeddedPostgres
from meterwise.publish import schema as publish_schema
from meterwise.raw_tables import CONTACT_COLUMNS, RAW_TABLES
from meterwise.settings import Settings, get_settings
from meterwise.warehouse import Warehouse

ROWS = frozenset({"select", "insert", "update", "delete", "truncate"})
EVERYTHING = ROWS | {"alter", "drop"}
READ = frozenset({"select"})
RAW_FOR_TRANSFORMER = (
    *("meter_reads", "register_reads", "meters", "service_points", "crm_customers", "crm_contracts"),
    *("crm_interactions", "crm_payments", "crm_campaign_contacts", "bills", "market_prices", "feeder_limits"),
    *("tariffs", "weather", "holidays", "school_holidays", "load_audit"),
)
BUILT = ("reference", "seeds", "staging", "intermediate", "features", "marts", "snapshots", "publish", "scores")
DELIVERED = ("published", "published_data", "ops")

ALLOWED: dict[str, dict[str, frozenset[str]]] = {
    "loader": {"raw.*": EVERYTHING},
    "transformer": {f"raw.{table}": READ for table in RAW_FOR_TRANSFORMER}
    | {f"{schema}.*": EVERYTHING for schema in BUILT}
    | {"staging.stg_customers": READ | {"alter", "drop"}},  # through a view nobody writes into raw either
    "publisher": {"publish.*": READ, "scores.*": READ} | {f"{schema}.*": EVERYTHING for schema in DELIVERED},
    "reader": {"published.*": READ},
    "pii_reader": {"published.*": READ, "raw.crm_customers": READ, "raw.quarantine": READ},
    "the service as itself": {},
}
MAY_CREATE_IN = {"loader": {"raw"}, "transformer": set(BUILT), "publisher": set(DELIVERED)}
COLUMNS_CLOSED = {
    "transformer": set(CONTACT_COLUMNS),
    "pii_reader": {"customer_class", "joined_on", "left_on", "personalisation", "consent_marketing"}
    | {"consent_analytics", "attributes"},
}
STATEMENTS = {
    "select": "select count(*) from {table}",
    "insert": "insert into {table} default values",
    "update": "update {table} set {column} = {column}",
    "delete": "delete from {table}",
    "truncate": "truncate {table}",
    "alter": "alter {kind} {table} rename column {column} to renamed",
    "drop": "drop {kind} {table}",
}
NOBODY_MAY = (
    "create table public.mine (x integer)",
    "create schema mine",
    "create role mine",
    "create extension pg_trgm",
    "alter role current_user superuser",
    "alter role current_user createrole",
    "set session authorization meterwise",
    "set role meterwise",
    "select * from pg_catalog.pg_authid",
    "select * from pg_catalog.pg_shadow",
    "select pg_read_file('/etc/passwd')",
    "select pg_ls_dir('/')",
    "select lo_import('/etc/passwd')",
    "copy (select 1) to program 'cat'",
    "copy (select 1) to '/tmp/meterwise-stolen'",
    "create temporary table t (line text); copy t from program 'id'",
    "create temporary table t (line text); copy t from '/etc/passwd'",
    "grant loader to current_user",
    "set role loader; drop schema raw",
    "alter default privileges for role loader grant select on tables to public",
    "create event trigger mine on ddl_command_end execute function ops.refuse_change()",
)
OUTSIDE_A_TRANSACTION = ("create database mine", "alter system set log_statement = 'all'")
OWNERS_MAY = {
    "set role loader; drop schema raw",
    "alter default privileges for role loader grant select on tables to public",
}
"""Whoever owns raw may give it away or drop it; that is what owning means, and the service acts as loader at times."""
REFUSED = {"42501", "55000", "42809", "0A000"}
"""No right; a view without rows of its own; not that kind of object."""


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    """A server of its own: groups belong to a whole server."""
    folder = Path(tempfile.mkdtemp(prefix="meterwise-access-"))
    with EmbeddedPostgres(folder, durable=False) as server:
        yield server
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def team(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A team's server as compose has it: one database for warehouse and publications, others for the tools."""
    team = settings_for(server, tmp_path_factory.mktemp("home"), "meterwise")
    prepare(team)
    fill(team)
    prepare(team)  # a second time, with everything there
    return team


@pytest.fixture(scope="module")
def urls(team: Settings) -> dict[str, URL]:
    """How each of them connects."""
    assert team.database_url is not None
    service = make_url(team.database_url.get_secret_value())
    found = {group: acting_as(service, group) for group in SERVICE_GROUPS}
    with closing(as_administrator(team)) as connection:
        for group in ("reader", "pii_reader"):
            password = add_user(connection, f"a_{group}", group)
            found[group] = service.set(username=f"a_{group}", password=password)
    return {**found, "the service as itself": service}


def settings_for(server: EmbeddedPostgres, home: Path, database: str) -> Settings:
    def url(user: str, name: str) -> SecretStr:
        return SecretStr(f"postgresql+psycopg://{user}:planted-{user}@127.0.0.1:{server.port}/{name}")

    return Settings(
        home=home,
        warehouse="postgresql",
        admin_url=SecretStr(server.url()),
        database_url=url("service", database),
        warehouse_url=url("service", database),
        airflow_database_url=url("airflow", "airflow"),
        mlflow_database_url=url("mlflow", "mlflow"),
    )


def fill(team: Settings) -> None:
    """Let each owner make its tables, as the stages do."""
    assert team.database_url is not None
    service = make_url(team.database_url.get_secret_value())
    warehouse = Warehouse(team)
    warehouse.create_raw_tables()
    warehouse.create_score_tables()
    holidays = pa.table({"country": ["DE"], "holiday_on": pa.array([date(2026, 1, 1)])})
    warehouse.replace_partition("reference.public_holidays", holidays, {"country": "DE"})
    with closing(open_connection(acting_as(service, "loader"), autocommit=True)) as connection:
        connection.execute("create table raw.not_named_anywhere (line text)")
        connection.execute(
            "create table raw.reads_by_month (at date, kwh numeric) partition by range (at);"
            "create table raw.reads_y partition of raw.reads_by_month for values from ('2026-01-01') to ('2027-01-01')"
        )
    with closing(open_connection(acting_as(service, "transformer"), autocommit=True)) as connection:
        for schema in BUILT:
            connection.execute(f"create table {schema}.a_table (customer_id text)".encode())
        connection.execute("create view staging.stg_customers as select customer_id, joined_on from raw.crm_customers")
    ops.migrate(team)
    with closing(connect(team)) as connection:
        publish_schema.prepare(connection, team)
        connection.execute("create table published_data.a_table (customer_id text)")
        connection.execute("create view published.a_view as select customer_id from published_data.a_table")


def relations(team: Settings) -> list[tuple[str, str, str, str]]:
    """Schema, name, kind and first column of everything that holds rows."""
    query = """
        select space.nspname, relation.relname, case relation.relkind when 'v' then 'view' else 'table' end,
            (select attname from pg_attribute where attrelid = relation.oid and attnum = 1)
        from pg_class as relation join pg_namespace as space on space.oid = relation.relnamespace
        where relation.relkind in ('r', 'p', 'v', 'm')
            and space.nspname !~ '^pg_' and space.nspname <> 'information_schema'
        order by 1, 2
    """
    with closing(as_administrator(team, "meterwise")) as connection:
        return connection.execute(query).fetchall()


def outcome(connection: psycopg.Connection, statement: str) -> str:
    """Try a statement and undo it; returns the SQLSTATE, 00000 for success."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.Error as error:
        return error.sqlstate or "?"
    return "00000"


def allowed(who: str, schema: str, table: str) -> frozenset[str]:
    return ALLOWED[who].get(f"{schema}.{table}", ALLOWED[who].get(f"{schema}.*", frozenset()))


@pytest.mark.parametrize("who", ALLOWED)
def test_what_is_not_written_down_is_refused(team: Settings, urls: dict[str, URL], who: str) -> None:
    there = relations(team)
    assert len(there) > 50
    assert {schema for schema, *_ in there} == {*WAREHOUSE_SCHEMAS, *DELIVERED}
    wrong = []
    with closing(open_connection(urls[who])) as connection:
        for schema, table, kind, column in there:
            for action, template in STATEMENTS.items():
                code = outcome(connection, template.format(table=f"{schema}.{table}", kind=kind, column=column))
                may = action in allowed(who, schema, table)
                if code == "42501" if may else code not in REFUSED:
                    wrong.append(f"{action} {schema}.{table}: {code}, allowed: {may}")
        for schema in {schema for schema, *_ in there}:
            code = outcome(connection, f"create table {schema}.mine (x integer)")
            if (code == "00000") != (schema in MAY_CREATE_IN.get(who, set())):
                wrong.append(f"create in {schema}: {code}")
    assert wrong == []


@pytest.mark.parametrize("who", ALLOWED)
def test_contact_columns_one_by_one(urls: dict[str, URL], who: str) -> None:
    reads = {"loader", "transformer", "pii_reader"}
    with closing(open_connection(urls[who])) as connection:
        for column in RAW_TABLES["crm_customers"].all_columns:
            may = who in reads and column.name not in COLUMNS_CLOSED.get(who, set())
            code = outcome(connection, f"select {column.name} from raw.crm_customers")
            assert code == ("00000" if may else "42501"), column.name
        star = outcome(connection, "select crm_customers from raw.crm_customers")
        assert star == ("00000" if who == "loader" else "42501")


@pytest.mark.parametrize("who", ALLOWED)
def test_nobody_leaves_the_database_or_becomes_another(urls: dict[str, URL], who: str) -> None:
    with closing(open_connection(urls[who], autocommit=True)) as connection:
        may = {statement for statement in NOBODY_MAY if outcome(connection, statement) not in REFUSED}
        others = {group for group in PURPOSES if outcome(connection, f"set role {group}") == "00000"}
        for statement in OUTSIDE_A_TRANSACTION:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    mine = {"reader": {"reader"}, "pii_reader": {"reader", "pii_reader"}}
    assert others == mine.get(who, set(SERVICE_GROUPS))
    assert may <= (OWNERS_MAY if LOADER in others else set())


@pytest.mark.parametrize("who", sorted(set(ALLOWED) - {LOADER}))
def test_nobody_but_its_owner_gives_away_refused_rows(urls: dict[str, URL], who: str) -> None:
    with closing(open_connection(urls[who])) as connection, connection.transaction(force_rollback=True):
        with suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("grant select on raw.quarantine to public")  # a mere warning to who may only read
        given = connection.execute(
            "select has_table_privilege('publisher', oid, 'select') from pg_class where relname = 'quarantine'"
        ).fetchone()
    assert given == (False,)


def test_the_tools_have_databases_of_their_own(team: Settings, server: EmbeddedPostgres) -> None:
    for user, own in (("airflow", "airflow"), ("mlflow", "mlflow"), ("service", "meterwise")):
        for database in ("airflow", "mlflow", "meterwise", "postgres", "template1"):
            url = make_url(f"postgresql://{user}:planted-{user}@127.0.0.1:{server.port}/{database}")
            if database == own or (user, database) == ("service", "postgres"):
                open_connection(url).close()
            else:
                with pytest.raises(DatabaseRefusedError, match="not into"):
                    open_connection(url)


def test_what_is_made_later_is_right_by_itself(team: Settings, urls: dict[str, URL]) -> None:
    with closing(open_connection(urls["transformer"], autocommit=True)) as connection:
        connection.execute("create table publish.made_later (x integer)")
    with closing(open_connection(urls["publisher"], autocommit=True)) as connection:
        connection.execute("create view published.made_later as select x from (select 1 as x) as t")
        assert outcome(connection, "select * from publish.made_later") == "00000"
    with closing(open_connection(urls["reader"])) as connection:
        assert outcome(connection, "select * from published.made_later") == "00000"
        assert outcome(connection, "select * from publish.made_later") == "42501"


def test_a_restored_or_single_users_database_is_handed_over(
    server: EmbeddedPostgres, tmp_path: Path, team: Settings
) -> None:
    server.create_database("restored")
    single = team.model_copy(
        update={"home": tmp_path, "database_url": SecretStr(server.url("restored")), "warehouse_url": None}
    )
    ops.migrate(single)
    ops.record_landing("crm", "2026-07-15", "landed", settings=single)
    again = settings_for(server, tmp_path, "restored")

    prepare(again)

    ops.record_landing("weather", "2026-07-15", "landed", settings=again)
    assert set(ops.landings("2026-07-15", again)) == {"crm", "weather"}


def test_the_login_of_downstream_goes_on_reading(server: EmbeddedPostgres, team: Settings) -> None:
    with closing(as_administrator(team)) as connection:
        connection.execute("create role meterwise_reader login password 'planted-downstream'")
    prepare(team)
    url = make_url(f"postgresql://meterwise_reader:planted-downstream@127.0.0.1:{server.port}/meterwise")
    with closing(open_connection(url)) as connection:
        assert outcome(connection, "select * from published.publications") == "00000"
        assert outcome(connection, "select * from published_data.deliveries") == "42501"


def test_a_person_reads_what_is_published_and_is_told_what_he_may_not(
    urls: dict[str, URL], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METERWISE_DATABASE_URL", urls["reader"].render_as_string(hide_password=False))
    get_settings.cache_clear()

    shown = CliRunner().invoke(app, ["published", "publications"])
    refused = CliRunner().invoke(app, ["published", "a_view", "--as-of", "2026-07-15"])
    no_administrator = CliRunner().invoke(app, ["database", "add-user", "eve"])

    get_settings.cache_clear()
    assert shown.exit_code == 0, shown.output
    assert "published.publications" in shown.output
    assert refused.exit_code == 1
    assert "may not do this: permission denied for schema published_data" in " ".join(refused.output.split())
    assert "is no superuser" in " ".join(no_administrator.output.split())

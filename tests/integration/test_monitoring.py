"""Reads that land are in the load of now and in the alerts minutes later; nothing else that is published moves."""

from datetime import date, datetime, timedelta

import chain
import pytest
from pydantic import SecretStr
from tiny_utility import TinyUtility

from meterwise import ops, transform
from meterwise.database import connect
from meterwise.outcomes import NothingToDoError
from meterwise.postgres import EmbeddedPostgres
from meterwise.publish import MONITORED, deliver
from meterwise.publish.tables import PUBLISHED
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

DAY = date(2026, 4, 14)
SOURCES = """
utility: {name: Tiny Power, timezone: Europe/Berlin, country: DE, currency: EUR}
sources:
  gateway:
    table: meter_reads
    kind: files
    path: reads/*.csv
    format: csv
    columns: {meter_id: meter, interval_start_utc: start, consumption_kwh: kwh}
    timezone: UTC
    interval_minutes: 15
    received_at: received
"""
FEEDERS = {"M1": "F1", "M2": "F1", "M3": "F1", "M4": "F2"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, postgres_server: EmbeddedPostgres) -> Settings:
    """Four meters on two feeders with ten days of reads, up to six in the morning of the day; all of it published."""
    folder = tmp_path_factory.mktemp("monitoring")
    (folder / "reads").mkdir()
    (folder / "sources.yml").write_text(SOURCES, encoding="utf-8")
    settings = Settings(
        home=folder / "home",
        sources_file=folder / "sources.yml",
        last_date=DAY,
        database_url=SecretStr(postgres_server.create_database("monitoring")),
    )
    warehouse = Warehouse(settings)
    warehouse.create_raw_tables()
    warehouse.create_score_tables()
    place(TinyUtility(settings))
    send(settings, "before", tuple(FEEDERS), datetime(2026, 4, 4), datetime(2026, 4, 14, 4))
    ops.migrate(settings)
    chain.land_domain("meter_reads", DAY.isoformat(), settings)
    warehouse.execute(
        "insert into scores.demand_forecasts by name select date '2026-04-13' as as_of_date, 'feeder' as level, "
        "'N' as region_code, feeder_code, '*' as customer_class, "
        "timestamp '2026-04-13 22:00' + to_hours(h::int) as valid_at_utc, "
        "h::integer as horizon_hours, p50_kwh, '1' as model_version "
        "from range(24) as hours(h), (values ('F1', 12.0), ('F2', 4.0)) as feeders (feeder_code, p50_kwh)"
    )
    transform.build(f"+{transform.MONITOR} stg_crm_customers", [DAY.isoformat()], settings, with_tests=False)
    publish_all(settings)
    return settings


def place(utility: TinyUtility) -> None:
    rows = ", ".join(f"('{meter}', 'S{meter}', '{feeder}')" for meter, feeder in FEEDERS.items())
    table = f"(values {rows}) as places (meter, service_point, feeder)"
    utility.load(
        "service_points",
        f"select service_point as service_point_id, 'N' as region_code, feeder as feeder_code from {table}",
    )
    utility.load(
        "meters",
        f"select meter as meter_id, service_point as service_point_id, date '2020-01-01' as installed_on from {table}",
    )


def send(
    settings: Settings, name: str, meters: tuple[str, ...], first: datetime, before: datetime, kwh: float = 1.0
) -> None:
    """Deliver a file of quarter-hours as a gateway does."""
    quarters = [first + timedelta(minutes=15 * n) for n in range(int((before - first) / timedelta(minutes=15)))]
    rows = [f"{meter},{start},{kwh},{start + timedelta(minutes=16)}" for meter in meters for start in quarters]
    assert settings.sources_file is not None
    draft = settings.sources_file.parent / f"{name}.part"
    draft.write_text("\n".join(["meter,start,kwh,received", *rows]) + "\n", encoding="utf-8")
    draft.rename(settings.sources_file.parent / "reads" / f"{name}.csv")


def publish_all(settings: Settings) -> None:
    """Deliver what the day's own DAGs would: tables that nobody monitors hold one row here."""
    for table in PUBLISHED:
        if table.name not in MONITORED:
            columns = ", ".join(f"'1' as {name}" for name in dict.fromkeys((*table.key, *table.lookup)))
            query = (
                f"select date '{DAY}' as as_of_date, date '{DAY}' as local_date, timestamp '{DAY}' as hour_start_utc"
            )
            Warehouse(settings).execute(f"create table publish.{table.name} as {query}, {columns} limit 1")
    deliver(DAY.isoformat(), "daily", settings)
    ops.record_build("publish", [DAY.isoformat()], settings=settings)


def load_now(settings: Settings) -> dict[str, tuple]:
    """Return what readers see of the last interval, by feeder."""
    query = (
        "select feeder_code, to_char(interval_start_utc, 'HH24:MI'), load_kwh::float, reporting_meters, "
        "expected_meters, completeness, forecast_kwh, deviation_pct from published.load_now where is_last"
    )
    with connect(settings) as connection:
        return {row[0]: tuple(row[1:]) for row in connection.execute(query).fetchall()}


def versions(settings: Settings) -> dict[str, tuple]:
    query = "select table_name, checksum, rows from published.publications where is_current"
    with connect(settings) as connection:
        return {row[0]: tuple(row[1:]) for row in connection.execute(query).fetchall()}


def test_reads_that_land_move_the_load_of_now_and_nothing_else(site: Settings) -> None:
    before = versions(site)
    assert load_now(site)["F1"] == ("03:45", 3.0, 3, 3, 1.0, 3.0, 0.0)
    assert load_now(site)["F2"] == ("03:45", 1.0, 1, 1, 1.0, 1.0, 0.0)

    send(site, "next", ("M1", "M2"), datetime(2026, 4, 14, 4), datetime(2026, 4, 14, 4, 15), kwh=1.5)
    chain.monitor(DAY.isoformat(), site)

    # One of three meters is missing; the load is compared as if it had used what the others did.
    assert load_now(site)["F1"] == (
        "04:00",
        3.0,
        2,
        3,
        0.666667,
        pytest.approx(3, abs=0.01),
        pytest.approx(50, abs=0.5),
    )
    # A feeder without a word is there with nothing, and nothing is said of how far off it is.
    assert load_now(site)["F2"] == ("04:00", 0.0, 0, 1, 0.0, pytest.approx(1, abs=0.01), None)
    after = versions(site)
    assert {name for name in after if after[name] != before[name]} <= set(MONITORED)

    with pytest.raises(NothingToDoError, match="Nothing has landed"):
        chain.monitor(DAY.isoformat(), site)

"""What arrives after the cut changes no feature of that day, whatever it says and whichever table it is in."""

from pathlib import Path

import pyarrow as pa
import pytest
from tiny_utility import TinyUtility, tiny_settings

from meterwise import transform
from meterwise.raw_tables import RAW_TABLES
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

DAY = "2026-04-05"
LATER = "2026-04-12"
LOADED = "timestamp '2026-04-01'"
BEFORE = "timestamp '2026-04-05 21:59'"
AFTER = "timestamp '2026-04-05 22:00'"

FEATURES = (
    "features_demand",
    "features_demand_days",
    "features_customer_usage",
    "features_churn",
    "features_segments",
)


def earlier_rows(utility: TinyUtility) -> None:
    """What is known on the day: a CRM with events, prices, reads and weather."""
    utility.crm()
    for meter, first, last in (
        ("M1", "2026-02-15", "2026-04-04"),
        ("M2", "2026-02-15", "2026-03-19"),
        ("M3", "2026-03-20", "2026-04-04"),
    ):
        utility.reads(meter, first, last)
    events = "timestamp '2026-03-01' + i * interval '1 day' as occurred_at_utc from range(20) r(i)"
    customer = "['Bert', 'Cleo'][1 + (i % 2)::integer] as customer_id"
    utility.load(
        "crm_interactions",
        f"select 'I' || i as interaction_id, {customer}, 'complaint' as kind, {events}",
        "occurred_at_utc",
    )
    utility.load(
        "crm_payments",
        f"select 'P' || i as payment_id, {customer}, 'bill' as kind, 'late' as outcome, 20 as amount, "
        f"(i % 3)::integer as days_late, {events}",
        "occurred_at_utc",
    )
    utility.load(
        "crm_campaign_contacts",
        f"select 'A' || i as contact_id, {customer}, 'GREEN' as offer_code, 'accepted' as outcome, {events}",
        "occurred_at_utc",
    )
    utility.load(
        "market_prices", "select 'NORTH' as region_code, date '2026-01-01' as valid_from, 0.3 as price_per_kwh"
    )
    utility.load(
        "feeder_limits",
        "select 'NORTH' as region_code, 'F1' as feeder_code, date '2026-01-01' as valid_from, 40 as limit_kw",
    )
    utility.load(
        "tariffs",
        "select 'FLAT' as tariff_code, date '2026-01-01' as valid_from, 'flat' as kind, 0.33 as price_per_kwh",
    )
    utility.load(
        "weather",
        "select 'W' as station_code, valid_at_utc, least(valid_at_utc, timestamp '2026-04-05 12:00') as issued_at_utc, "
        "10 + hour(valid_at_utc) as temperature_c from (select unnest(generate_series(timestamp '2026-02-15', "
        "timestamp '2026-04-14', interval '1 hour')) as valid_at_utc)",
        "issued_at_utc + interval '1 hour'",
        assumed=False,
    )


def later_versions(utility: TinyUtility) -> None:
    """A new version of every row of every table, each with other values, that arrives at the very cut or after it."""
    changes = {
        "meter_reads": "consumption_kwh * 7 as consumption_kwh, 2 as version_no",
        "meters": "'S9' as service_point_id",
        "service_points": "'SOUTH' as region_code",
        "crm_customers": "'factory' as customer_class, date '2026-04-01' as left_on",
        "crm_contracts": "date '2026-04-01' as end_on, date '2026-03-01' as notice_on, 'OTHER' as tariff_code",
        "crm_interactions": "'praise' as kind",
        "crm_payments": "99 as days_late",
        "crm_campaign_contacts": "'declined' as outcome",
        "market_prices": "9 as price_per_kwh",
        "feeder_limits": "1 as limit_kw",
        "tariffs": "9 as price_per_kwh",
        "weather": "temperature_c + 30 as temperature_c",
    }
    bookkeeping = "(received_at_utc, received_at_assumed, landed_at_utc, version_no, is_deleted, load_id)"
    for table, change in changes.items():
        utility.load(
            table,
            f"select * exclude {bookkeeping} from (select * replace ({change}) from raw.{table})",
            AFTER,
            assumed=False,
        )
    utility.load(
        "crm_contracts",
        "select 'K9' as contract_id, 'Bert' as customer_id, 'S2' as service_point_id, date '2026-03-01' as start_on",
        AFTER,
        assumed=False,
    )
    utility.load(
        "holidays",
        "select '*' as region_code, date '2026-04-08' as holiday_on, 'New' as holiday_name",
        AFTER,
        assumed=False,
    )
    utility.load(
        "school_holidays",
        "select '*' as region_code, date '2026-03-01' as first_on, date '2026-04-30' as last_on, 'New' as holiday_name",
        AFTER,
        assumed=False,
    )
    utility.warehouse.execute(f"update raw.crm_customers set is_deleted = true where received_at_utc = {AFTER}")


def features_of(settings: Settings, day: str) -> dict[str, pa.Table]:
    warehouse = Warehouse(settings)
    known = f"known_on <= date '{day}'"
    loads = "select * exclude (replaced_on) from features.features_demand_loads"
    in_force = f"{known} and (replaced_on is null or replaced_on > date '{day}')"
    meters = "select * from features.features_demand_meters"
    return {
        "loads": warehouse.arrow(f"{loads} where {in_force} order by all"),
        "meters": warehouse.arrow(f"{meters} where {known} order by all"),
    } | {
        name: warehouse.arrow(f"select * from features.{name} where as_of_date = date '{day}' order by all")
        for name in FEATURES
    }


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = tiny_settings(tmp_path_factory.mktemp("leakage"))
    earlier_rows(TinyUtility(settings))
    return settings


def test_rows_that_arrive_later_change_no_feature(settings: Settings, tmp_path: Path) -> None:
    transform.build("", [DAY], settings)
    before = features_of(settings, DAY)
    altered = set(RAW_TABLES) - {"register_reads", "bills"}

    later_versions(TinyUtility(settings))
    transform.build("", [LATER], settings)  # the later day takes everything in
    transform.build("", [DAY], settings)

    after = features_of(settings, DAY)
    counts = Warehouse(settings).arrow(
        " union all ".join(
            f"select '{table}' as name from raw.{table} where received_at_utc >= {AFTER} group by all"
            for table in altered
        )
    )
    assert set(counts["name"].to_pylist()) == altered
    for name in FEATURES:
        assert before[name].num_rows > 0, name
        assert after[name].to_pylist() == before[name].to_pylist()
    # The same rows do change the later day, so the test would see a leak.
    assert features_of(settings, LATER)["features_churn"].num_rows != before["features_churn"].num_rows


def test_a_read_of_the_last_minute_counts(settings: Settings) -> None:
    utility = TinyUtility(settings)
    utility._loads = 500
    before = features_of(settings, DAY)["features_segments"].to_pylist()

    utility.reads("M1", "2026-04-02", "2026-04-02", kwh=3, received=BEFORE)
    transform.build("", [DAY], settings)

    assert features_of(settings, DAY)["features_segments"].to_pylist() != before

"""What a customer used, by hand: late, corrected and re-corrected reads, a clock change, a move and a new meter."""

import json
from datetime import date
from pathlib import Path

import pytest
from tiny_utility import TinyUtility, tiny_settings

from meterwise import transform
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

DAY = "2026-04-05"
LATER = "2026-04-08"
VALIDATION = (
    "stg_meter_reads stg_register_reads stg_meters stg_service_points stg_crm_customers stg_crm_contracts "
    "validation_rules intermediate.validation"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The tiny utility, built on one day and built on with what arrived in the three days after it."""
    settings = tiny_settings(tmp_path_factory.mktemp("tiny"))
    utility = TinyUtility(settings)
    utility.crm()
    utility.reads("M1", "2026-02-15", "2026-04-04")
    utility.reads("M2", "2026-02-15", "2026-03-19")
    utility.reads("M3", "2026-03-20", "2026-04-01")
    utility.reads("M1", "2026-03-01", "2026-03-01", kwh=5, received="timestamp '2026-03-20 12:00'")  # B
    utility.reads("M1", "2026-03-01", "2026-03-01", kwh=1, received="timestamp '2026-03-21 12:00'")  # A again
    utility.reads("M1", "2026-03-02", "2026-03-02", kwh=3, received="timestamp '2026-03-25 12:00'")
    transform.build("", transform.plan_dates(DAY, settings), settings)
    utility.reads("M3", "2026-04-02", "2026-04-02", kwh=2, received="timestamp '2026-04-07 12:00'")  # late
    utility.reads("M1", "2026-03-03", "2026-03-03", kwh=4, received="timestamp '2026-04-07 12:00'")
    # Lands last, but an earlier correction of 2 March: the one of 25 March stays in force.
    utility.reads("M1", "2026-03-02", "2026-03-02", kwh=9, received="timestamp '2026-03-10 12:00'")
    transform.build("", [LATER], settings)
    return settings


def kwh_of(settings: Settings, customer: str) -> dict[date, float]:
    rows = Warehouse(settings).arrow(
        "select local_date, consumption_kwh::double as kwh from marts.customer_usage_daily where customer_id = $c",
        {"c": customer},
    )
    return dict(zip(rows["local_date"].to_pylist(), rows["kwh"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("customer", "day", "kwh"),
    [
        pytest.param("Anna", date(2026, 2, 20), 24, id="plain_day"),
        pytest.param("Anna", date(2026, 3, 1), 24, id="a_b_a_ends_at_a"),
        pytest.param("Anna", date(2026, 3, 2), 72, id="late_landing_of_an_older_correction_changes_nothing"),
        pytest.param("Anna", date(2026, 3, 3), 96, id="corrected_after_the_first_build"),
        pytest.param("Anna", date(2026, 3, 15), 24, id="last_day_before_moving_out"),
        pytest.param("Bert", date(2026, 3, 16), 24, id="first_day_after_moving_in"),
        pytest.param("Bert", date(2026, 3, 29), 23, id="clock_change"),
        pytest.param("Cleo", date(2026, 3, 19), 24, id="last_day_of_the_old_meter"),
        pytest.param("Cleo", date(2026, 3, 20), 24, id="first_day_of_the_new_meter"),
        pytest.param("Cleo", date(2026, 4, 2), 48, id="arrived_late"),
    ],
)
def test_a_customer_s_day(built: Settings, customer: str, day: date, kwh: float) -> None:
    assert kwh_of(built, customer)[day] == kwh


def test_nobody_pays_for_another(built: Settings) -> None:
    assert max(kwh_of(built, "Anna")) == date(2026, 3, 15)
    assert min(kwh_of(built, "Bert")) == date(2026, 3, 16)


def test_a_day_knows_what_had_arrived_by_its_end(built: Settings) -> None:
    rows = (
        Warehouse(built)
        .arrow(
            "select known_on, sum(delta_kwh)::double as kwh from intermediate.int_usage_daily_ledger "
            "where meter_id = 'M1' and local_date = date '2026-03-02' group by known_on order by known_on"
        )
        .to_pylist()
    )

    assert [(row["known_on"].isoformat(), row["kwh"]) for row in rows] == [
        ("2026-03-03", 24),
        ("2026-03-10", 192),
        ("2026-03-25", -144),
    ]


def test_the_ledger_built_in_steps_equals_the_one_built_at_once(built: Settings) -> None:
    query = (
        "select meter_id, hour_start_utc, known_on, sum(delta_kwh) as kwh, sum(delta_minutes) as minutes "
        "from intermediate.int_usage_hourly_ledger group by meter_id, hour_start_utc, known_on "
        "having sum(delta_kwh) <> 0 or sum(delta_minutes) <> 0 order by meter_id, hour_start_utc, known_on"
    )
    in_steps = Warehouse(built).arrow(query)

    Warehouse(built).execute("drop table intermediate.int_usage_hourly_ledger")
    transform.build("int_usage_hourly_ledger", [LATER], built)

    assert in_steps.num_rows > 2000
    assert Warehouse(built).arrow(query).equals(in_steps)


def test_a_load_that_is_accepted_after_a_later_one_is_not_counted_twice(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path)
    utility, ledger = TinyUtility(settings), f"{VALIDATION} int_usage_hourly_ledger"
    state = "update raw.load_audit set state = $state where load_id = $load_id"
    utility.reads("M1", "2026-02-28", "2026-02-28")
    transform.build(ledger, [DAY], settings)
    first = utility.reads("M1", "2026-03-01", "2026-03-01", kwh=1)
    utility.reads("M1", "2026-03-01", "2026-03-01", kwh=5, received="timestamp '2026-03-20 12:00'")
    utility.warehouse.execute(state, {"state": "landed", "load_id": first})
    transform.build(ledger, [DAY], settings)

    utility.warehouse.execute(state, {"state": "accepted", "load_id": first})
    transform.build(ledger, [DAY], settings)

    rows = utility.warehouse.arrow(
        "select known_on::varchar as known_on, sum(delta_kwh)::double as kwh, sum(delta_minutes) as minutes "
        "from intermediate.int_usage_hourly_ledger where local_date = date '2026-03-01' group by known_on order by 1"
    )
    assert [tuple(row.values()) for row in rows.to_pylist()] == [("2026-03-02", 24, 1440), ("2026-03-20", 96, 0)]


def test_a_rebuild_of_an_older_day_takes_no_departure_away(built: Settings) -> None:
    transform.build("customer_departures", ["2026-03-01"], built)

    left = Warehouse(built).arrow("select customer_id, left_on from marts.customer_departures").to_pylist()
    assert left == [{"customer_id": "Anna", "left_on": date(2026, 3, 15)}]


def test_a_rebuild_of_an_older_day_leaves_the_newest_five_weeks_of_hours(built: Settings) -> None:
    query = "select * from marts.customer_usage_hourly order by customer_id, hour_start_utc"
    transform.build("customer_usage_hourly", [LATER], built)
    before = Warehouse(built).arrow(query)

    transform.build("customer_usage_hourly", ["2026-03-31"], built)

    # Reads end on 4 April, so the clock of the 8th leaves four days fewer.
    first = min(before["local_date"].to_pylist())
    after = Warehouse(built).arrow(f"select * from ({query}) where local_date >= date '{first}'")
    assert after.equals(before)
    assert min(Warehouse(built).arrow(query)["local_date"].to_pylist()) == date(2026, 3, 1)


def test_every_day_that_is_asked_for_is_built_and_published_beside_a_later_one(built: Settings) -> None:
    days = [DAY, "2026-04-07", LATER]
    tables = ("features.features_segments", "features.features_demand", "publish.customer_segments")
    transform.build(transform.PUBLISH, [DAY], built)

    transform.build("", days, built, asked_dates=days[1:])
    transform.build(transform.PUBLISH, days[1:], built)

    found = {
        table: Warehouse(built).arrow(f"select distinct as_of_date::varchar as d from {table} order by d")
        for table in tables
    }
    assert {table: set(days) <= set(rows["d"].to_pylist()) for table, rows in found.items()} == dict.fromkeys(
        tables, True
    )


def test_the_region_s_load_is_scaled_for_a_meter_that_is_missing(built: Settings) -> None:
    rows = Warehouse(built).arrow(
        "select consumption_kwh, load_kwh, expected_meters, reporting_meters, is_complete "
        "from marts.load_intervals where level = 'region' and valid_at_utc = timestamp '2026-04-03 10:00'"
    )

    assert rows.to_pylist() == [
        {"consumption_kwh": 1, "load_kwh": 2, "expected_meters": 2, "reporting_meters": 1, "is_complete": False}
    ]


def test_every_layer_is_a_schema(built: Settings) -> None:
    found = Warehouse(built).arrow("select distinct table_schema as s from information_schema.tables")
    layers = {"raw", "staging", "snapshots", "intermediate", "features", "marts", "scores", "seeds", "reference"}

    assert layers <= set(found["s"].to_pylist())


def test_an_error_names_the_model_and_the_cure(built: Settings, tmp_path: Path) -> None:
    Warehouse(built).execute("alter table raw.tariffs rename column kind to sort")

    with pytest.raises(transform.TransformError, match="stg_tariffs") as failure:
        transform.build("stg_tariffs", [LATER], built)

    Warehouse(built).execute("alter table raw.tariffs rename column sort to kind")
    assert "kind" in str(failure.value)
    assert "What to do" in str(failure.value)


def test_dbt_s_own_unit_tests_pass(built: Settings) -> None:
    transform.build(transform.PUBLISH, [LATER], built)

    transform.run_dbt(["test", "--select", "test_type:unit"], built)

    results = json.loads((built.home_path / "dbt" / "target" / "run_results.json").read_text(encoding="utf-8"))
    assert len(results["results"]) >= 6
    assert {result["status"] for result in results["results"]} == {"pass"}


def test_days_to_the_end_of_a_term(built: Settings) -> None:
    starts = {"2025-10-03": 80, "2024-07-15": 365, "2024-07-16": 1}  # first term, day of renewal, day before it
    rows = ", ".join(f"(date '{start}')" for start in starts)
    sql = "{{ days_to_term_end('s', '12', \"date '2026-07-15'\") }}"
    inline = f"select {sql} as days from (values {rows}) as terms (s) order by s"

    shown = transform.run_dbt(["show", "--inline", inline, "--output", "json", "--quiet"], built)

    assert [row["days"] for row in json.loads(shown)["show"]] == [days for _, days in sorted(starts.items())]


def test_an_attribute_may_be_named_with_an_apostrophe(built: Settings) -> None:
    row = """(values ('{"owner''s flats": 2, "x": 1}')) as t (a)"""
    inline = """select {{ json_subset('a', ["owner's flats"]) }} as kept from """ + row

    shown = transform.run_dbt(["show", "--inline", inline, "--output", "json", "--quiet"], built)

    assert json.loads(json.loads(shown)["show"][0]["kept"]) == {"owner's flats": "2"}

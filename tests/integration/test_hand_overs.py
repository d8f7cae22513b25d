"""A landing is judged load by load: a bad one is refused with its rows in quarantine, the good ones go on."""

import pytest
from tiny_utility import TinyUtility, tiny_settings

import expectations
from meterwise.settings import Settings
from meterwise.validation import DataQualityError
from meterwise.warehouse import Warehouse

DAY = "2026-04-05"


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return tiny_settings(tmp_path_factory.mktemp("hand_over"))


def waiting(utility: TinyUtility, meter_id: str, quality_code: str, suspect: int | None = None) -> str:
    """A load of one meter that landed and waits for its check."""
    load_id = utility.reads(meter_id, "2026-03-01", "2026-03-02")
    suspect = suspect if suspect is not None else 48 if quality_code == "suspect" else 0
    utility.warehouse.execute(f"update raw.meter_reads set quality_code = '{quality_code}' where load_id = '{load_id}'")
    utility.warehouse.execute(
        f"update raw.load_audit set state = 'landed', accepted_rows = 48, suspect_rows = {suspect} "
        f"where load_id = '{load_id}'"
    )
    return load_id


def states(settings: Settings) -> dict[str, str]:
    rows = Warehouse(settings).arrow("select load_id, state from raw.load_audit").to_pylist()
    return {row["load_id"]: row["state"] for row in rows}


def test_one_bad_load_is_refused_and_the_good_ones_go_on(settings: Settings) -> None:
    utility = TinyUtility(settings)
    good = [waiting(utility, f"M{number}", "measured") for number in range(9)]
    bad = waiting(utility, "M9", "suspect")  # one in ten: together they would pass

    with pytest.raises(DataQualityError, match="quality_code"):
        expectations.check_landing("meter_reads", DAY, [*good, bad], settings)

    assert states(settings) == dict.fromkeys(good, "accepted") | {bad: "refused"}
    left = Warehouse(settings).arrow("select distinct load_id from raw.meter_reads")["load_id"].to_pylist()
    assert sorted(left) == sorted(good)
    kept = Warehouse(settings).arrow("select count(*) as n, min(reason) as reason from raw.quarantine").to_pylist()[0]
    assert kept["n"] == 48
    assert "quality_code" in kept["reason"]


def test_a_handful_of_suspect_reads_refuses_no_small_load(settings: Settings) -> None:
    small = waiting(TinyUtility(settings), "M1", "suspect", suspect=5)

    expectations.check_landing("meter_reads", DAY, [small], settings)

    assert states(settings) == {small: "accepted"}


def test_a_table_without_a_suite_is_accepted(settings: Settings) -> None:
    load_id = TinyUtility(settings).load(
        "holidays", "select '*' as region_code, date '2026-01-01' as holiday_on, 'x' as holiday_name"
    )
    Warehouse(settings).execute("update raw.load_audit set state = 'landed'")

    expectations.check_landing("crm", DAY, [load_id], settings)

    assert states(settings) == {load_id: "accepted"}


def test_a_customer_with_two_meters_and_one_implausible_day_do_not_stop_a_publication(settings: Settings) -> None:
    Warehouse(settings).execute("create schema publish")
    Warehouse(settings).execute(
        "create table publish.customer_usage_daily as select 'C' || n as customer_id, date '2026-04-01' as local_date, "
        "case when n = 0 then -1 else 5 end as consumption_kwh, case when n = 1 then 2880 else 1440 end as "
        "measured_minutes from range(200) as numbers (n)"
    )

    verdict = expectations.check("customer_usage_daily", DAY, settings=settings)

    assert not verdict.breaches


@pytest.mark.parametrize(
    ("table", "rows", "told"),
    [
        (
            "meters",
            "'M' || n as meter_id, 'S' as service_point_id, date '2020-01-01' as installed_on, {v} as multiplier",
            0,
        ),
        (
            "tariffs",
            "'T' || n as tariff_code, date '2020-01-01' as valid_from, 'flat' as kind, {v} as price_per_kwh",
            -1,
        ),
        (
            "crm_payments",
            "'P' || n as payment_id, 'C' as customer_id, 'bill' as kind, {v} as days_late, "
            "timestamp '2026-01-01' as occurred_at_utc",
            20260101,
        ),
    ],
    ids=["meters", "tariffs", "payments"],
)
def test_a_load_whose_columns_mean_something_else_is_refused(
    settings: Settings, table: str, rows: str, told: int
) -> None:
    utility = TinyUtility(settings)
    good, bad = (utility.load(table, f"select {rows.format(v=v)} from range(10) as r (n)") for v in (1, told))
    Warehouse(settings).execute("update raw.load_audit set state = 'landed', accepted_rows = 10")

    with pytest.raises(DataQualityError, match=f"raw.{table}"):
        expectations.check_landing("crm", DAY, [good, bad], settings)

    assert states(settings) == {good: "accepted", bad: "refused"}

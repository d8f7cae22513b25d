"""What stands where no valid read is: each way to estimate, registers, clock changes, silence, marks, the true read."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tiny_utility import TinyUtility, tiny_settings

from meterwise import transform
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from meterwise.watching import freshness

MODELS = "+customer_usage_daily +customer_usage_hourly int_validated_reads stg_crm_customers"
BY_DAY = "(((interval_start_utc at time zone 'UTC') at time zone 'Europe/Berlin')::date + interval '30 hours')"
RISING = (
    "case when isodow(local_start) <= 5 then 1 + hour(local_start) / 10 when hour(local_start) = 12 then 3.1 else 3 end"
)
"""1 kWh at midnight to 3.3 at 23 h on working days, 3 kWh on the others but for noon: two equal days would be stuck."""
COLD = "case when local_start::date = date '2026-03-11' then 2 else 1 end"
THIRDS = "1 + (minute(local_start) + 7 * hour(local_start)) % 3 / 3"


def add_reads(
    utility: TinyUtility, meters: str, first: str, last: str, kwh: str, without: str = "false", minutes: int = 60
) -> None:
    """Add reads of local days first to last; ``kwh`` and ``without`` are expressions over ``local_start``."""
    starts = (
        f"select unnest({meters}) as meter_id, interval_start_utc, "
        "(interval_start_utc at time zone 'UTC') at time zone 'Europe/Berlin' as local_start "
        f"from generate_series((timestamp '{first}' at time zone 'Europe/Berlin') at time zone 'UTC', "
        f"(timestamp '{last}' + interval '1 day') at time zone 'Europe/Berlin' at time zone 'UTC' "
        f"- interval '{minutes} minutes', interval '{minutes} minutes') as series (interval_start_utc)"
    )
    rows = (
        f"select meter_id, 'import' as channel, interval_start_utc, {minutes} as interval_minutes, "
        f"({kwh})::decimal(18, 6) as consumption_kwh, 'measured' as quality_code from ({starts}) where not ({without})"
    )
    utility.load("meter_reads", rows, BY_DAY, assumed=False)


def add_homes(utility: TinyUtility) -> None:
    """Twelve neighbours, and meters with gaps: H (several), Q (quarter-hours, registers), S (silent), two that went."""
    spans = {
        "an hour": "local_start = timestamp '2026-03-05 06:00'",
        "a cold morning": "local_start >= timestamp '2026-03-11 06:00' and local_start < timestamp '2026-03-11 14:00'",
        "the night of the autumn": "local_start >= timestamp '2025-10-26 01:00' "
        "and local_start < timestamp '2025-10-26 05:00'",
        "two days": "local_start::date between date '2026-03-17' and date '2026-03-18'",
    }
    neighbours = str([f"N{number}" for number in range(12)])
    add_reads(utility, neighbours, "2025-10-01", "2026-04-03", COLD)
    add_reads(utility, "['H']", "2025-10-01", "2026-04-03", RISING, " or ".join(spans.values()))
    quarter = "local_start::date between date '2026-03-17' and date '2026-03-18' and local_start::time >= time '00:15'"
    add_reads(utility, "['Q']", "2026-03-01", "2026-04-03", THIRDS, quarter, minutes=15)
    add_reads(utility, "['S']", "2026-03-01", "2026-03-31", RISING)
    negative = "case when local_start = timestamp '2026-03-05 06:00' then -9 else 2 end"
    add_reads(utility, "['R']", "2026-03-01", "2026-04-03", negative)
    add_reads(utility, "['gone']", "2026-03-01", "2026-03-20", "1")
    add_reads(utility, "['old']", "2026-03-01", "2026-03-20", "1")
    add_reads(utility, "['new']", "2026-03-21", "2026-04-03", "1")
    utility.load(
        "meters",
        "select 'gone' as meter_id, 'P1' as service_point_id, date '2020-01-01' as installed_on, "
        "date '2026-03-20' as removed_on union all "
        "select 'old', 'P2', date '2020-01-01', null union all select 'new', 'P2', date '2026-03-21', null",
    )
    utility.load(
        "register_reads",
        "select 'Q' as meter_id, 'import' as channel, unnest([timestamp '2026-03-16 23:00', "
        "timestamp '2026-03-17 23:00', timestamp '2026-03-18 23:00']) as read_at_utc, "
        "unnest([1000, 1100.000001, 1100.000001])::decimal(18, 6) as register_kwh",
        "read_at_utc + interval '1 hour'",
        assumed=False,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = tiny_settings(tmp_path_factory.mktemp("homes"))
    add_homes(TinyUtility(settings))
    transform.build(MODELS, ["2026-04-05"], settings)
    return settings


def rows(settings: Settings, sql: str) -> list[dict[str, Any]]:
    return Warehouse(settings).arrow(sql).to_pylist()


def estimates(settings: Settings, meter: str, day: str) -> list[dict[str, Any]]:
    return rows(
        settings,
        f"select * from intermediate.int_read_estimates where meter_id = '{meter}' and local_date = date '{day}' "
        "order by interval_start_utc",
    )


def test_an_hour_is_interpolated(built: Settings) -> None:
    (found,) = estimates(built, "H", "2026-03-05")

    assert (found["method"], found["gap_minutes"], found["estimated_kwh"]) == ("interpolation", 60, Decimal("1.6"))


def test_a_morning_follows_like_days_and_the_neighbours(built: Settings) -> None:
    found = estimates(built, "H", "2026-03-11")

    # Twelve of 18 neighbours used twice as much; 18 neighbours count 18 to 10 against no news.
    scales = [float(row["estimated_kwh"]) / (1 + row["hour_of_day"] / 10) for row in found]
    assert [row["hour_of_day"] for row in found] == list(range(6, 14))
    assert {row["method"] for row in found} == {"like_days"}
    assert scales == pytest.approx([1 + (30 / 18 - 1) * 18 / 28] * 8, abs=0.04)


def test_a_repeated_hour_is_estimated_twice_and_a_skipped_one_is_no_gap(built: Settings) -> None:
    found = estimates(built, "H", "2025-10-26")
    gaps = rows(built, "select gap_start_utc from intermediate.int_read_gaps where meter_id = 'H' order by 1")

    assert [row["hour_of_day"] for row in found] == [1, 2, 2, 3, 4]
    assert [float(row["estimated_kwh"]) for row in found] == pytest.approx([3] * 5, abs=0.001)
    assert [gap["gap_start_utc"].date().isoformat() for gap in gaps] == [
        "2025-10-25",
        "2026-03-05",
        "2026-03-11",
        "2026-03-16",
    ]


def test_estimates_add_up_to_the_register(built: Settings) -> None:
    first, second = estimates(built, "Q", "2026-03-17"), estimates(built, "Q", "2026-03-18")
    measured = rows(
        built,
        "select sum(consumption_kwh) as kwh from raw.meter_reads where meter_id = 'Q' "
        "and interval_start_utc = timestamp '2026-03-16 23:00'",
    )

    assert len(first) == len(second) == 95
    assert sum(row["estimated_kwh"] for row in first) + measured[0]["kwh"] == Decimal("100.000001")
    assert len({row["estimated_kwh"] for row in first}) > 2, "the shape is that of the like days"
    assert all(row["is_prorated"] for row in first)
    # The register stood still on the second day while a read says otherwise: nothing is left to share out.
    assert not any(row["is_prorated"] for row in second)


def test_silence_is_estimated_as_far_as_others_have_reported(built: Settings) -> None:
    silent = rows(
        built,
        "select min(local_date) as first, max(local_date) as last, count(*) as n "
        "from intermediate.int_read_estimates where meter_id = 'S'",
    )
    others = rows(
        built, "select count(*) as n from intermediate.int_read_gaps where meter_id in ('gone', 'old', 'new', 'N1')"
    )

    assert silent == [{"first": date(2026, 4, 1), "last": date(2026, 4, 3), "n": 72}]
    assert others == [{"n": 0}]


def test_customers_see_what_is_estimated(built: Settings) -> None:
    days = rows(
        built,
        "select * from marts.customer_usage_daily where customer_id = 'H' "
        "and local_date in (date '2026-03-11', date '2026-03-12', date '2026-03-17') order by local_date",
    )
    sums = rows(
        built,
        "select sum(consumption_kwh) = sum(hours) as same from (select consumption_kwh, "
        "(select sum(consumption_kwh) from marts.customer_usage_hourly as hourly where hourly.customer_id = 'H' "
        "and hourly.local_date = daily.local_date) as hours from marts.customer_usage_daily as daily "
        "where customer_id = 'H' and local_date > date '2026-03-05')",
    )

    assert [(day["measured_minutes"], day["estimated_minutes"], day["quality_code"]) for day in days] == [
        (960, 480, "estimated"),
        (1440, 0, "measured"),
        (0, 1440, "estimated"),
    ]
    assert days[0]["estimated_kwh"] == sum(row["estimated_kwh"] for row in estimates(built, "H", "2026-03-11"))
    assert days[1]["estimated_kwh"] == 0
    assert days[2]["estimated_kwh"] == days[2]["consumption_kwh"]
    assert sums == [{"same": True}]


def test_a_validated_read_says_what_it_is(built: Settings) -> None:
    found = rows(
        built,
        "select quality_code, count(*) as n, count(original_kwh) as originals "
        "from intermediate.int_validated_reads where meter_id = 'H' "
        "and interval_start_utc >= timestamp '2026-03-10 23:00' and interval_start_utc < timestamp '2026-03-11 23:00' "
        "group by quality_code order by quality_code",
    )

    assert found == [
        {"quality_code": "estimated", "n": 8, "originals": 0},
        {"quality_code": "measured", "n": 16, "originals": 16},
    ]


def test_a_rejected_read_is_estimated_and_stays_beside_its_estimate(built: Settings) -> None:
    (found,) = rows(
        built,
        "select consumption_kwh, original_kwh, quality_code, broken_rules from intermediate.int_validated_reads "
        "where meter_id = 'R' and interval_start_utc = timestamp '2026-03-05 05:00'",
    )
    (gap,) = rows(built, "select gap_minutes, is_rejected from intermediate.int_read_gaps where meter_id = 'R'")
    (day,) = rows(
        built,
        "select * from marts.customer_usage_daily where customer_id = 'R' and local_date = date '2026-03-05'",
    )

    assert list(found.values()) == [Decimal(2), Decimal(-9), "estimated", "negative"]
    assert gap == {"gap_minutes": 60, "is_rejected": True}
    assert (day["consumption_kwh"], day["measured_minutes"], day["suspect_minutes"]) == (Decimal(48), 1380, 60)


def test_estimates_go_when_the_true_read_arrives_and_are_no_fresh_data(built: Settings) -> None:
    utility = TinyUtility(built)
    utility._loads = 50
    add_reads(utility, "['H']", "2026-03-17", "2026-03-18", "7", "local_start >= timestamp '2026-03-18 12:00'")
    add_reads(utility, "['S']", "2026-04-04", "2026-04-04", RISING)
    transform.build(MODELS, ["2026-04-06"], built)

    assert estimates(built, "H", "2026-03-17") == []
    assert len(estimates(built, "H", "2026-03-18")) == 12
    assert len(estimates(built, "H", "2026-03-11")) == 8
    (look,) = rows(built, freshness._count("marts", "customer_usage_daily", "local_date", has_measured_minutes=True))
    assert (look["newest_day"], look["newest_rows"]) == (date(2026, 4, 4), 1)
    (shown,) = rows(built, "select max(local_date) as day from marts.customer_usage_daily where estimated_minutes > 0")
    assert shown["day"] == date(2026, 4, 3), "one meter that has reported makes nothing due"

"""Registers beside the intervals that they counted: what is at odds, what a roll-over hides, what is estimated then."""

from decimal import Decimal
from typing import Any

import pytest
from tiny_utility import TinyUtility, tiny_settings

from meterwise import transform
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

DAY = "2026-04-05"
MODELS = "+int_read_estimates int_register_checks int_read_findings"
MIDNIGHTS = (
    "(select unnest(generate_series(date '2026-03-20', date '2026-04-03', interval '1 day')) as local_midnight), "
    "(select unnest(['sound', 'slow', 'rolled', 'exchanged', 'misread', 'running_back']) as meter_id)"
)
"""Days of 24 reads of 1 kWh, and one of 23: the clock changes on 29 March."""
HOURS = "date_diff('hour', timestamp '2026-03-19 23:00', read_at_utc)"
REGISTER = f"""
case meter_id
    when 'sound' then 1000 + {HOURS}
    when 'slow' then 1000 + 0.8 * {HOURS}
    when 'rolled' then (99900.5 + {HOURS}) % 100000
    when 'exchanged' then case when read_at_utc < timestamp '2026-03-24' then 48213 else -90 end + {HOURS}
    when 'misread' then case when local_midnight = date '2026-03-25' then 7 else 1000 + {HOURS} end
    when 'running_back' then case when local_midnight = date '2026-04-03' then 1005 else 1000 + {HOURS} end
end
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = tiny_settings(tmp_path_factory.mktemp("registers"))
    utility = TinyUtility(settings)
    for meter in ("sound", "slow", "rolled", "exchanged", "misread", "running_back"):
        utility.reads(meter, "2026-03-20", "2026-04-02")
    # As ingest derives it from an hourly register that goes over its end between 10 and 11 h.
    utility.reads("derived", "2026-03-20", "2026-04-02")
    utility.load(
        "meter_reads",
        "select 'derived' as meter_id, 'import' as channel, timestamp '2026-03-25 10:00' as interval_start_utc, "
        "60 as interval_minutes, -99997.25::decimal(18, 6) as consumption_kwh, 'suspect' as quality_code, "
        "'negative' as quality_reason",
        "timestamp '2026-03-27'",
        assumed=False,
    )
    read_at = "(local_midnight::timestamp at time zone 'Europe/Berlin') at time zone 'UTC' as read_at_utc"
    utility.load(
        "register_reads",
        f"select meter_id, 'import' as channel, read_at_utc, ({REGISTER})::decimal(18, 6) as register_kwh "
        f"from (select *, {read_at} from {MIDNIGHTS}) union all "
        "select * from (values ('derived', 'import', timestamp '2026-03-25 10:00', 99999), "
        "('derived', 'import', timestamp '2026-03-25 11:00', 1.75), "
        # As many digits as a reading may have: no number that ends the build.
        "('huge', 'import', timestamp '2026-03-25 10:00', 999999999998), "
        "('huge', 'import', timestamp '2026-03-25 11:00', 3)) as readings",
        "read_at_utc + interval '1 hour'",
        assumed=False,
    )
    transform.build(MODELS, [DAY], settings)
    return settings


def rows(settings: Settings, sql: str) -> list[dict[str, Any]]:
    return Warehouse(settings).arrow(sql).to_pylist()


def broken(settings: Settings, meter_id: str) -> dict[str, str]:
    """Rules by the local day that begins with the reading."""
    found = rows(
        settings,
        "select local_date::varchar as local_date, broken_rules, quality_code from intermediate.int_register_checks "
        f"where meter_id = '{meter_id}' and broken_rules is not null order by 1",
    )
    assert {row["quality_code"] for row in found} <= {"suspect"}
    return {row["local_date"]: row["broken_rules"] for row in found}


@pytest.mark.parametrize(
    ("meter_id", "expected"),
    [
        ("sound", {}),
        ("rolled", {"2026-03-25": "register_rollover"}),
        ("exchanged", {"2026-03-25": "meter_change"}),
        ("misread", {"2026-03-25": "negative"}),
        ("running_back", {"2026-04-03": "negative"}),
    ],
)
def test_what_a_register_does_has_a_name(built: Settings, meter_id: str, expected: dict[str, str]) -> None:
    assert broken(built, meter_id) == expected


def test_a_register_that_counts_less_than_its_intervals_fails_the_sum_check_every_day(built: Settings) -> None:
    found = broken(built, "slow")

    assert set(found.values()) == {"sum_check"}
    assert len(found) == 14


def test_what_was_counted_is_known_over_a_roll_over_and_a_misreading_and_not_over_an_exchange(built: Settings) -> None:
    found = rows(
        built,
        "select meter_id, sum(counted_kwh) as counted_kwh, sum(interval_kwh) as interval_kwh, count(counted_kwh) as n "
        "from intermediate.int_register_checks where meter_id in ('sound', 'rolled', 'exchanged', 'misread') "
        "group by meter_id order by meter_id",
    )

    whole = Decimal(14 * 24 - 1)
    assert {row["meter_id"]: (row["counted_kwh"], row["n"]) for row in found} == {
        "exchanged": (whole - 24, 13),
        "misread": (whole, 13),
        "rolled": (whole, 14),
        "sound": (whole, 14),
    }
    assert {row["interval_kwh"] for row in found} == {whole}


def test_the_largest_register_rolls_over_too(built: Settings) -> None:
    (row,) = rows(
        built,
        "select counted_kwh, broken_rules from intermediate.int_register_checks "
        "where meter_id = 'huge' and counted_kwh is not null",
    )

    assert (row["counted_kwh"], row["broken_rules"]) == (Decimal(5), "register_rollover")


def test_the_read_across_a_roll_over_is_estimated_as_the_register_counted(built: Settings) -> None:
    (row,) = rows(built, "select * from intermediate.int_read_estimates where meter_id = 'derived'")

    assert (row["estimated_kwh"], row["is_prorated"]) == (Decimal("2.75"), True)

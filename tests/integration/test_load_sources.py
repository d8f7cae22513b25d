"""What a utility may give for the forecasts of load: limits of feeders and school holidays, as known on a day."""

from datetime import date
from pathlib import Path

import pytest
from tiny_utility import TinyUtility, tiny_settings

from meterwise import transform
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

DAY, LATER = "2026-04-05", "2026-04-12"
MODELS = "stg_feeder_limits stg_school_holidays +int_calendar_days"
IN_BETWEEN = "timestamp '2026-04-08'"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = tiny_settings(tmp_path)
    TinyUtility(settings).crm()
    return settings


def school_days_off(settings: Settings, day: str) -> list[date]:
    """Days of April that the calendar of a day has as school holidays."""
    transform.build(MODELS, [day], settings)
    rows = Warehouse(settings).arrow(
        "select local_date from intermediate.int_calendar_days where is_school_holiday and region_code = 'NORTH' "
        "and local_date between date '2026-04-01' and date '2026-04-30' order by local_date"
    )
    return rows["local_date"].to_pylist()


def days_of_april(first: int, last: int) -> list[date]:
    return [date(2026, 4, number) for number in range(first, last + 1)]


def test_a_utility_without_them_has_no_limits_and_no_school_holidays(settings: Settings) -> None:
    assert school_days_off(settings, DAY) == []

    (row,) = (
        Warehouse(settings)
        .arrow(
            "select (select count(*) from staging.stg_feeder_limits) as limits, "
            "(select count(*) from intermediate.int_calendar_days where is_school_holiday is null) as unknown, "
            "(select count(*) from intermediate.int_calendar_days) as days"
        )
        .to_pylist()
    )
    assert (row["limits"], row["unknown"]) == (0, 0)
    assert row["days"] > 400


def test_a_limit_has_its_versions_and_feeders_of_one_code_are_told_apart_by_region(settings: Settings) -> None:
    utility = TinyUtility(settings)
    utility._loads = 500
    limit = "select '{}' as region_code, 'F1' as feeder_code, date '{}' as valid_from, {} as limit_kw"
    utility.load("feeder_limits", limit.format("NORTH", "2025-01-01", 400))
    utility.load("feeder_limits", limit.format("SOUTH", "2025-01-01", 700))
    utility.load("feeder_limits", limit.format("NORTH", "2025-01-01", 420.5), IN_BETWEEN, assumed=False)
    utility.load("feeder_limits", limit.format("NORTH", "2026-06-01", 500), IN_BETWEEN, assumed=False)

    transform.build(MODELS, [LATER], settings)

    versions = Warehouse(settings).arrow(
        "select region_code, limit_kw::double precision as limit_kw, known_on, replaced_on "
        "from staging.stg_feeder_limits order by region_code, valid_from, known_on"
    )
    first, second = date(2026, 1, 1), date(2026, 4, 8)
    assert [tuple(row.values()) for row in versions.to_pylist()] == [
        ("NORTH", 400.0, first, second),
        ("NORTH", 420.5, second, None),
        ("NORTH", 500.0, second, None),
        ("SOUTH", 700.0, first, None),
    ]


def test_limits_landed_before_feeders_had_a_region_stay(settings: Settings) -> None:
    warehouse = Warehouse(settings)
    warehouse.execute("alter table raw.feeder_limits drop column region_code")
    utility = TinyUtility(settings)
    utility._loads = 500
    utility.load("feeder_limits", "select 'F1' as feeder_code, date '2025-01-01' as valid_from, 400 as limit_kw")

    warehouse.create_raw_tables()

    rows = warehouse.arrow("select region_code, feeder_code from raw.feeder_limits")
    assert rows.to_pylist() == [{"region_code": None, "feeder_code": "F1"}]


def test_the_calendar_knows_the_school_holidays_that_were_known_on_the_day(settings: Settings) -> None:
    utility = TinyUtility(settings)
    utility._loads = 500
    stretch = (
        "select '{}' as region_code, date '2026-04-{:02}' as first_on, date '2026-04-{:02}' as last_on, "
        "'Easter' as holiday_name"
    )
    utility.load("school_holidays", stretch.format("*", 2, 6))
    utility.load("school_holidays", stretch.format("NORTH", 6, 8))
    utility.load("school_holidays", stretch.format("SOUTH", 9, 14))
    utility.load("school_holidays", stretch.format("NORTH", 6, 10), IN_BETWEEN, assumed=False)

    assert school_days_off(settings, DAY) == days_of_april(2, 8)
    assert school_days_off(settings, LATER) == days_of_april(2, 10)

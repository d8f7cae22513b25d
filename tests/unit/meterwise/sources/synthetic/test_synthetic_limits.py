"""The made-up feeders have room for their customers, but for a few; the made-up schools shut when real ones do."""

from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import sqlalchemy as sa

from meterwise.sources.synthetic import SyntheticUtility

LAST_DAY = date(2026, 7, 15)


def _utility(folder: Path, **more: object) -> dict[str, pd.DataFrame]:
    """The tables of its CRM."""
    utility = SyntheticUtility(folder, f"sqlite:///{folder}/crm.db", first_date=LAST_DAY, months=12, **more)
    utility.advance_to(LAST_DAY)
    engine = sa.create_engine(utility.crm_url)
    names = ("feeder_limits", "meters", "service_points", "school_holidays")
    found = {name: pd.read_sql_table(name, engine) for name in names}
    engine.dispose()
    return found


def _fullest_hours(folder: Path, crm: dict[str, pd.DataFrame]) -> list[float]:
    """Of each feeder the highest share of its limit that an hour of the year took.

    What a connection cannot carry is an error of the meter.
    """
    with duckdb.connect() as connection:
        for name, rows in crm.items():
            connection.register(name, rows)
        shares = connection.execute(f"""
            with reads as (
                select meter, start, any_value(kwh order by received_at desc) as kwh
                from '{folder}/landing/meter_reads/history/*.parquet'
                group by meter, start
            ),

            loads as (
                select points.feeder, date_trunc('hour', reads.start) as hour_start, sum(reads.kwh) as load_kw
                from reads
                inner join meters on reads.meter = meters.serial_no and 2 * reads.kwh <= meters.capacity_kw
                inner join service_points as points using (supply_point)
                group by points.feeder, hour_start
            )

            select max(loads.load_kw / limits.limit_kw)
            from loads
            asof join feeder_limits as limits
                on loads.feeder = limits.feeder and loads.hour_start >= limits.valid_from
            group by loads.feeder
        """).fetchall()
    return [share for (share,) in shares]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_few_feeders_are_too_small_for_their_customers(seed: int, tmp_path: Path) -> None:
    fullest = _fullest_hours(tmp_path, _utility(tmp_path, customers=500, seed=seed))

    assert len(fullest) == 12
    too_small = [share for share in fullest if share > 1]
    assert 1 <= len(too_small) <= 4
    assert max(too_small) < 1.3
    assert sum(0.5 < share < 0.9 for share in fullest) >= 8


def test_schools_shut_every_year_and_in_summer_region_by_region(tmp_path: Path) -> None:
    holidays = _utility(tmp_path, customers=20, with_reads=False)["school_holidays"]

    years = holidays.groupby(holidays["first_on"].dt.year)
    assert set(years.groups) == set(range(2022, 2028)), "all years of the utility and the next"
    for _, of_year in years:
        summer = of_year[of_year["name"] == "Summer"]
        assert sorted(summer["region"]) == ["EAST", "NORTH", "SOUTH", "WEST"]
        assert summer["first_on"].is_unique
        assert set(of_year[of_year["name"] != "Summer"]["region"]) == {"*"}
    easter = holidays[(holidays["name"] == "Easter") & (holidays["first_on"].dt.year == 2026)]
    ((first_on, last_on),) = easter[["first_on", "last_on"]].itertuples(index=False)
    good_friday, easter_monday = date(2026, 4, 3), date(2026, 4, 6)
    assert first_on.date() < good_friday < easter_monday < last_on.date()

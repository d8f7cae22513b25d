"""The made-up weather and calendar hold what demand depends on: far forecasts err, heat stays, offices shut."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import holidays
import pytest

from meterwise.sources.synthetic import SyntheticUtility

LAST_DAY = date(2026, 7, 15)


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a small utility hands over that keeps 25 months of reads."""
    folder = tmp_path_factory.mktemp("long")
    utility = SyntheticUtility(folder, f"sqlite:///{folder}/crm.db", customers=40, first_date=LAST_DAY, months=25)
    utility.advance_to(LAST_DAY)
    return folder / "landing"


def rows(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


def local_day(column: str) -> str:
    return f"(({column} at time zone 'UTC') at time zone 'Europe/Berlin')::date"


def test_25_months_give_reads_of_25_months(landing: Path) -> None:
    ((first, last, months),) = rows(
        f"select min(day), max(day), count(distinct date_trunc('month', day)) "
        f"from (select {local_day('start')} as day from '{landing}/meter_reads/history/*.parquet')"
    )
    assert (first, last) == (date(2024, 6, 15), date(2026, 7, 14))
    assert months == 26, "24 whole ones and two halves"
    assert len(list((landing / "meter_reads" / "history").glob("*.parquet"))) == 26


def test_forecasts_err_more_the_further_they_look(landing: Path) -> None:
    errors = rows(f"""
        select
            (epoch(forecasts.valid_at - forecasts.issued_at) / 3600)::integer // 48 as days_ahead,
            stddev(forecasts.temperature - observed.temperature)::double as error_c
        from '{landing}/weather/forecast/*.parquet' as forecasts
        inner join '{landing}/weather/observed/*.parquet' as observed using (station, valid_at)
        group by days_ahead
        order by days_ahead
    """)
    by_days = [error_c for days_ahead, error_c in errors if days_ahead < 4]
    assert by_days == sorted(by_days)
    assert by_days[0] < 1.5, "tomorrow is known within a degree or so"
    assert by_days[3] > 1.8 * by_days[0]


def test_heat_stays_for_days_and_is_rare(landing: Path) -> None:
    days = rows(f"""
        select {local_day("valid_at")} as day, max(temperature) >= 30 as is_hot
        from '{landing}/weather/observed/*.parquet'
        where station = 'ST-EAST'
        group by day
        order by day
    """)
    runs, run = [], 0
    for _, is_hot in [*days, (None, False)]:
        if is_hot:
            run += 1
        elif run:
            runs.append(run)
            run = 0
    assert max(runs) >= 4, "a heat wave"
    assert sum(runs) < 0.12 * len(days)
    assert {day.month for day, is_hot in days if is_hot} <= {5, 6, 7, 8, 9}


def test_holidays_lower_the_load_of_working_days(landing: Path) -> None:
    found = rows(f"""
        select {local_day("start")} as day, avg(kwh)::double as mean_kwh
        from '{landing}/meter_reads/history/*.parquet'
        where channel = 'import'
        group by day
    """)
    load = dict(found)
    closed = holidays.country_holidays("DE", years=range(2024, 2027))
    ratios = []
    for day in closed:
        around = [day.fromordinal(day.toordinal() + step) for step in (-14, -7, 7, 14)]
        ordinary = [load[other] for other in around if other in load and other not in closed]
        if day in load and day.isoweekday() <= 5 and len(ordinary) >= 2:
            ratios.append(load[day] / (sum(ordinary) / len(ordinary)))
    assert len(ratios) >= 12
    assert sorted(ratios)[len(ratios) // 2] < 0.95, "shops and factories are shut"

"""Meters that report quarter-hours are forecast by them, on both engines; then the step is changed and changed back."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import chain
import duckdb
import pandas as pd
import pytest
from pydantic import SecretStr

from meterwise.database import connect
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from models.demand.dataset import skip_reason
from models.demand.loads import OtherStepError

# The clock is changed on the second day that is forecast, and months before.
DAY = date(2026, 3, 27)
FIRST = "2025-10-20"
NAMES = ("total", "region", "feeder", "customer_class")
BY_HOUR, BY_QUARTER = "intermediate.int_usage_hourly_ledger", "intermediate.int_usage_interval_ledger"

pytestmark = pytest.mark.timeout(1200)  # five months of quarter-hours, in each of two engines

SOURCES = """
utility: {name: Quarter Power, timezone: Europe/Berlin, country: DE, currency: EUR}
sources:
  gateway:
    table: meter_reads
    kind: files
    path: reads/*.parquet
    format: parquet
    columns: {meter_id: meter, interval_start_utc: start, consumption_kwh: kwh, interval_minutes: minutes}
    timezone: UTC
    received_at: received
  points:
    table: service_points
    kind: files
    path: points.csv
    format: csv
    columns: {service_point_id: point, region_code: region, feeder_code: feeder}
  meters:
    table: meters
    kind: files
    path: meters.csv
    format: csv
    columns: {meter_id: meter, service_point_id: point, installed_on: installed}
  limits:
    table: feeder_limits
    kind: files
    path: limits.csv
    format: csv
    columns: {region_code: region, feeder_code: feeder, valid_from: since, limit_kw: kw}
"""
HOURLY = "M1"
"""The one meter that reports by the hour."""
READS = f"""
    with steps as (
        select
            'M' || number as meter, number, if(number = 1, 60, 15) as minutes,
            unnest(generate_series(
                timestamp '{FIRST}', timestamp '{DAY}' + to_hours(if(number = 1, 10, 11)),
                to_minutes(if(number = 1, 60, 15))
            )) as start
        from range(1, 9) as numbers (number)
    )

    select
        meter, start, minutes,
        round(minutes / 60 * number * (
            1 + 0.4 * sin(epoch(start) / 86400 * 6.2832) + 0.3 * (extract(minute from start) = 45)::integer
            + 0.1 * (hash(meter, start) % 1000) / 1000
        ), 3)::decimal(10, 3) as kwh,
        start + to_minutes(minutes + 1) as received
    from steps
"""

LATER = f"""
    select * replace (start + interval 150 minute as start, received + interval 150 minute as received) from ({READS})
    where start >= timestamp '{DAY} 08:45' and start < timestamp '{DAY} 10:15' and meter <> '{HOURLY}'
    union all
    select * replace (2 * kwh as kwh, timestamp '{DAY} 12:50' as received) from ({READS})
    where start = timestamp '{DAY} 09:00' and meter = '{HOURLY}'
"""
"""What comes after the first forecast: an hour and a half of quarter-hours, and a correction of an hour."""


@dataclass(frozen=True)
class Quarters:
    """An installation with DuckDB, and one with PostgreSQL that scores by the same registered model."""

    duckdb: Settings
    postgresql: Settings


@pytest.fixture(scope="module")
def quarters(tmp_path_factory: pytest.TempPathFactory, postgres_server: EmbeddedPostgres) -> Quarters:
    folder = tmp_path_factory.mktemp("quarters")
    deliver_files(folder)
    server = SecretStr(postgres_server.create_database("quarters_team"))
    one = Settings(
        home=folder / "duckdb",
        sources_file=folder / "sources.yml",
        last_date=DAY,
        forecast_step_minutes=15,
        database_url=SecretStr(postgres_server.create_database("quarters")),
    )
    place = {"home": folder / "postgresql", "warehouse": "postgresql", "warehouse_url": server, "database_url": server}
    other = one.model_copy(update={**place, "mlflow_uri": f"sqlite:///{folder}/duckdb/mlflow.db"})
    assert chain.run(DAY.isoformat(), one)["demand"] is None
    assert chain.run(DAY.isoformat(), other, learns=False)["demand"] is None
    return Quarters(one, other)


def deliver_files(folder: Path) -> None:
    (folder / "reads").mkdir()
    (folder / "sources.yml").write_text(SOURCES, encoding="utf-8")
    with duckdb.connect() as connection:
        connection.execute(f"copy ({READS}) to '{folder}/reads/all.parquet'")
    points = [f"P{n},{'NORTH' if n < 7 else 'SOUTH'},F{(n + 1) // 2}" for n in range(1, 9)]
    (folder / "points.csv").write_text("\n".join(["point,region,feeder", *points]), encoding="utf-8")
    meters = [f"M{n},P{n},2020-01-01" for n in range(1, 9)]
    (folder / "meters.csv").write_text("\n".join(["meter,point,installed", *meters]), encoding="utf-8")
    limits = "region,feeder,since,kw\nNORTH,F1,2020-01-01,1\nNORTH,F2,2020-01-01,1000\n"
    (folder / "limits.csv").write_text(limits, encoding="utf-8")


def frame(sql: str, settings: Settings) -> pd.DataFrame:
    return Warehouse(settings).arrow(sql).to_pandas()


def published(sql: str, settings: Settings) -> list[tuple[object, ...]]:
    with connect(settings) as connection:
        return connection.execute(sql).fetchall()


def test_every_level_is_published_by_the_quarter_hour(quarters: Quarters) -> None:
    members = {"total": 1, "region": 2, "feeder": 4, "customer_class": 1}
    found = published(
        "select level, interval_minutes, count(*), count(distinct valid_at_utc) "
        "from published.demand_forecasts_by_level where horizon_hours > 0 group by 1, 2",
        quarters.duckdb,
    )

    quarters_ahead = 7 * 96 - 4  # the clock is put forward on the 29th
    assert {row[0]: row[1:] for row in found} == {
        level: (15, quarters_ahead * members[level], quarters_ahead) for level in NAMES
    }
    basis = published("select distinct basis, model_version from published.demand_forecasts", quarters.duckdb)
    assert basis == [("without_weather", "1")] or basis == [("champion", "1")]


def test_the_means_of_quarter_hours_add_up(quarters: Quarters) -> None:
    rows = frame("select level, valid_at_utc, mean_kwh from publish.demand_forecasts_by_level", quarters.duckdb)

    sums = rows.pivot_table(index="valid_at_utc", columns="level", values="mean_kwh", aggfunc="sum")
    for level in NAMES[1:]:
        pd.testing.assert_series_equal(sums[level], sums["total"], rtol=1e-6, check_names=False)
    by_minute = rows[rows["level"] == "total"].groupby(rows["valid_at_utc"].dt.minute)["mean_kwh"].mean()
    assert by_minute[45] > 1.1 * by_minute[30], "what the last quarter of each hour uses more is forecast"


def test_peaks_and_warnings_are_in_kw(quarters: Quarters) -> None:
    days = frame("select * from publish.demand_peaks where level = 'feeder'", quarters.duckdb)
    quarter_kwh = frame(
        "select feeder_code, max(p50_kwh) as kwh from publish.demand_forecasts_by_level where level = 'feeder' "
        "and horizon_hours > 0 group by 1",
        quarters.duckdb,
    ).set_index("feeder_code")["kwh"]
    warnings = frame("select * from publish.peak_warnings", quarters.duckdb)

    assert set(days["interval_minutes"]) == {15}
    highest = days.groupby("feeder_code")["p50_kw"].max()
    assert (highest / (4 * quarter_kwh)).between(0.9, 1.15).all()
    loads = frame(
        "select feeder_code, max(load_kwh) as kwh from marts.load_intervals where level = 'feeder' group by 1",
        quarters.duckdb,
    ).set_index("feeder_code")["kwh"]
    assert days.groupby("feeder_code")["highest_kw"].first().to_numpy() == pytest.approx(4 * loads.to_numpy())
    assert set(warnings["feeder_code"]) == {"F1"}, "a limit of 1 kW and three homes' worth of load"
    spans = (warnings["window_end_utc"] - warnings["window_start_utc"]).dt.total_seconds()
    assert (spans % 900 == 0).all()
    shiftable = frame("select max(mean_kw) as kw from marts.shiftable_load where feeder_code = 'F4'", quarters.duckdb)
    assert shiftable["kw"].astype(float)[0] == pytest.approx(15 * 1.4, rel=0.2), "kW, as M7 and M8 use"


def test_the_load_of_now_stands_beside_its_quarter_hours(quarters: Quarters) -> None:
    rows = frame(
        "select feeder_code, interval_minutes, count(*) as n, count(forecast_kwh) as foreseen "
        "from publish.load_now group by 1, 2 order by 1",
        quarters.duckdb,
    )

    lengths = rows.set_index("feeder_code")["interval_minutes"]
    assert dict(lengths) == {"F1": 60, "F2": 15, "F3": 15, "F4": 15}, "a feeder's pace is that of its slowest meter"


def test_both_engines_hold_the_same(quarters: Quarters) -> None:
    tables = (
        BY_QUARTER, "intermediate.int_load_history", "features.features_demand_loads", "marts.load_intervals",
        "marts.shiftable_load", "publish.demand_forecasts_by_level", "publish.demand_peaks", "publish.peak_warnings",
        "publish.forecast_quality", "publish.load_now",
    )  # fmt: skip
    for table in tables:
        one, other = (rows_of(table, settings) for settings in (quarters.duckdb, quarters.postgresql))
        assert len(one) or table == "publish.forecast_quality", table
        pd.testing.assert_frame_equal(one, other, rtol=0, atol=1e-9, obj=table)


def rows_of(table: str, settings: Settings) -> pd.DataFrame:
    rows = frame(f"select * from {table}", settings)
    keys = [name for name in rows if not pd.api.types.is_float_dtype(rows[name])]
    return rows[sorted(rows)].sort_values(sorted(keys), ignore_index=True)


def test_new_reads_move_the_forecast_by_quarter_hours(quarters: Quarters) -> None:
    settings, day = quarters.duckdb, DAY.isoformat()
    assert known_until(settings) == datetime(2026, 3, 27, 11, 15)
    assert settings.sources_file is not None
    reads = settings.sources_file.parent / "reads"
    with duckdb.connect() as connection:
        connection.execute(f"copy ({LATER}) to '{reads}/later.parquet'")

    chain.land_domain("meter_reads", day, settings)
    chain.update_forecasts(day, settings)

    assert known_until(settings) == datetime(2026, 3, 27, 12, 45)


def known_until(settings: Settings) -> datetime:
    ((found,),) = published("select distinct known_until_utc from published.demand_forecasts_by_level", settings)
    assert isinstance(found, datetime)
    return found


def test_no_energy_and_no_minute_is_lost_or_counted_twice(quarters: Quarters) -> None:
    query = (
        "select meter_id, known_on, {start} as hour_start_utc, sum(delta_kwh) as kwh, sum(delta_minutes)::bigint as "
        "minutes from {ledger} group by 1, 2, 3 order by 1, 2, 3"
    )

    hours = frame(query.format(start="hour_start_utc", ledger=BY_HOUR), quarters.duckdb)
    sums = frame(query.format(start="date_trunc('hour', interval_start_utc)", ledger=BY_QUARTER), quarters.duckdb)

    pd.testing.assert_frame_equal(hours, sums)
    spread = frame(
        f"select meter_id, sum(delta_spread_minutes) > 0 as is_spread, count(distinct delta_kwh) as sizes, "
        f"max(delta_minutes) as longest from {BY_QUARTER} group by 1 order by 1",
        quarters.duckdb,
    ).set_index("meter_id")
    assert list(spread.index[spread["is_spread"]]) == [HOURLY]
    assert set(spread["longest"]) == {15}


def test_another_step_is_refused_until_the_warehouse_is_built_by_it(quarters: Quarters) -> None:
    settings, day = quarters.duckdb, DAY.isoformat()
    by_hour = settings.model_copy(update={"forecast_step_minutes": 60})
    before = frame(f"select * from {BY_QUARTER} order by all", settings)
    with pytest.raises(OtherStepError, match="build_warehouse"):
        skip_reason(day, settings=by_hour)

    chain.build(day, by_hour)
    chain.score(day, by_hour)
    chain.publish(day, by_hour)

    assert frame(f"select * from {BY_QUARTER}", by_hour).empty
    said = published(
        "select interval_minutes, basis, count(distinct valid_at_utc) from published.demand_forecasts_by_level "
        "where horizon_hours > 0 group by 1, 2",
        by_hour,
    )
    assert said == [(60, "like_day", 7 * 24 - 1)], "no model forecasts by the hour yet"
    for table in ("features.features_demand_loads", "marts.load_intervals", "publish.demand_peaks"):
        steps = frame(f"select distinct interval_minutes from {table}", by_hour)
        assert steps["interval_minutes"].to_list() == [60], table
    usage = frame("select * from marts.customer_usage_hourly order by all", by_hour)

    chain.build(day, settings)

    pd.testing.assert_frame_equal(frame(f"select * from {BY_QUARTER} order by all", settings), before)
    again = frame("select * from marts.customer_usage_hourly order by all", settings)
    pd.testing.assert_frame_equal(again, usage)

"""Deliveries reach readers whole, in order and unharmed by kills, on a real warehouse and a real PostgreSQL."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from meterwise.database import connect, database_url
from meterwise.publish import BreakingChangeError, deliver
from meterwise.publish.extract import PublishLayerError
from meterwise.publish.schema import READER
from meterwise.publish.tables import PUBLISHED
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from meterwise.warehouse.duckdb import opened

DAY_1, DAY_2, DAY_3 = "2026-07-15", "2026-07-16", "2026-07-17"
Build = Callable[..., None]

# A publish layer as dbt leaves it: score tables keep every day, usage holds the current truth. All rows say in
# which state of the utility ($mark) they were built, so that a mix of two states shows.
TABLES = {
    "customer_segments": "select date '{day}' as as_of_date, customer_id, 'household' as customer_class, "
    "if(customer_id > 'C000009', 'steady', 'mark {mark}') as segment_code, {mark}::double as annual_kwh, "
    "if({mark} % 2 = 0, null, '') as recommended_action from customers",
    "churn_scores": "select date '{day}' as as_of_date, customer_id, {mark}::double as churn_probability, "
    "'1' as model_version from customers",
    "demand_forecasts": "select date '{day}' as as_of_date, 'north' as region_code, "
    "timestamp '{day} 22:00:00' + to_hours(hour::int) as valid_at_utc, {mark}::double as p50_kwh, "
    "'7' as model_version from range(1, 49) hours(hour)",
    "demand_forecasts_by_level": "select date '{day}' as as_of_date, 'region' as level, 'north' as region_code, "
    "'*' as feeder_code, '*' as customer_class, timestamp '{day} 22:00:00' + to_hours(hour::int) as valid_at_utc, "
    "{mark}::double as p50_kwh, '7' as model_version from range(1, 49) hours(hour)",
    "demand_peaks": "select date '{day}' as as_of_date, 'region' as level, 'north' as region_code, "
    "'*' as feeder_code, '*' as customer_class, date '{day}' + hour::int as local_date, "
    "{mark}::double as p50_kw, '7' as model_version from range(1, 8) hours(hour)",
    "demand_outlook": "select date '{day}' as as_of_date, 'region' as level, 'north' as region_code, "
    "'*' as feeder_code, '*' as customer_class, date '{day}' + day::int as local_date, "
    "{mark}::double as p50_kwh, '7' as model_version from range(1, 36) days(day)",
    "season_peaks": "select date '{day}' as as_of_date, 'region' as level, 'north' as region_code, "
    "'*' as feeder_code, '*' as customer_class, date '2027-06-01' as season_first_date, {mark}::double as p50_kw, "
    "'7' as model_version",
    "customer_usage_forecasts": "select date '{day}' as as_of_date, customer_id, "
    "date '{day}' + day::int as local_date, {mark}::double as p50_kwh, '7' as model_version "
    "from customers, range(1, 36) days(day)",
    "peak_warnings": "select date '{day}' as as_of_date, 'north' as region_code, 'F1' as feeder_code, "
    "date '{day}' + 1 as local_date, {mark}::double as p50_kw, '7' as model_version",
    "forecast_quality": "select date '{day}' as issued_on, 'region' as level, 'north' as region_code, "
    "'*' as feeder_code, '*' as customer_class, 1 as days_ahead, {mark}::double as wape",
    "meter_alerts": "select date '{day}' as as_of_date, customer_id as alert_id, {mark}::double as confidence "
    "from customers",
    "customer_usage_daily": "select customer_id, local_date::date as local_date, "
    "case when local_date >= date '{day}' - 3 then {mark} else 0 end::decimal(12, 3) as consumption_kwh, "
    "'measured, \"as is\"' as quality_code from customers, "
    "range(date '2026-05-01', date '{day}' + 1, interval 1 day) days(local_date)",
    "customer_usage_hourly": "select customer_id, hour_start_utc, {mark}::decimal(12, 3) as consumption_kwh "
    "from customers, "
    "range(timestamp '{day}' - interval 2 day, timestamp '{day}', interval 1 hour) hours(hour_start_utc)",
    "load_now": "select 'north' as region_code, 'north-F1' as feeder_code, timestamp '{day}' as interval_start_utc, "
    "{mark}::decimal(12, 3) as load_kwh",
}
MARKED = {
    "customer_segments": "annual_kwh",
    "churn_scores": "churn_probability",
    "demand_forecasts": "p50_kwh",
    "demand_forecasts_by_level": "p50_kwh",
    "demand_peaks": "p50_kw",
    "demand_outlook": "p50_kwh",
    "season_peaks": "p50_kw",
    "customer_usage_forecasts": "p50_kwh",
    "peak_warnings": "p50_kw",
    "forecast_quality": "wape",
    "meter_alerts": "confidence",
    "customer_usage_hourly": "consumption_kwh",
    "load_now": "load_kwh",
}


@pytest.fixture
def build(database: Settings) -> Build:
    """Return what builds the publish layer for a day, as dbt would."""

    def _build(day: str, mark: int, customers: int = 20, settings: Settings = database, without: str = "") -> None:
        with opened(settings) as connection:
            connection.execute("create schema if not exists publish")
            connection.execute("create schema if not exists scores")
            connection.execute(
                "create or replace temp table customers as "
                f"select printf('C%06d', number) as customer_id from range({customers}) numbers(number)"
            )
            for name, query in TABLES.items():
                rows = query.format(day=day, mark=mark) + (" where false" if name == without else "")
                if "as_of_date" not in query:
                    connection.execute(f"create or replace table publish.{name} as {rows}")
                    continue
                connection.execute(f"create table if not exists publish.{name} as {rows} limit 0")
                connection.execute(f"delete from publish.{name} where as_of_date = '{day}'")
                connection.execute(f"insert into publish.{name} by name {rows}")
            connection.execute("create or replace table scores.churn_scores as from publish.churn_scores")

    return _build


def _ask(settings: Settings, query: str) -> list[tuple]:
    with connect(settings) as connection:
        return connection.execute(query).fetchall()


def _content(settings: Settings) -> dict[str, list[tuple]]:
    """Return all that readers see, row for row."""
    keys = {table.name: ", ".join(table.key) for table in PUBLISHED}
    return {name: _ask(settings, f"select * from published.{name} order by {keys[name]}") for name in TABLES}


def test_readers_see_the_rows_of_the_warehouse(build: Build, database: Settings) -> None:
    build(DAY_1, mark=1)
    assert deliver(DAY_1, "run-1", database) == 1
    for name, rows in _content(database).items():
        expected = Warehouse(database).arrow(f"select * from publish.{name} order by {_key(name)}").to_pylist()
        assert [tuple(row.values()) for row in expected] == rows, name
        assert rows
    published = _ask(
        database,
        "select table_name, as_of_date::text, rows, is_unchanged, is_current, run_id, model_versions "
        "from published.publications order by table_name",
    )
    assert published[0] == ("churn_scores", DAY_1, 20, False, True, "run-1", {"churn": "1"})
    assert [row[0] for row in published] == sorted(TABLES)


def _key(name: str) -> str:
    return next(", ".join(table.key) for table in PUBLISHED if table.name == name)


def test_a_missing_value_stays_missing_and_an_empty_text_empty(build: Build, database: Settings) -> None:
    build(DAY_1, mark=1)
    deliver(DAY_1, "run-1", database)
    assert _ask(database, "select distinct recommended_action from published.customer_segments") == [("",)]
    build(DAY_2, mark=2)
    deliver(DAY_2, "run-2", database)
    assert _ask(database, "select distinct recommended_action from published.customer_segments") == [(None,)]


def test_the_same_rows_again_are_recorded_as_unchanged_and_not_copied(build: Build, database: Settings) -> None:
    build(DAY_1, mark=1)
    deliver(DAY_1, "run-1", database)
    before = _content(database)
    chunks = _ask(database, "select * from published_data.chunks order by chunk_id")
    build(DAY_1, mark=1)
    assert deliver(DAY_1, "run-2", database) == 2
    assert _content(database) == before
    assert _ask(database, "select * from published_data.chunks order by chunk_id") == chunks
    rows = _ask(database, "select table_name, checksum from published.publications where version = 1 order by 1")
    again = "select table_name, checksum from published.publications where version = 2 and is_unchanged order by 1"
    assert _ask(database, again) == rows


def test_two_installations_with_the_same_rows_publish_the_same_checksums(
    build: Build, database: Settings, postgres_server, tmp_path: Path
) -> None:
    other = database.model_copy(update={"home": tmp_path / "other"})
    build(DAY_1, mark=1)
    build(DAY_1, mark=1, settings=other)
    with opened(other) as connection:  # the same rows in another order
        connection.execute(
            "create or replace table publish.customer_usage_daily as "
            "select * from publish.customer_usage_daily order by hash(customer_id, local_date)"
        )
    deliver(DAY_1, "here", database)
    deliver(DAY_1, "there", other)
    unchanged = "select bool_and(is_unchanged) from published.publications where version = 2"
    assert _ask(database, unchanged) == [(True,)]


def test_only_the_chunks_that_changed_are_copied(build: Build, database: Settings) -> None:
    build(DAY_1, mark=1)
    deliver(DAY_1, "run-1", database)
    build(DAY_2, mark=2)
    deliver(DAY_2, "run-2", database)
    copied = "select chunk_key from published_data.chunks where table_name = 'customer_usage_daily' order by chunk_id"
    assert _ask(database, copied) == [("2026-05",), ("2026-06",), ("2026-07",), ("2026-07",)]


def test_an_older_day_is_stored_and_never_becomes_current(build: Build, database: Settings) -> None:
    build(DAY_2, mark=2)
    deliver(DAY_2, "run-1", database)
    before = _content(database)
    build(DAY_1, mark=1)
    assert deliver(DAY_1, "backfill", database) == 2
    assert _content(database) == before
    current = "select distinct version, as_of_date::text from published.publications where is_current"
    assert _ask(database, current) == [(1, DAY_2)]
    assert _ask(database, "select count(*) from published.publications where version = 2") == [(len(TABLES),)]


def test_a_table_without_rows_of_the_day_keeps_its_publication(build: Build, database: Settings) -> None:
    build(DAY_1, mark=1)
    deliver(DAY_1, "run-1", database)
    build(DAY_2, mark=2, without="churn_scores")
    deliver(DAY_2, "run-2", database)
    assert _ask(database, "select distinct as_of_date::text from published.churn_scores") == [(DAY_1,)]
    assert _ask(database, "select distinct as_of_date::text from published.customer_segments") == [(DAY_2,)]
    stale = "select table_name from published.publications where is_current and as_of_date < '2026-07-16'"
    assert _ask(database, stale) == [("churn_scores",)]


def test_old_versions_go_after_their_time_and_the_current_one_stays(build: Build, database: Settings) -> None:
    for day, mark in ((DAY_1, 1), (DAY_2, 2), (DAY_3, 3)):
        build(day, mark)
        deliver(day, f"run-{mark}", database)
    content = _content(database)
    _run(database, "update published_data.deliveries set delivered_at = delivered_at - interval '31 days'")
    build(DAY_3, mark=3)
    deliver(DAY_3, "run-4", database)
    assert _content(database) == content
    assert _ask(database, "select distinct version from published_data.version_chunks") == [(4,)]
    assert _ask(database, "select distinct annual_kwh from published_data.customer_segments") == [(3.0,)]
    assert _ask(database, "select count(distinct version) from published.publications") == [(4,)]


def test_a_new_column_is_added_for_readers(build: Build, database: Settings) -> None:
    build(DAY_1, mark=1)
    deliver(DAY_1, "run-1", database)
    Warehouse(database).execute("alter table publish.customer_segments add column value_band varchar default 'high'")
    deliver(DAY_1, "run-2", database)
    assert _ask(database, "select distinct annual_kwh, value_band from published.customer_segments") == [(1.0, "high")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("drop column annual_kwh", "annual_kwh is gone"),
        ("alter column annual_kwh type varchar", "annual_kwh became text, was double precision"),
    ],
)
def test_a_break_is_refused_and_the_publication_stays(
    build: Build, database: Settings, change: str, message: str
) -> None:
    build(DAY_1, mark=1)
    deliver(DAY_1, "run-1", database)
    before = _content(database)
    Warehouse(database).execute(f"alter table publish.customer_segments {change}")
    with pytest.raises(BreakingChangeError, match=message) as refusal:
        deliver(DAY_1, "run-2", database)
    assert "customer_segments_v2" in str(refusal.value)
    assert _content(database) == before
    assert _ask(database, "select max(version) from published.publications") == [(1,)]


def test_a_missing_table_is_named_and_nothing_delivered(build: Build, database: Settings) -> None:
    build(DAY_1, mark=1)
    Warehouse(database).execute("drop table publish.churn_scores")
    with pytest.raises(PublishLayerError, match=r"no table publish\.churn_scores.*build_warehouse"):
        deliver(DAY_1, "run-1", database)
    assert _ask(database, "select count(*) from published.publications") == [(0,)]


def test_the_reader_reads_published_and_nothing_else(build: Build, database: Settings) -> None:
    build(DAY_1, mark=1)
    deliver(DAY_1, "run-1", database)
    _run(database, f"alter role {READER} password 'for-this-test'")
    _run(database, "create table ops.secret (a int)")
    url = database_url(database).set(drivername="postgresql", username=READER, password="for-this-test")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as reader:
        for name in [*TABLES, "publications"]:
            assert reader.execute(f"select count(*) from published.{name}").fetchone() != (0,)
        for forbidden in (
            "select * from published_data.customer_segments",
            "select * from ops.secret",
            "delete from published.customer_segments",
            "create table published.own (a int)",
            "create table public.own (a int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(forbidden)


def test_a_reader_never_sees_a_mix_or_a_gap(build: Build, database: Settings) -> None:
    build(DAY_1, mark=1)
    deliver(DAY_1, "run-0", database)
    seen, stop = [], threading.Event()
    query = " union all ".join(
        f"select distinct '{name}', {column} from published.{name}" for name, column in MARKED.items()
    )

    def _poll() -> None:
        with connect(database) as reader:
            while not stop.is_set():
                seen.append(reader.execute(query).fetchall())

    poller = threading.Thread(target=_poll)
    poller.start()
    for mark in range(2, 8):
        build(DAY_1, mark)
        deliver(DAY_1, f"run-{mark}", database)
    stop.set()
    poller.join()
    states = [{float(mark) for _, mark in rows} for rows in seen]
    assert all(len(rows) == len(MARKED) for rows in seen)
    assert all(len(state) == 1 for state in states)
    assert len({min(state) for state in states}) > 2


def test_a_delivery_does_not_wait_for_a_long_reader(build: Build, database: Settings) -> None:
    build(DAY_1, mark=1)
    deliver(DAY_1, "run-1", database)
    with connect(database) as reader, reader.transaction():
        reader.execute("set transaction isolation level repeatable read")
        before = reader.execute("select distinct annual_kwh from published.customer_segments").fetchall()
        build(DAY_2, mark=2)
        deliver(DAY_2, "run-2", database)
        assert reader.execute("select distinct annual_kwh from published.customer_segments").fetchall() == before
    assert _ask(database, "select distinct annual_kwh from published.customer_segments") == [(2.0,)]


DELIVER = """
import sys
from pathlib import Path
from meterwise.publish import deliver
from meterwise.settings import Settings
deliver(sys.argv[2], "killed", Settings(home=Path(sys.argv[1]), database_url=sys.stdin.read()))
"""


def test_a_killed_delivery_leaves_nothing_and_the_next_one_gives_the_same(build: Build, database: Settings) -> None:
    build(DAY_1, mark=1)
    deliver(DAY_1, "run-1", database)
    build(DAY_2, mark=2, customers=3000)
    dice = random.Random(7)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", DELIVER, database.home, DAY_2], stdin=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        assert database.database_url is not None
        process.stdin.write(database.database_url.get_secret_value())
        process.stdin.close()
        time.sleep(dice.uniform(0.8, 1.8))
        process.send_signal(signal.SIGKILL)
        process.wait()
        states = _ask(database, "select distinct annual_kwh from published.customer_segments")
        assert states in ([(1.0,)], [(2.0,)])
    deliver(DAY_2, "run-2", database)
    assert not (database.exports_path / "publish").exists()
    for name in TABLES:
        published = _ask(database, f"select count(*) from published.{name}")
        assert published == [(Warehouse(database).arrow(_count(name)).to_pylist()[0]["rows"],)]
        orphans = f"select count(*) from published_data.{name} where chunk_id not in (table known)"
        assert _ask(database, f"with known as (select chunk_id from published_data.chunks) {orphans}") == [(0,)]


def _count(name: str) -> str:
    dated = next(table.is_dated for table in PUBLISHED if table.name == name)
    return f"select count(*) as rows from publish.{name}" + (f" where as_of_date = '{DAY_2}'" if dated else "")


def _run(settings: Settings, statements: str) -> None:
    with connect(settings) as connection:
        connection.execute(statements)


def test_a_planted_name_is_found_where_it_went(build: Build, database: Settings, places_in_database) -> None:
    build(DAY_1, mark=1)
    deliver(DAY_1, "run-1", database)
    assert places_in_database(database, ["Xqmann", "+49 5550"]) == []
    Warehouse(database).execute("update publish.customer_segments set recommended_action = 'call Ada Xqmann'")
    deliver(DAY_1, "run-2", database)
    assert places_in_database(database, ["Xqmann", "+49 5550"]) == [
        "published.customer_segments",
        "published_data.customer_segments",
    ]


def test_a_customer_that_changes_segment_is_remembered(build: Build, database: Settings) -> None:
    for day, mark in ((DAY_1, 1), (DAY_2, 2), (DAY_2, 2), (DAY_1, 1)):
        build(day, mark)
        deliver(day, "run", database)
    remembered = (
        "select as_of_date::text, segment_code, count(*) from ops.segment_assignments group by 1, 2 order by 1, 2"
    )
    assert _ask(database, remembered) == [(DAY_1, "mark 1", 10), (DAY_1, "steady", 10), (DAY_2, "mark 2", 10)]


def test_a_day_without_alerts_publishes_none(build: Build, database: Settings) -> None:
    build(DAY_1, mark=1)
    deliver(DAY_1, "run-1", database)
    build(DAY_2, mark=2, without="meter_alerts")
    deliver(DAY_2, "run-2", database)

    assert _ask(database, "select count(*) from published.meter_alerts") == [(0,)]
    dated = "select as_of_date::text from published.publications where is_current and table_name = 'meter_alerts'"
    assert _ask(database, dated) == [(DAY_2,)]

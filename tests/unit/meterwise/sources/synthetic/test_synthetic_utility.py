"""The made-up utility: repeatable, honest about time, and as weakly predictable as a real one."""

from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa
from sklearn.metrics import roc_auc_score

from meterwise.postgres import EmbeddedPostgres
from meterwise.raw_tables import RAW_TABLES
from meterwise.sources.config import load_sources
from meterwise.sources.synthetic import SyntheticUtility, churn_oracle
from meterwise.sources.synthetic.crm import MARKS, TABLES
from meterwise.utility import Utility

FIRST = date(2025, 11, 20)
BERLIN = Utility(timezone="Europe/Berlin")


def _utility(folder: Path, crm_url: str | None = None, **more: object) -> SyntheticUtility:
    folder.mkdir(parents=True, exist_ok=True)
    options = {"customers": 50, "first_date": FIRST, "months": 8, **more}
    return SyntheticUtility(folder, crm_url or f"sqlite:///{folder}/crm.db", **options)


@pytest.fixture(scope="module")
def advanced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A utility that was advanced day by day."""
    folder = tmp_path_factory.mktemp("advanced")
    for days in range(3):
        _utility(folder).advance_to(FIRST + timedelta(days=days))
    return folder


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CRM of 3,000 customers, enough for rates."""
    folder = tmp_path_factory.mktemp("large")
    _utility(folder, customers=3000, first_date=date(2026, 7, 15), with_reads=False).advance_to(date(2026, 7, 15))
    return folder


def _query(sql: str) -> pa.Table:
    return duckdb.connect().sql(sql).to_arrow_table()


def _crm(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every CRM table as sorted rows."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        rows = {table.name: connection.execute(sa.select(table)).fetchall() for table in TABLES}
    engine.dispose()
    return {name: sorted((tuple(row) for row in found), key=str) for name, found in rows.items()}


def _files(folder: Path) -> dict[str, pa.Table]:
    """Content of every landing file by its path."""
    paths = [path for path in sorted(folder.glob("landing/*/*/*")) if path.is_file()]
    return {str(path.relative_to(folder)): _query(f"from '{path}'") for path in paths}


def test_same_seed_gives_the_same_rows_in_one_step_or_in_three(advanced: Path, tmp_path: Path) -> None:
    _utility(tmp_path).advance_to(FIRST + timedelta(days=2))

    at_once, stepwise = _files(tmp_path), _files(advanced)
    assert [name for name in stepwise if "/daily/" in name] == [
        f"landing/meter_reads/daily/{FIRST + timedelta(days=days)}.csv.gz" for days in (1, 2)
    ]
    assert at_once.keys() == stepwise.keys()
    assert [name for name in at_once if not at_once[name].equals(stepwise[name])] == []
    assert _crm(f"sqlite:///{tmp_path}/crm.db") == _crm(f"sqlite:///{advanced}/crm.db")


def test_far_jump_after_a_pause_gives_the_same_rows(advanced: Path, tmp_path: Path) -> None:
    day = FIRST + timedelta(days=28)
    once = _utility(tmp_path / "once", months=1)
    once.advance_to(day)
    paused = _utility(tmp_path / "paused", months=1)
    paused.advance_to(FIRST)
    paused.advance_to(day)

    at_once, in_two = _files(once.folder), _files(paused.folder)
    assert len(at_once) > 80
    assert [name for name in at_once if not at_once[name].equals(in_two[name])] == []
    assert _crm(once.crm_url) == _crm(paused.crm_url)


def test_another_seed_is_another_utility(advanced: Path, tmp_path: Path) -> None:
    _utility(tmp_path, seed=8, with_reads=False).advance_to(FIRST)

    assert _crm(f"sqlite:///{tmp_path}/crm.db")["contracts"] != _crm(f"sqlite:///{advanced}/crm.db")["contracts"]


def test_repeating_a_day_changes_no_file_and_a_lost_file_comes_back(advanced: Path) -> None:
    before = _files(advanced)
    lost = advanced / f"landing/meter_reads/daily/{FIRST + timedelta(days=2)}.csv.gz"
    lost.unlink()
    (advanced / f"truth/deliveries/{FIRST + timedelta(days=2)}.parquet").unlink()  # as a kill leaves it
    lost.with_name(f".{lost.name}.draft").write_bytes(b"half a file")
    untouched = {path: path.stat().st_mtime_ns for path in advanced.glob("landing/*/*/*.parquet")}

    _utility(advanced).advance_to(FIRST + timedelta(days=2))

    after = _files(advanced)
    assert {path: path.stat().st_mtime_ns for path in untouched} == untouched
    assert after.keys() == before.keys()
    assert all(after[name].equals(before[name]) for name in before)


def test_parts_of_the_load_are_there_for_each_hour_and_add_up_to_the_reads(advanced: Path) -> None:
    parts = _query(f"""
        select
            count(distinct start) as hours,
            sum(base_kwh + heating_kwh + cooling_kwh) as kwh,
            min(least(base_kwh, heating_kwh, cooling_kwh)) as least,
            sum(heating_kwh) filter (month(start) = 7) / sum(heating_kwh) as heating_in_july,
            sum(cooling_kwh) filter (month(start) = 11) as cooling_in_november
        from '{advanced}/truth/load_parts/*.parquet' where start < '{FIRST - timedelta(days=2)}'
    """).to_pylist()[0]
    # A typing error of a read multiplies it by 70, and 1 in 1,000 is lost.
    reads = _query(f"""
        select sum(least(kwh, 40)) as kwh from (
            select arg_max(kwh, received_at) as kwh
            from '{advanced}/landing/meter_reads/history/*.parquet'
            where start < '{FIRST - timedelta(days=2)}' group by meter, start
        )
    """).to_pylist()[0]

    begin = BERLIN.day_end_utc(FIRST.replace(month=3) - timedelta(days=1))
    assert parts["hours"] == (datetime(2025, 11, 18) - begin).total_seconds() / 3600
    assert parts["kwh"] == pytest.approx(float(reads["kwh"]), rel=0.03)
    assert parts["least"] >= 0
    assert parts["heating_in_july"] < 0.02
    assert parts["cooling_in_november"] == 0
    assert (advanced / f"truth/load_parts/{FIRST + timedelta(days=2)}.parquet").exists()


def test_a_day_before_the_first_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="begins on 2025-11-20"):
        _utility(tmp_path).advance_to(FIRST - timedelta(days=1))


def test_advancing_a_day_changes_few_crm_rows(tmp_path: Path) -> None:
    crm = _utility(tmp_path, with_reads=False)
    crm.advance_to(FIRST)
    before = _crm(crm.crm_url)
    crm.advance_to(FIRST + timedelta(days=1))
    after = _crm(crm.crm_url)

    cut = BERLIN.day_end_utc(FIRST)
    for table in TABLES:
        changed = set(after[table.name]) - set(before[table.name])
        assert all(row[-1] >= cut for row in changed), f"{table.name} changed a row without a new updated_at"
        assert len(changed) <= 0.1 * max(50, len(before[table.name])), table.name


def test_the_crm_knows_nothing_of_the_future(large: Path) -> None:
    cut = BERLIN.day_end_utc(date(2026, 7, 15))
    rows = _crm(f"sqlite:///{large}/crm.db")
    departures = _query(f"from '{large}/truth/departures.parquet'").to_pylist()

    assert all(row[-1] < cut for found in rows.values() for row in found)
    announced = {row["customer_id"] for row in departures if row["notice_at"] < cut}
    assert {row[0] for row in rows["customers"] if row[7] is not None} <= announced
    future = [row for row in rows["contracts"] if row[5] is not None and row[5] > date(2026, 7, 15)]
    assert future, "some customers have given notice for a later day"
    assert all(row[7] == "relocation" or (row[6] is not None and row[6] <= date(2026, 7, 15)) for row in future)


def test_local_days_have_46_and_50_half_hours_when_clocks_change(advanced: Path) -> None:
    counts = _query(f"""
        select
            ((start at time zone 'UTC') at time zone 'Europe/Berlin')::date as local_date,
            count(distinct start) as half_hours
        from '{advanced}/landing/meter_reads/history/*.parquet'
        group by local_date
    """).to_pylist()

    by_day = {row["local_date"]: row["half_hours"] for row in counts}
    assert by_day.pop(date(2025, 3, 30)) == 46
    assert by_day.pop(date(2025, 10, 26)) == 50
    assert set(by_day.values()) == {48}


def test_reads_arrive_late_twice_and_corrected_and_never_from_the_future(advanced: Path) -> None:
    cuts = [BERLIN.day_end_utc(FIRST + timedelta(days=days)) for days in range(3)]
    daily = _query(f"from '{advanced}/landing/meter_reads/daily/{FIRST + timedelta(days=2)}.csv.gz'")
    assert min(daily["received_at"].to_pylist()) >= cuts[1]
    assert max(daily["received_at"].to_pylist()) < cuts[2]

    (row,) = _query(f"""
        select
            max(received_at) as newest,
            bool_and(received_at > start) as is_after,
            count(*) - count(distinct (meter, start)) as again,
            count(distinct (meter, start, kwh)) - count(distinct (meter, start)) as corrected
        from '{advanced}/landing/meter_reads/history/*.parquet'
    """).to_pylist()
    assert row["newest"] < cuts[0]
    assert row["is_after"]
    assert row["again"] > row["corrected"] > 0
    deliveries = _query(f"select sum(late) as late from '{advanced}/truth/deliveries/*.parquet'").to_pylist()
    assert deliveries[0]["late"] > 0


def test_reads_lie_within_contract_and_meter(advanced: Path) -> None:
    crm = _crm(f"sqlite:///{advanced}/crm.db")
    far = date(9999, 1, 1)
    engine = duckdb.connect()
    meters = [(row[0], row[1], row[2], row[3] or far) for row in crm["meters"]]
    contracts = [(row[2], row[4], row[5] or far) for row in crm["contracts"]]
    engine.execute("create table meters (meter text, supply_point text, installed_on date, removed_on date)")
    engine.execute("create table contracts (supply_point text, starts_on date, ends_on date)")
    engine.executemany("insert into meters values (?, ?, ?, ?)", meters)
    engine.executemany("insert into contracts values (?, ?, ?)", contracts)

    outside = engine.execute(f"""
        with read_days as (
            select distinct meter, ((start at time zone 'UTC') at time zone 'Europe/Berlin')::date as local_date
            from '{advanced}/landing/meter_reads/history/*.parquet'
        ),

        supplied as (
            select read_days.meter, read_days.local_date
            from read_days
            join meters
                on meters.meter = read_days.meter
                and read_days.local_date >= meters.installed_on
                and read_days.local_date < meters.removed_on
            join contracts
                on contracts.supply_point = meters.supply_point
                and read_days.local_date between contracts.starts_on and contracts.ends_on
        )

        select (select count(*) from read_days), (select count(*) from supplied)
    """).fetchone()
    assert outside[0] == outside[1] > 10_000


def test_sources_file_maps_every_table(advanced: Path) -> None:
    sources = load_sources(advanced / "sources.yml")

    mapped = {source.table for source in sources.sources.values()}
    assert mapped == set(RAW_TABLES) - {"register_reads", "bills"}


def test_contact_columns_are_marked(advanced: Path) -> None:
    for row in _crm(f"sqlite:///{advanced}/crm.db")["customers"]:
        name, phone, email, address = row[2:6]
        assert MARKS[0] in name
        assert MARKS[1] in phone
        assert MARKS[2] in email
        assert MARKS[0] in address


def test_rates_are_those_of_a_real_utility(large: Path) -> None:
    (row,) = _query(f"""
        select
            count(*) filter (year(left_on) = 2024) / 3000.0 as churn_2024,
            count(*) filter (year(left_on) = 2025) / 3000.0 as churn_2025
        from '{large}/truth/departures.parquet'
    """).to_pylist()
    assert 0.10 <= row["churn_2024"] <= 0.15
    assert 0.10 <= row["churn_2025"] <= 0.15

    (row,) = _query(f"""
        select avg((answer = 'accepted')::integer) as accepted
        from '{large}/truth/events.parquet'
        where kind = 'offer'
    """).to_pylist()
    assert 0.02 <= row["accepted"] <= 0.06


@pytest.mark.parametrize("as_of_date", [date(2024, 7, 15), date(2025, 7, 15), date(2026, 4, 15)])
def test_even_the_oracle_stays_below_080(large: Path, as_of_date: date) -> None:
    oracle = churn_oracle(large / "truth", as_of_date).to_pandas()

    # Each customer counts as leaver and as stayer, weighted by the true chance: AUC without the noise of the dice.
    chance = oracle["churn_probability"].to_list()
    outcome = [1] * len(chance) + [0] * len(chance)
    auc = roc_auc_score(outcome, chance * 2, sample_weight=chance + [1 - one for one in chance])
    assert 0.72 <= auc < 0.80
    assert sum(chance) == pytest.approx(oracle["has_left"].sum(), abs=4 * sum(chance) ** 0.5)


def test_oracle_of_a_past_day_does_not_change_when_the_utility_goes_on(tmp_path: Path) -> None:
    utility = _utility(tmp_path, with_reads=False, customers=300)
    utility.advance_to(FIRST)
    before = churn_oracle(tmp_path / "truth", FIRST)
    utility.advance_to(FIRST + timedelta(days=40))

    assert churn_oracle(tmp_path / "truth", FIRST).equals(before)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_postgresql_holds_what_sqlite_holds(tmp_path: Path, postgres_server: EmbeddedPostgres, driver: str) -> None:
    name = f"crm_{driver}"
    postgres_server.create_database(name)
    url = postgres_server.url(name, driver=driver)
    for crm_url in (url, f"sqlite:///{tmp_path}/crm.db"):
        crm = _utility(tmp_path, crm_url, with_reads=False)
        crm.advance_to(FIRST)
        crm.advance_to(FIRST + timedelta(days=20))

    in_postgresql, in_sqlite = _crm(url), _crm(f"sqlite:///{tmp_path}/crm.db")
    for table in TABLES:
        plain = [[_plain(value) for value in row] for row in in_postgresql[table.name]]
        assert sorted(plain, key=str) == sorted(
            [[_plain(value) for value in row] for row in in_sqlite[table.name]], key=str
        ), table.name


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | date | datetime | bool):
        return value
    return round(float(value), 4)  # type: ignore[arg-type]

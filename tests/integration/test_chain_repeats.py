"""A small utility goes through the chain twice, in two homes: the same rows to the bit. Then a bad file arrives."""

import gzip
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import chain
import pytest
from psycopg.rows import dict_row
from pydantic import SecretStr

from expectations import check_foreseen
from meterwise import transform
from meterwise.database import connect
from meterwise.outcomes import NothingToDoError
from meterwise.postgres import EmbeddedPostgres
from meterwise.publish import deliver
from meterwise.publish.tables import FORESEEN, PUBLISHED
from meterwise.settings import Settings
from meterwise.sources.synthetic import SyntheticUtility
from meterwise.validation import DataQualityError
from meterwise.warehouse import Warehouse
from models.demand import score

DAY = date(2026, 7, 15)
CUSTOMERS, MONTHS = 50, 6
TABLES = tuple(table.name for table in PUBLISHED)


@dataclass(frozen=True)
class Home:
    """One installation after its first day."""

    settings: Settings
    skipped: dict[str, str | None]

    @property
    def landing(self) -> Path:
        return self.settings.sources_file.parent / "landing"


def publish(folder: Path, server: EmbeddedPostgres) -> Home:
    crm_url = f"sqlite:///{folder}/crm.db"
    utility = SyntheticUtility(folder, crm_url, customers=CUSTOMERS, first_date=DAY, months=MONTHS)
    utility.advance_to(DAY)
    settings = Settings(
        home=folder / "home",
        sources_file=utility.sources_path,
        last_date=DAY,
        secrets={"crm_url": SecretStr(crm_url)},
        database_url=SecretStr(server.create_database(folder.name)),
    )
    return Home(settings, chain.run(DAY.isoformat(), settings))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, postgres_server: EmbeddedPostgres) -> Home:
    return publish(tmp_path_factory.mktemp("one"), postgres_server)


def publications(settings: Settings) -> list[tuple[object, ...]]:
    with connect(settings) as connection:
        return connection.execute(
            "select version, table_name, as_of_date, rows, checksum, model_versions "
            "from published.publications order by version, table_name"
        ).fetchall()


@pytest.mark.chaos
def test_two_homes_publish_the_same_to_the_bit(
    home: Home, tmp_path_factory: pytest.TempPathFactory, postgres_server: EmbeddedPostgres
) -> None:
    one, other = home, publish(tmp_path_factory.mktemp("other"), postgres_server)

    assert one.skipped == other.skipped == dict.fromkeys(chain.MODELS)
    books = publications(one.settings)
    assert {row[1] for row in books} == set(TABLES)
    assert {row[1] for row in books if not row[3]} <= {"peak_warnings", "forecast_quality"}
    assert books == publications(other.settings)
    for table in TABLES:
        assert chain.published(table, one.settings) == chain.published(table, other.settings), table


def test_reads_of_the_day_itself_move_the_forecasts_and_nothing_else(home: Home) -> None:
    settings, day = home.settings, DAY.isoformat()
    before = current(settings)
    known_until = "select min(known_until_utc), max(known_until_utc) from publish.demand_forecasts_by_level"
    (at_first,) = Warehouse(settings).arrow(known_until).to_pylist()
    reads_of_the_morning(home)
    chain.land_domain("meter_reads", day, settings)

    chain.update_forecasts(day, settings)

    (now,) = Warehouse(settings).arrow(known_until).to_pylist()
    assert set(at_first.values()) == {datetime(2026, 7, 14, 22)}
    assert set(now.values()) == {datetime(2026, 7, 15, 8)}, "ten hours of the local day later"
    after = current(settings)
    moved = {table for table in after if after[table] != before[table]}
    assert {"demand_forecasts", "demand_forecasts_by_level", "demand_peaks"} <= moved <= set(FORESEEN)
    with pytest.raises(NothingToDoError, match="Nothing has landed"):
        chain.update_forecasts(day, settings)


def test_a_feeder_is_warned_of_when_its_limit_lies_below_the_load_to_come(home: Home) -> None:
    settings, day, warehouse = home.settings, DAY.isoformat(), Warehouse(home.settings)
    assert warehouse.arrow("from publish.peak_warnings").num_rows == 0
    region, feeder, p50_kw = lower_the_limit(home)
    chain.land_domain("crm", day, settings)

    transform.build("feeder_limits", [day], settings, with_tests=False)
    score.score(day, settings=settings)
    transform.build(transform.FORESEEN, [day], settings)
    deliver(day, "limits", settings, only=FORESEEN, withheld=check_foreseen(day, settings))

    columns = "region_code, feeder_code, local_date, window_start_utc, window_end_utc, peak_at_utc, p50_kw, limit_kw, "
    columns += "overload_probability, expected_overload_kw, shiftable_kw, measures"
    with connect(settings) as connection:
        query = f"select {columns} from published.peak_warnings order by local_date"
        found = connection.cursor(row_factory=dict_row).execute(query).fetchall()
    assert {(row["region_code"], row["feeder_code"]) for row in found} == {(region, feeder)}
    first = found[0]
    assert first["overload_probability"] >= 0.1
    assert float(first["limit_kw"]) == pytest.approx(0.8 * p50_kw, abs=0.001)
    assert first["window_start_utc"] <= first["peak_at_utc"] < first["window_end_utc"]
    likely = max(found, key=lambda row: row["overload_probability"])
    assert likely["overload_probability"] > 0.5
    assert likely["expected_overload_kw"] == pytest.approx(likely["p50_kw"] - float(likely["limit_kw"]), rel=0.35)
    named = {measure["customer_class"]: measure["shiftable_kw"] for measure in json.loads(likely["measures"])}
    assert sum(named.values()) == pytest.approx(float(likely["shiftable_kw"]), abs=0.1 * len(named))
    assert min(named.values()) > 0


def test_a_file_of_negative_reads_is_refused_and_nothing_behind_reads_it(home: Home) -> None:
    settings, warehouse = home.settings, Warehouse(home.settings)
    rows = "select count(*), sum(consumption_kwh)::varchar from staging.stg_meter_reads"
    before = warehouse.arrow(rows).to_pylist()
    published, loads = publications(settings), loads_with_rows(warehouse)
    bad = negative_reads(home)

    with pytest.raises(DataQualityError, match=r"raw\.meter_reads") as refusal:
        chain.land_domain("meter_reads", DAY.isoformat(), settings)

    assert "quarantine" in str(refusal.value), "what to do"
    (audit,) = warehouse.arrow(
        "select state, landed_rows, quarantined_rows, load_id from raw.load_audit where origin = $origin",
        {"origin": str(bad)},
    ).to_pylist()
    assert audit["state"] == "refused"
    assert audit["landed_rows"] == audit["quarantined_rows"] == 48
    kept = warehouse.arrow("select 1 from raw.quarantine where load_id = $id", {"id": audit["load_id"]})
    assert kept.num_rows == 48
    assert warehouse.arrow(rows).to_pylist() == before
    assert loads_with_rows(warehouse) == loads, "there is nothing new to build from"
    assert publications(settings) == published


def current(settings: Settings) -> dict[str, str]:
    with connect(settings) as connection:
        rows = connection.execute("select table_name, checksum from published.publications where is_current").fetchall()
    return dict(rows)


def reads_of_the_morning(home: Home) -> None:
    """All meters say what they used from midnight to ten, like the hours of the day before."""
    rows = Warehouse(home.settings).arrow(
        "select meter_id, channel, interval_start_utc + interval 1 day as start, consumption_kwh as kwh "
        "from raw.meter_reads where channel = 'import' and version_no = 1 and "
        "interval_start_utc >= timestamp '2026-07-13 22:00' and interval_start_utc < timestamp '2026-07-14 08:00'"
    )
    path = home.landing / "meter_reads" / "daily" / "2026-07-15-morning.csv.gz"
    lines = ["meter,channel,start,kwh,received_at"]
    lines += [",".join([*map(str, row.values()), "2026-07-15 12:00:00"]) for row in rows.to_pylist()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


def lower_the_limit(home: Home) -> tuple[str, str, float]:
    """The utility finds that its busiest feeder bears four fifths of what is forecast of it; returns the forecast."""
    (peak,) = (
        Warehouse(home.settings)
        .arrow(
            "select region_code, feeder_code, p50_kw from publish.demand_peaks where level = 'feeder' "
            "order by p50_kw desc limit 1"
        )
        .to_pylist()
    )
    with closing(sqlite3.connect(home.settings.sources_file.parent / "crm.db")) as crm, crm:
        crm.execute(
            "insert into feeder_limits (region, feeder, valid_from, limit_kw, updated_at) values (?, ?, ?, ?, ?)",
            (peak["region_code"], peak["feeder_code"], "2026-07-10", 0.8 * peak["p50_kw"], "2026-07-15 11:00:00"),
        )
    return peak["region_code"], peak["feeder_code"], peak["p50_kw"]


def loads_with_rows(warehouse: Warehouse) -> int:
    """Accepted loads of reads that brought something."""
    accepted = (
        "select 1 from raw.load_audit where state = 'accepted' and accepted_rows > 0 and table_name = 'meter_reads'"
    )
    return int(warehouse.arrow(accepted).num_rows)


def negative_reads(home: Home) -> Path:
    """A file that can be read well, with a day of a known meter in which every third read is below zero."""
    (meter,) = (
        Warehouse(home.settings).arrow("select min(meter_id) as meter from raw.meter_reads").column(0).to_pylist()
    )
    lines = ["meter,channel,start,kwh,received_at"]
    for half_hour in range(48):
        start = f"2026-07-14 {half_hour // 2:02d}:{half_hour % 2 * 30:02d}:00"
        lines.append(f"{meter},import,{start},{-1.5 if half_hour % 3 == 0 else 0.5},2026-07-15 12:00:00")
    path = home.landing / "meter_reads" / "daily" / "2026-07-15-again.csv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path

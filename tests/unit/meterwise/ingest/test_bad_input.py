"""Each kind of bad input gets a message with file or table, line and cure; the rest lands, nothing is lost."""

import gzip
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from landing_site import HEADER, Site

from meterwise.ingest import LandingError, land
from meterwise.ingest.landing import LandingRefusedError
from meterwise.sources import files

Read = Callable[..., str]


def refusal(site: Site, domain: str = "meter_reads") -> LandingError:
    """Land, and return what was said about what could not be loaded."""
    with pytest.raises(LandingError) as caught:
        land(domain, "2026-07-15", site.settings)
    return caught.value


def many(read: Read, count: int = 100) -> list[str]:
    return [read(meter=f"M{number}") for number in range(count)]


@pytest.fixture
def good(site: Site, read: Read) -> Site:
    """A site with a good file beside the bad one of the test; it must land in every case."""
    site.write("good.csv", [read(meter="GOOD")])
    return site


def assert_only_good_landed(site: Site, error: LandingError, *words: str) -> None:
    assert site.rows("select distinct meter_id from raw.meter_reads") == [("GOOD",)]
    assert [load_id[10:] for load_id in error.load_ids] == ["meter_reads"]
    for word in words:
        assert word in str(error)


def test_empty_file(good: Site) -> None:
    (good.folder / "in" / "bad.csv").write_bytes(b"")
    assert_only_good_landed(good, refusal(good), "bad.csv", "empty (0 bytes)", "Deliver")


def test_truncated_gzip(good: Site, read: Read) -> None:
    good.reads(path="in/*")
    content = gzip.compress("\n".join([HEADER, *many(read, 5000)]).encode())
    (good.folder / "in" / "bad.csv.gz").write_bytes(content[: len(content) // 2])
    assert_only_good_landed(good, refusal(good), "bad.csv.gz", "truncated or damaged gzip", "Deliver the whole file")


def test_half_written_parquet(good: Site) -> None:
    good.source("history", **{**good.sources["reads"], "path": "in/*.parquet", "format": "parquet"})
    path = good.folder / "in" / "bad.parquet"
    good.warehouse.export_parquet("select 'M1' as meter, 'import' as channel, 1 as start, 1 as kwh", str(path))
    path.write_bytes(path.read_bytes()[:-20])
    assert_only_good_landed(good, refusal(good), "bad.parquet", "cannot be read as parquet", "Deliver the whole file")


def test_wrong_header(good: Site) -> None:
    good.write("bad.csv", ["M1,import,2026-07-01,1,2026-07-02"], "id,channel,start,kwh,received_at")
    error = refusal(good)
    assert_only_good_landed(good, error, "bad.csv, line 1", "the header lacks meter", "found id, channel", "`columns`")
    assert isinstance(error, LandingRefusedError)


def test_wrong_delimiter(good: Site) -> None:
    good.write("bad.csv", ["M1;import;2026-07-01;1;2026-07-02"], HEADER.replace(",", ";"))
    assert_only_good_landed(good, refusal(good), "bad.csv, line 1", "semicolon", '`delimiter: ";"`')


def test_text_in_a_number_column(site: Site, read: Read) -> None:
    site.write("a.csv", [*many(read), read(meter="BAD", kwh="n/a")])
    site.land()
    assert site.account() == (101, 100, 0, 1)
    rows = site.rows("select line_no, reason, row_json ->> 'meter' from raw.quarantine")
    assert rows == [(102, "consumption_kwh: not a number", "BAD")]


def test_each_reason_for_setting_rows_aside_is_said_once(
    site: Site, read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    bad = [read(meter="SECRET-1", kwh="n/a"), read(meter="SECRET-2", kwh="-"), read(start="soon")]
    site.write("a.csv", [*many(read), *bad])
    site.land()

    said = [record.getMessage() for record in caplog.records if "set aside" in record.getMessage()]
    assert len(said) == 2
    assert "a.csv, line 102: 2 row(s) set aside, this is the first: consumption_kwh: not a number" in said[0]
    assert "a.csv, line 104: 1 row(s) set aside, this is the first: interval_start_utc" in said[1]
    assert all("meterwise quarantine replay" in message for message in said)
    assert "SECRET" not in caplog.text


def test_csv_cut_in_the_middle_of_a_line(site: Site, read: Read, caplog: pytest.LogCaptureFixture) -> None:
    path = site.write("a.csv", many(read))
    path.write_bytes(path.read_bytes()[: -len("0,2026-07-02\n")])
    site.land()

    assert site.account() == (100, 99, 0, 1)
    assert site.rows("select line_no from raw.quarantine") == [(101,)]
    assert "a.csv, line 101: 1 row(s) set aside" in caplog.text


def test_too_large_a_share_of_bad_rows_stops_the_file(good: Site, read: Read) -> None:
    good.write("bad.csv", [*many(read, 20), *[read(meter=f"B{number}", kwh="n/a") for number in range(10)]])
    words = (
        "bad.csv, line 22",
        "consumption_kwh: not a number",
        "10 of 30 rows",
        "`max_bad_share`",
        "Correct the file",
    )
    assert_only_good_landed(good, refusal(good), *words)


def test_date_of_2199(site: Site, read: Read) -> None:
    site.write("a.csv", [*many(read), read(start="2199-01-01 00:00"), read(start="1889-01-01 00:00")])
    site.land()
    reasons = site.rows("select line_no, reason from raw.quarantine order by line_no")
    assert [line for line, _ in reasons] == [102, 103]
    assert all("impossible date" in reason for _, reason in reasons)


def test_negative_interval(site: Site, read: Read) -> None:
    site.reads(columns={**site.sources["reads"]["columns"], "interval_minutes": "minutes"})
    lines = [f"{line},30" for line in many(read)]
    site.write("a.csv", [*lines, f"{read(meter='BAD')},-30", f"{read(meter='NEG', kwh=-1)},30"], f"{HEADER},minutes")
    site.land()
    assert site.rows("select reason from raw.quarantine") == [("interval_minutes: not between 1 and 1440",)]
    suspects = site.rows("select meter_id, quality_reason from raw.meter_reads where quality_code = 'suspect'")
    assert suspects == [("NEG", "negative")]


def test_line_numbers_count_lines_that_cannot_be_split(site: Site, read: Read) -> None:
    site.write("a.csv", [*many(read), "M1,import", *many(read)[:1], read(kwh="x"), read() + ",more", read(kwh="y")])
    site.land()
    rows = site.rows("select line_no, left(reason, 12) from raw.quarantine order by line_no")
    assert rows == [(102, "line: missin"), (104, "consumption_"), (105, "line: too ma"), (106, "consumption_")]


def test_file_that_changes_while_it_is_read(good: Site, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    path = good.write("bad.csv", [read()])
    stage = files.stage

    def stage_while_it_grows(connection: object, file: files.SourceFile, limit: int | None = None) -> object:
        rows = stage(connection, file, limit)  # type: ignore[arg-type]
        if file.local == path:
            with path.open("a") as stream:
                stream.write(read(meter="M2") + "\n")
        return rows

    monkeypatch.setattr(files, "stage", stage_while_it_grows)
    error = refusal(good)
    assert_only_good_landed(good, error, "bad.csv", "changed while it was read", "next landing")
    assert not isinstance(error, LandingRefusedError), "trying again helps"
    monkeypatch.undo()
    good.land()
    assert good.account() == (3, 3, 0, 0)


def crm(site: Site, **tables: str) -> None:
    """Map CRM tables from files."""
    (site.folder / "in").mkdir(exist_ok=True)
    columns = {
        "crm_customers": "customer_id customer_class joined_on name phone",
        "crm_contracts": "contract_id customer_id service_point_id start_on end_on",
        "meters": "meter_id service_point_id installed_on removed_on",
    }
    for table, content in tables.items():
        names = columns[table].split()
        site.source(table, kind="files", path=f"in/{table}.txt", columns={name: name for name in names})
        (site.folder / "in" / f"{table}.txt").write_text(",".join(names) + "\n" + textwrap.dedent(content))


CUSTOMERS = "C1,household,2020-01-01,Erika Xq,+49 5550 1\n"
CONTRACTS = "K1,C1,P1,2020-01-01,\n"


def test_duplicate_meter(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    meters = "M1,P1,2020-01-01,\nM2,P1,2020-01-01,2021-01-01\nM1,P2,2022-01-01,\n"
    crm(site, crm_customers=CUSTOMERS, crm_contracts=CONTRACTS + "K2,C1,P2,2020-01-01,\n", meters=meters)
    site.land("crm")
    assert "meters.txt, line 2: 2 duplicate meter(s): at two service points at once, first meter_id M1" in caplog.text
    assert "removed_on" in caplog.text
    assert site.rows("select count(*) from raw.meters") == [(3,)]


def test_contract_of_an_unknown_customer(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    crm(site, crm_customers=CUSTOMERS, crm_contracts=CONTRACTS + "K2,C9,P1,2020-01-01,\n")
    site.land("crm")
    assert "crm_contracts.txt, line 3: 1 contract(s) of an unknown customer, first contract_id K2" in caplog.text
    assert site.rows("select count(*) from raw.crm_contracts") == [(2,)]


def test_meter_of_no_customer(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    meters = "M1,P1,2020-01-01,\nM9,P9,2020-01-01,\n"
    crm(site, crm_customers=CUSTOMERS, crm_contracts=CONTRACTS, meters=meters)
    site.land("crm")
    assert "meters.txt, line 3: 1 meter(s) of no customer" in caplog.text


def test_reads_of_unknown_and_removed_meters_land_as_suspect(site: Site, read: Read) -> None:
    crm(site, meters="M1,P1,2020-01-01,\nM2,P2,2020-01-01,2026-06-01\n")
    site.write("a.csv", [read(), read(meter="M2"), read(meter="M9")])
    site.land()
    reasons = site.rows("select meter_id, quality_reason from raw.meter_reads order by meter_id")
    assert reasons == [("M1", None), ("M2", "outside installation"), ("M9", "unknown meter")]


def test_period_that_ends_before_it_begins(site: Site) -> None:
    crm(site, crm_customers=CUSTOMERS, crm_contracts=CONTRACTS + "K2,C1,P1,2026-01-01,2025-01-01\n")
    site.land("crm")
    assert site.rows("select line_no, reason from raw.quarantine") == [(3, "end_on: lies before start_on")]


def test_database_that_is_down(good: Site) -> None:
    columns = {"customer_id": "id", "customer_class": "class", "joined_on": "since"}
    url = "postgresql+psycopg2://reader@127.0.0.1:1/crm"
    good.source("customers", table="crm_customers", kind="sql", url=url, query="customers", columns=columns)
    crm(good, meters="M1,P1,2020-01-01,\n")
    error = refusal(good, "crm")
    assert "source customers" in str(error)
    assert "cannot be reached" in str(error)
    assert "127.0.0.1:1" in str(error)
    assert not isinstance(error, LandingRefusedError), "trying again helps"
    assert [load_id[10:] for load_id in error.load_ids] == ["meters"], "the other source went on"


def test_table_and_column_that_the_database_does_not_have(site: Site) -> None:
    engine = sa.create_engine(f"sqlite:///{site.folder}/crm.db")
    with engine.begin() as connection:
        connection.execute(sa.text("create table customers (id text, class text)"))
    body = {"kind": "sql", "url": f"sqlite:///{site.folder}/crm.db", "table": "crm_customers"}
    columns = {"customer_id": "id", "customer_class": "class", "joined_on": "since"}
    site.source("one", **body, query="customers", columns=columns)
    site.source("two", **body, query="clients", columns=columns)
    message = str(refusal(site, "crm"))
    assert "source one: customers: has no column since; its columns are id, class" in message
    assert "source two: clients: the database has no such table" in message


def test_names_and_phones_stay_out_of_messages(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    crm(site, crm_customers="C1,household,Erika Xq,2020-01-01,+49 5550 1\n" * 20)
    text = str(refusal(site, "crm")) + caplog.text
    (site.folder / "in" / "crm_customers.txt").write_text("C1,household,2020-01-01,Erika Xq,+49 5550 1\n")
    text += str(refusal(site, "crm")) + caplog.text
    assert "joined_on: not a date" in text
    assert "Xq" not in text
    assert "5550" not in text


FULL_DISK = """
import resource, sys
from pathlib import Path
from meterwise.ingest import LandingError, land
from meterwise.settings import Settings
folder = Path(sys.argv[1])
settings = Settings(home=folder / "home", sources_file=folder / "sources.yml", last_date="2026-07-15")
size = settings.warehouse_path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 200_000, size + 200_000))
try:
    land("meter_reads", "2026-07-15", settings)
except LandingError as error:
    print(error)
    sys.exit(3)
"""


def test_full_disk(site: Site, read: Read) -> None:
    """No file of the child may grow beyond a limit: to the engine the same as a disk that is full."""
    site.write("a.csv", [read(meter="GOOD")])
    site.land()
    lines = [read(meter=f"{number * 7919 % 99991}-{number}", kwh=number * 0.37) for number in range(200_000)]
    site.write("b.csv", lines)
    child = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(site.folder)], capture_output=True, text=True, env=dict(os.environ)
    )
    assert child.returncode == 3, child.stderr[-2000:]
    assert "b.csv" in child.stdout
    assert "the disk is full" in child.stdout
    assert "Free space" in child.stdout
    assert site.rows("select meter_id from raw.meter_reads") == [("GOOD",)], "what was loaded before is intact"
    site.land()
    assert site.account() == (200_001, 200_001, 0, 0)


def test_unknown_file_system_path_is_only_a_hint(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    assert site.land() == []
    assert "no file matches" in caplog.text


def test_remote_files_are_read_through_fsspec(site: Site, read: Read) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe_file("/reads/a.csv", "\n".join([HEADER, read()]).encode())
    site.reads(path="memory://reads/*.csv")
    site.land()
    assert site.account() == (1, 1, 0, 0)
    assert Path("reads").exists() is False

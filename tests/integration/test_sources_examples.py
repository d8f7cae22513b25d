"""Every example lands as its comments say, and ``meterwise sources check`` understands it or says what is wrong."""

import shutil
import sqlite3
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from meterwise.commands.sources import app
from meterwise.ingest import land
from meterwise.settings import Settings
from meterwise.sources.check import check
from meterwise.warehouse import Warehouse

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def installed(folder: Path, name: str) -> Settings:
    """A copy of an example, ready to land."""
    copy = folder / name
    shutil.copytree(EXAMPLES / name, copy)
    if (copy / "crm.sql").exists():
        with sqlite3.connect(copy / "crm.db") as connection:
            connection.executescript((copy / "crm.sql").read_text())
        sources = (copy / "sources.yml").read_text()
        (copy / "sources.yml").write_text(sources.replace("sqlite:///crm.db", f"sqlite:///{copy}/crm.db"))
    return Settings(home=copy / "home", sources_file=copy / "sources.yml", last_date=date(2026, 7, 15))


@pytest.mark.parametrize(
    ("name", "reads", "kwh"),
    [
        pytest.param("long", 6, 2.022, id="long"),
        pytest.param("wide", 2 * (96 + 92 + 96), None, id="wide_over_the_spring_change"),
        pytest.param("matrix", 8, 2.325, id="matrix"),
        pytest.param("registers", 3, 0.85, id="registers"),
    ],
)
def test_example_lands(tmp_path: Path, name: str, reads: int, kwh: float | None) -> None:
    settings = installed(tmp_path, name)
    land("meter_reads", "2026-07-15", settings)
    found = Warehouse(settings).arrow(
        "select count(*) as reads, sum(consumption_kwh)::double as kwh from raw.meter_reads"
    )
    (row,) = found.to_pylist()
    assert row["reads"] == reads
    assert kwh is None or row["kwh"] == pytest.approx(kwh)
    assert Warehouse(settings).arrow("select * from raw.quarantine").num_rows == 0
    assert [source.problem for source in check(settings)] == [None]


def test_crm_example_lands(tmp_path: Path) -> None:
    settings = installed(tmp_path, "sql")
    assert len(land("crm", "2026-07-15", settings)) == 3
    rows = Warehouse(settings).arrow(
        "select customer_id, customer_class, attributes from raw.crm_customers order by customer_id"
    )
    assert rows.to_pylist()[0] == {
        "customer_id": "C1",
        "customer_class": "household",
        "attributes": '{"building":"house","persons":3}',
    }
    assert Warehouse(settings).arrow("select * from raw.crm_contracts").num_rows == 2
    assert [source.problem for source in check(settings)] == [None, None, None]


def test_check_says_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    settings = installed(tmp_path, "long")
    path = settings.sources_file
    text = path.read_text()
    path.write_text(text.replace('delimiter: ";"', 'delimiter: ","'))
    (understood,) = check(settings)
    assert "semicolon" in str(understood.problem)
    path.write_text(text.replace("interval_minutes: 30", "interval_minutes: 15").replace("unit: kWh", "unit: MWh"))
    (understood,) = check(settings)
    assert any("reads are 30 minutes apart" in note for note in understood.notes)


def test_check_matches_meters_with_customers_and_tells_the_unit(tmp_path: Path) -> None:
    settings = installed(tmp_path, "sql")
    folder = settings.sources_file.parent
    reads = [f"{meter},2026-07-01T{hour:02d}:00Z,400" for meter in ("A-1001", "A-1002", "X-1") for hour in range(24)]
    (folder / "reads.csv").write_text("\n".join(["serial,at,wh", *reads]) + "\n")
    text = settings.sources_file.read_text() + READS
    settings.sources_file.write_text(text)

    *_, found = check(settings)

    assert (found.unit, found.daily_kwh, found.interval_minutes) == ("Wh", pytest.approx(9.6), 60)
    assert (found.meters, found.meters_matched, found.customers_matched) == (3, 2, 2)
    assert any("1 meters find no customer" in note for note in found.notes)

    # One customer with two meters is one customer.
    settings.sources_file.write_text(text.replace("select no, customer,", "select no, 'C1' as customer,"))
    *_, found = check(settings)
    assert (found.meters_matched, found.customers_matched) == (2, 1)


READS = """
  reads:
    table: meter_reads
    kind: files
    path: reads.csv
    columns: {meter_id: serial, interval_start_utc: at, consumption_kwh: wh}
    interval_minutes: 60
    unit: Wh
"""


def test_check_asks_whether_rows_are_deleted_in_a_database(tmp_path: Path) -> None:
    settings = installed(tmp_path, "sql")
    assert [source.notes for source in check(settings)] == [(), (), ()]
    text = settings.sources_file.read_text()
    settings.sources_file.write_text(text.replace("    compare_keys: true\n", ""))
    asked = [source.source for source in check(settings) if any("`compare_keys: true`" in n for n in source.notes)]
    assert asked == ["crm_contracts", "meters"], "crm_customers still says it, with a comment behind"


def test_check_command_fails_when_a_source_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = installed(tmp_path, "long")
    monkeypatch.setattr("meterwise.sources.check.get_settings", lambda: settings)
    good = CliRunner().invoke(app, ["check"], env={"COLUMNS": "220"})
    assert good.exit_code == 0, good.output
    assert "1 sources understood" in good.output
    (settings.sources_file.parent / "reads.csv").write_text("")
    bad = CliRunner().invoke(app, ["check"], env={"COLUMNS": "220"})
    assert bad.exit_code == 1
    assert "is empty (0 bytes)" in bad.output

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

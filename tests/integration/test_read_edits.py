"""A read that a person edited: it lands, counts, and stays whatever is delivered later; the trail says who and why."""

from datetime import date, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from meterwise import planning, transform
from meterwise.cli import app
from meterwise.editing import asked, edits
from meterwise.ingest import accept, land
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

SOURCES = """
utility: {name: Tiny Power, timezone: Europe/Berlin, country: DE, currency: EUR}
sources:
  reads:
    table: meter_reads
    kind: files
    path: "*.csv"
    columns: {meter_id: meter, interval_start_utc: start, consumption_kwh: kwh}
    timezone: UTC
    interval_minutes: 60
"""
LEDGER = (
    "stg_meter_reads stg_register_reads stg_meters stg_service_points stg_crm_customers stg_crm_contracts "
    "validation_rules intermediate.validation int_usage_hourly_ledger "
    "int_usage_daily_ledger"
)
TEN = datetime(2026, 3, 2, 9)
"""Ten o'clock in Berlin."""


class Utility:
    """A folder of files, and a clock."""

    def __init__(self, folder: Path, database_url: str) -> None:
        (folder / "sources.yml").write_text(SOURCES, encoding="utf-8")
        self.folder = folder
        self.start = Settings(
            home=folder / "home", sources_file=folder / "sources.yml", database_url=SecretStr(database_url)
        )
        self.settings = self.start

    def at(self, day: str) -> None:
        """Set the clock to the end of a day."""
        self.settings = self.start.model_copy(update={"last_date": date.fromisoformat(day)})

    def deliver(self, name: str, lines: list[str]) -> None:
        """A file of reads arrives, and all that is new lands."""
        (self.folder / name).write_text("\n".join(["meter,start,kwh", *lines]) + "\n")
        self.land()

    def land(self) -> None:
        """Land what is new."""
        day = str(self.settings.last_date)
        accept(land("meter_reads", day, self.settings), self.settings)

    def edit(self, kwh: str) -> None:
        """Record an edit of the read at ten."""
        span = asked.of_span("M1", "2026-03-02T10:00", None, kwh, "import", None)
        edits.record(edits.preview(span, settings=self.settings), f"display says {kwh}", "A. Fitter", self.settings)

    def build(self) -> float:
        """Build the ledger; returns the energy of 2 March as it is known on the clock's day."""
        day = str(self.settings.last_date)
        transform.build(LEDGER, [day], self.settings)
        query = "select sum(delta_kwh)::double as kwh from intermediate.int_usage_daily_ledger where local_date = $day"
        query += " and known_on <= $known_on::date"
        found = Warehouse(self.settings).arrow(query, {"day": TEN.date(), "known_on": day})
        return float(found["kwh"][0].as_py())

    def at_ten(self) -> tuple[str, float]:
        """Quality and value of the read at ten, after validation."""
        found = Warehouse(self.settings).arrow(
            "select quality_code, consumption_kwh::double as kwh from intermediate.int_checked_reads "
            "where interval_start_utc = $ten order by received_at_utc desc, load_id desc, version_no desc limit 1",
            {"ten": TEN},
        )
        return found["quality_code"][0].as_py(), found["kwh"][0].as_py()


@pytest.fixture
def utility(tmp_path: Path, postgres_server: EmbeddedPostgres) -> Utility:
    return Utility(tmp_path, postgres_server.create_database("edited"))


def test_an_edit_stands_until_the_next(utility: Utility, monkeypatch: pytest.MonkeyPatch) -> None:
    utility.at("2026-03-04")
    hours = [f"2026-03-{day:02d}T{hour:02d}:00" for day in (1, 2, 3) for hour in range(24)]
    utility.deliver("a.csv", [f"M1,{hour},1" for hour in hours])
    utility.edit("5")
    before = planning.accepted_loads(utility.settings)
    utility.land()  # by another process than the one that recorded it: nothing but the record carries it
    assert planning.accepted_loads(utility.settings) == before + 1, "a build by the clock finds something new"
    assert utility.build() == 24 - 1 + 5
    assert utility.at_ten() == ("edited", 5)

    utility.at("2026-03-05")
    utility.deliver("b.csv", ["M1,2026-03-02T09:00,9", "M1,2026-03-02T10:00,2"])
    assert utility.build() == 24 - 1 + 5 - 1 + 2, "the other read of the file counts, the edited one stands"
    assert utility.at_ten() == ("edited", 5)

    utility.at("2026-03-06")
    utility.edit("6")
    utility.land()
    assert utility.at_ten() == ("edited", 6)
    monkeypatch.setattr("meterwise.editing.edits.get_settings", lambda: utility.settings)
    told = CliRunner().invoke(app, ["reads", "history", "M1"], env={"COLUMNS": "200"})
    lines = [line for line in told.output.splitlines() if "A. Fitter" in line]
    assert [("display says 5" in line, "display says 6" in line) for line in lines] == [(True, False), (False, True)]
    assert "measured" in lines[0]
    assert "edited" in lines[1]

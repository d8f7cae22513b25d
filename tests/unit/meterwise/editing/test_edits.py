"""What can be edited, what cannot, and how edits land: each once, whatever happens."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from landing_site import Site, on_both_engines
from pydantic import SecretStr
from typer.testing import CliRunner

from meterwise.cli import app
from meterwise.database import connect
from meterwise.editing import asked, edits, records
from meterwise.editing.asked import EditError
from meterwise.ingest import LandingError, land
from meterwise.ingest import edits as edits_source

NOON = datetime(2026, 7, 1, 12)


@pytest.fixture
def reads(site: Site, database: Any, read: Any) -> Site:
    """Half-hours of 1 kWh from noon (UTC) on, of M1 all, of M2 without the one of 13:00, of M3 none."""
    site.reads()
    site.settings = site.settings.model_copy(update={"database_url": database.database_url})
    starts = [f"2026-07-01 {12 + n // 2}:{n % 2 * 30:02d}" for n in range(6)]
    lines = [read(m, start) for m in ("M1", "M2") for start in starts if (m, start[11:]) != ("M2", "13:00")]
    site.write("a.csv", lines)
    columns = {"meter_id": "meter", "service_point_id": "point", "installed_on": "installed"}
    site.source("meters", kind="files", path="meters.csv", columns=columns)
    (site.folder / "meters.csv").write_text(
        "meter,point,installed\n" + "\n".join(f"M{n},P{n},2025-01-01" for n in (1, 2, 3)) + "\n"
    )
    site.land()
    return site


def span(start: str, end: str | None = None, kwh: str = "2.5", meter: str = "M1", **more: Any) -> pa.Table:
    given = {"channel": "import", "interval_minutes": None} | more
    return asked.of_span(meter, start, end, kwh, **given)


def edit(site: Site, *args: Any, **more: Any) -> pa.Table:
    found = edits.preview(span(*args, **more), settings=site.settings)
    edits.record(found, "meter was read by hand", "A. Fitter", site.settings)
    return found


@on_both_engines
def test_edits_land_once_as_versions_that_say_so(reads: Site) -> None:
    # 14:00 in Berlin is noon in UTC.
    found = edit(reads, "2026-07-01T14:00", "2026-07-01T15:00").to_pylist()
    (missing,) = edit(reads, "2026-07-01T13:00Z", meter="M2").to_pylist()

    assert [(row["interval_start_utc"], float(row["before_kwh"]), row["before_quality"]) for row in found] == [
        (NOON, 1.0, "measured"),
        (NOON.replace(minute=30), 1.0, "measured"),
    ]
    assert (missing["interval_minutes"], missing["before_kwh"], missing["before_quality"]) == (30, None, None)
    for _ in range(2):
        assert reads.land() == []  # nothing waits for a check: a person answers for it
    assert reads.current()["M2", NOON.replace(hour=13)] == 2.5
    assert reads.rows(
        "select version_no, quality_code, quality_reason, consumption_kwh::double from raw.meter_reads "
        f"where meter_id = 'M1' and interval_start_utc = timestamp '{NOON}' order by version_no"
    ) == [(1, "measured", None, 1.0), (2, "edited", None, 2.5)]
    assert reads.rows("select state, accepted_rows, origin from raw.load_audit where source = 'edits'") == [
        ("accepted", 3, "ops.read_edits")
    ]


def test_the_last_edit_holds_also_when_its_database_was_lost_since(reads: Site) -> None:
    edit(reads, "2026-07-01T12:00Z")
    (second,) = edit(reads, "2026-07-01T12:00Z", kwh="4").to_pylist()

    assert (float(second["before_kwh"]), second["before_quality"]) == (2.5, "edited")  # landed or not
    reads.land()
    assert reads.current()["M1", NOON] == 4.0
    assert [float(row["after_kwh"]) for row in records.trail("M1", NOON, None, reads.settings)] == [2.5, 4.0]
    assert records.trail("M1", None, NOON, reads.settings) == []
    with connect(reads.settings) as connection:
        connection.execute("drop schema ops cascade")  # numbers begin again
    edit(reads, "2026-07-01T12:30Z", kwh="7")
    reads.land()
    assert reads.current()["M1", NOON] == 4.0
    assert reads.current()["M1", NOON.replace(minute=30)] == 7.0


def test_a_landing_that_fails_or_dies_leaves_the_edits_to_the_next(
    reads: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(reads, "2026-07-01T12:00Z")
    nowhere = SecretStr("postgresql://meterwise:none@127.0.0.1:1/meterwise")

    with pytest.raises(LandingError, match=r"source edits.*lands with the next landing"):
        land("meter_reads", "2026-07-15", reads.settings.model_copy(update={"database_url": nowhere}))
    with monkeypatch.context() as patch:
        patch.setattr(edits_source.sql, "record_cursor", die)
        with pytest.raises(KeyboardInterrupt):
            land("meter_reads", "2026-07-15", reads.settings)
    assert reads.current()["M1", NOON] == 1.0
    reads.land()
    assert reads.current()["M1", NOON] == 2.5
    assert reads.rows("select count(*) from raw.load_audit where source = 'edits'") == [(1,)]


def die(*_: Any) -> None:
    raise KeyboardInterrupt


REFUSED = {
    "neither this meter nor a read": span("2026-07-01T12:00Z", meter="M9"),
    "the time cannot be read": span("noon"),
    "not the start of one of": span("2026-07-01T12:10Z"),
    "the end is not the end of a later interval": span("2026-07-01T12:00Z", "2026-07-01T12:40Z"),
    "the end is not the end": span("2026-07-01T12:00Z", "2026-07-01T11:00Z"),
    "has not ended yet": span("2026-07-16T12:00Z"),
    "does not exist": span("2026-03-29T02:30"),
    "repeats this local time": span("2025-10-26T02:30"),
    "the value is not a number": span("2026-07-01T12:00Z", kwh="much"),
    "--allow-negative": span("2026-07-01T12:00Z", kwh="-1"),
    "the channel is not": span("2026-07-01T12:00Z", channel="gas"),
    "no read says how long its": span("2026-07-01T12:00Z", meter="M3"),
    "no read says how long": span("2026-07-01T12:00Z", channel="export"),
    "is not one of 5, 15": span("2026-07-01T12:00Z", interval_minutes=7),
}


def test_what_cannot_be_is_refused_in_words(reads: Site) -> None:
    rows = pa.concat_tables(REFUSED.values()).drop_columns("line")
    every = rows.append_column("line", pa.array(range(1, len(rows) + 1)))
    with pytest.raises(EditError) as refused:
        edits.preview(every, settings=reads.settings)
    lines = str(refused.value).splitlines()[1:]
    assert [told in line for told, line in zip(REFUSED, lines, strict=True)] == [True] * len(REFUSED)
    with pytest.raises(EditError, match="row 1: there is a read of 30 minutes, not 60"):
        edits.preview(span("2026-07-01T12:00Z", interval_minutes=60), settings=reads.settings)
    one = edits.preview(span("2026-07-01T12:00Z", kwh="-1"), True, reads.settings)
    for reason, author in (("", "me"), ("because", "  ")):
        with pytest.raises(EditError, match="needs a reason and an author"):
            edits.record(one, reason, author, reads.settings)


def test_a_file_of_edits_is_one_edit_and_a_faulty_row_spoils_it(reads: Site, tmp_path: Path) -> None:
    path = tmp_path / "edits.csv"
    path.write_text("meter_id,interval_start,kwh\nM1,2026-07-01T12:00Z,2\nM2,2026-07-01T14:30,3.25\n")
    found = edits.preview(asked.of_csv(path, "import", None), settings=reads.settings)

    assert [(row["meter_id"], float(row["after_kwh"])) for row in found.to_pylist()] == [("M1", 2.0), ("M2", 3.25)]
    path.write_text("meter_id,interval_start,kwh\nM1,2026-07-01T12:00Z,2\nM1,2026-07-01T14:00,2\nM1,soon,2\n")
    with pytest.raises(EditError, match="row 4: the time cannot be read"):
        edits.preview(asked.of_csv(path, "import", None), settings=reads.settings)
    path.write_text("meter_id,interval_start,kwh\nM1,2026-07-01T12:00Z,2\nM1,2026-07-01T14:00,2\n")
    with pytest.raises(EditError, match="row 3: the same interval is named twice"):
        edits.preview(asked.of_csv(path, "import", None), settings=reads.settings)
    path.write_text("meter,start\nM1,2\n")
    with pytest.raises(EditError, match="Missing: interval_start, kwh, meter_id; unknown: meter, start"):
        asked.of_csv(path, "import", None)


def test_the_command_shows_what_would_change_and_asks(reads: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meterwise.editing.edits.get_settings", lambda: reads.settings)
    given = [
        "reads",
        "edit",
        "M1",
        "--from",
        "2026-07-01T14:00",
        "--to",
        "2026-07-01T15:00",
        "--kwh",
        "2.5",
        "--reason",
    ]

    def run(*arguments: str, answer: str = "") -> str:
        done = CliRunner().invoke(app, arguments, input=answer, env={"COLUMNS": "200"})
        return f"{done.exit_code} {done.output}"

    asked_for = run(*given, "display read", "--author", "A. Fitter", answer="n")
    assert "2 read(s) of 1 meter(s), 0 of them missing so far: 2.000 kWh before, 5.000 kWh after." in asked_for
    assert "1 " in asked_for[:2]
    assert "No read of M1 was edited" in run("reads", "history", "M1")
    assert "0 " in run(*given, "display read", "--author", "A. Fitter", "--yes")[:2]
    told = run("reads", "history", "M1", "--from", "2026-07-01T14:30")
    assert told.count("display read") == 1
    assert "A. Fitter" in told
    assert "1 'noon' is not a time" in run("reads", "history", "M1", "--to", "noon")
    assert "1 Say which reads" in run("reads", "edit", "M1", "--reason", "x", "--author", "y")

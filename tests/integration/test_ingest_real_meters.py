"""Real meters, each mapped by the example's ``sources.yml`` alone."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from meterwise.ingest import accept, land
from meterwise.settings import Settings
from meterwise.sources.check import check
from meterwise.warehouse import Warehouse

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"


def installation(folder: Path, name: str, file: str, last_date: str) -> Settings:
    """An installation with the example's sources and the real file beside them."""
    if not (DATA / name / file).exists():
        pytest.skip(f"The real data {name}/{file} are not on this machine.")
    shutil.copy(ROOT / "examples" / name / "sources.yml", folder)
    (folder / file).symlink_to(DATA / name / file)
    return Settings(home=folder / "home", sources_file=folder / "sources.yml", last_date=date.fromisoformat(last_date))


def test_swiss_homes_wide_quarter_hours(tmp_path: Path) -> None:
    settings = installation(tmp_path, "swiss_homes", "reads_wide_15min.csv.gz", "2015-12-20")
    load_ids = land("meter_reads", "2015-12-20", settings)
    accept(load_ids, settings)
    account = Warehouse(settings).arrow(
        "select landed_rows, accepted_rows, duplicate_rows, quarantined_rows, suspect_rows from raw.load_audit"
    )
    (row,) = account.to_pylist()
    assert row["landed_rows"] == row["accepted_rows"] == 26_313 * 96
    assert row["duplicate_rows"] == row["quarantined_rows"] == 0
    suspects = Warehouse(settings).arrow(
        "select count(*) filter (consumption_kwh < 0) as negative, "
        "count(*) filter (quality_code = 'suspect' and consumption_kwh < 0) as negative_suspect, "
        "count(*) filter (quality_reason = 'spike') as spikes, count(distinct meter_id) as meters from raw.meter_reads"
    )
    (found,) = suspects.to_pylist()
    assert found["negative"] == found["negative_suspect"] == 15
    assert found["spikes"] >= 1
    assert found["meters"] == 537
    assert land("meter_reads", "2015-12-20", settings) == [], "the same file again changes nothing"


def test_australian_homes_long_half_hours(tmp_path: Path) -> None:
    settings = installation(tmp_path, "australian_homes", "reads_30min.csv.gz", "2014-12-31")
    accept(land("meter_reads", "2014-12-31", settings), settings)
    (row,) = (
        Warehouse(settings).arrow("select landed_rows, accepted_rows, suspect_rows from raw.load_audit").to_pylist()
    )
    assert row["landed_rows"] == row["accepted_rows"] == 293_874
    hours = Warehouse(settings).arrow(
        "select distinct minute(interval_start_utc) as minute, received_at_assumed as assumed from raw.meter_reads"
    )
    assert {(line["minute"], line["assumed"]) for line in hours.to_pylist()} == {(0, True), (30, True)}


def test_sources_check_understands_the_swiss_homes(tmp_path: Path) -> None:
    settings = installation(tmp_path, "swiss_homes", "reads_wide_15min.csv.gz", "2015-12-20")
    (understood,) = check(settings)
    assert understood.problem is None
    assert (understood.interval_minutes, understood.meters, understood.notes) == (15, 537, ())
    assert understood.sampled == 2_000 * 96
    assert understood.daily_kwh is not None
    assert 5 < understood.daily_kwh < 60

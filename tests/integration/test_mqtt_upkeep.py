"""Files of messages are kept as long as they are needed: until a database has them, and a few days more."""

import os
import time
from pathlib import Path

import pytest
from mqtt_site import Installation

from meterwise.backup import files
from meterwise.ingest import land, refuse
from meterwise.ingest.message_files import taken_in
from meterwise.listening.journal import Journal
from meterwise.listening.listener import line_of
from meterwise.tidying import messages

OLD_SECONDS = 8 * 86_400


@pytest.fixture
def site(tmp_path: Path) -> Installation:
    return Installation(tmp_path, 1883)


def received(site: Installation, meter: str) -> Path:
    """A file with one read, received long ago."""
    folder = site.settings.listening_path / "meter_reads"
    with Journal(folder, 60, 1000) as journal:
        payload = b'{"at": "2026-07-01T00:00:00Z", "kwh": 1}'
        journal.append([line_of(f"meters/{meter}/reads", payload, "2026-07-01T00:01:00Z")])
    path = max(folder.glob("*.ndjson"))
    os.utime(path, (time.time() - OLD_SECONDS,) * 2)
    return path


def test_tidy_removes_what_was_landed_long_ago(site: Installation) -> None:
    landed = received(site, "M1")
    site.land()
    waiting = received(site, "M2")
    assert taken_in(site.settings) == {landed}
    assert messages.forget(site.settings) == "messages landed, older than 7 days: 1 files, 0.0 MB"
    assert [landed.exists(), waiting.exists()] == [False, True]
    site.land()
    assert site.rows("select count(*) from raw.meter_reads") == [(2,)]


def test_nothing_was_landed_yet(site: Installation) -> None:
    assert taken_in(site.settings) == set()
    received(site, "M1")
    assert taken_in(site.settings) == set()
    assert not site.settings.warehouse_path.exists()


def test_backup_takes_along_what_no_database_has(site: Installation, tmp_path: Path) -> None:
    received(site, "M1")
    site.land()
    landed = taken_in(site.settings)
    waiting = received(site, "M2")
    files.save_messages(site.settings, tmp_path / "backup", landed)

    other = site.settings.model_copy(update={"home": tmp_path / "other"})
    files.restore_messages(other, tmp_path / "backup")

    (restored,) = other.listening_path.glob("*/*")
    assert (restored.name, restored.read_bytes()) == (waiting.name, waiting.read_bytes())


def test_what_is_being_written_is_saved_up_to_now(site: Installation, tmp_path: Path) -> None:
    folder = site.settings.listening_path / "meter_reads"
    with Journal(folder, 60, 1000) as journal:
        journal.append(["{}"])
        files.save_messages(site.settings, tmp_path, set())
    (saved,) = (tmp_path / files.MESSAGES).glob("*/*.part")
    assert saved.read_text() == "{}\n"


def test_a_refused_load_is_not_landed_again(site: Installation) -> None:
    received(site, "M1")
    refuse(land("meter_reads", "2026-07-15", site.settings), "a check said no", site.settings)
    assert land("meter_reads", "2026-07-15", site.settings) == []
    assert site.rows("select count(*) from raw.quarantine") == [(1,)]

"""A landing that is killed at any point and run again leaves the same tables as one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from landing_site import Site

LAND = """
import sys
from pathlib import Path
from meterwise.ingest import land
from meterwise.settings import Settings
folder = Path(sys.argv[1])
print("begin", flush=True)
settings = Settings(home=folder / "home", sources_file=folder / "sources.yml", last_date="2026-07-15")
land("meter_reads", "2026-07-15", settings)
"""

ROWS = "select * exclude (landed_at_utc) from raw.meter_reads order by meter_id, interval_start_utc, version_no"
ACCOUNT = "select * exclude (seconds, loaded_at_utc, origin_version) from raw.load_audit order by load_id"


def filled(folder: Path) -> Site:
    folder.mkdir()
    site = Site(folder)
    site.reads(path="in/*.csv")
    for number in range(8):
        lines = [f"M{meter},import,2026-07-01 00:00,{number % 3},2026-07-0{2 + number // 2}" for meter in range(8000)]
        site.write(f"{number}.csv", [*lines, "M1,import,never,1,2026-07-02"])
    return site


def test_killed_and_run_again_equals_undisturbed(tmp_path: Path) -> None:
    undisturbed = filled(tmp_path / "undisturbed")
    undisturbed.land()
    killed = filled(tmp_path / "killed")
    interrupted = 0
    for wait_seconds in (0.1, 0.35, 0.6):
        command = [sys.executable, "-c", LAND, str(killed.folder)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ), cwd=killed.folder)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(wait_seconds)
        interrupted += child.poll() is None
        child.send_signal(signal.SIGKILL)
        child.wait()
    if not interrupted:
        pytest.skip("This machine lands faster than the test kills.")
    killed.land()
    assert killed.rows(ROWS) == undisturbed.rows(ROWS)
    strip = str(tmp_path)
    accounts = [
        [tuple(str(cell).replace(f"{strip}/{name}", "") for cell in row) for row in site.rows(ACCOUNT)]
        for site, name in ((killed, "killed"), (undisturbed, "undisturbed"))
    ]
    assert accounts[0] == accounts[1]

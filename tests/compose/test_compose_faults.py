"""Parts of the team's server are killed and stopped while a day goes through it; readers see whole versions only."""

import os
import random
import signal
import subprocess
import time
from contextlib import suppress

import pytest

from chaos.reader import Reader
from compose.server import OURS, THIRD, Server

pytestmark = [pytest.mark.drills, pytest.mark.timeout(2400)]
SECONDS_BETWEEN = 15
BEGINNINGS = 6
ACCOUNT = """
select
    (select sum(accepted_rows) from raw.load_audit where table_name = 'meter_reads' and state = 'accepted'),
    (select count(*) from raw.meter_reads),
    (select count(distinct (meter_id, channel, interval_start_utc, version_no)) from raw.meter_reads),
    (select count(*) from raw.load_audit where state = 'landed')
"""


def test_a_day_survives_kills_and_stops_of_every_service(server: Server) -> None:
    seed = os.environ.get("CHAOS_SEED") or str(time.time_ns())
    print(f"Repeat the order of these faults with CHAOS_SEED={seed}", flush=True)  # noqa: T201
    server.set(METERWISE_LAST_DATE=THIRD)
    server.hand_over(THIRD)
    server.make("up")
    faults = ["kill " + service for service in (*OURS, "postgres", "seaweedfs")] + ["stop seaweedfs", "stop postgres"]
    random.Random(seed).shuffle(faults)

    with Reader(server.administrator) as reader, (server.folder / "faults.log").open("w+") as told:
        for _ in range(BEGINNINGS):
            run = server.begin(THIRD, told)
            while faults and is_going_on(run, SECONDS_BETWEEN):
                disturb(server, faults.pop())
            if run.wait(1200) == 0 and not faults:
                break
            told.seek(0)
            assert "Traceback" not in told.read()
        else:
            told.seek(0)
            pytest.fail(f"{THIRD} was not published in {BEGINNINGS} beginnings: {told.read()[-3000:]}")

    assert not reader.trouble
    assert reader.polls > 50
    with server.administrator() as connection:
        landed, kept, keys, waiting = connection.execute(ACCOUNT).fetchone() or (None,) * 4
        shown = connection.execute("select distinct as_of_date from published.customer_segments").fetchall()
    assert landed == kept == keys > 0
    assert waiting == 0
    assert shown == [(THIRD,)]


def is_going_on(run: "subprocess.Popen[bytes]", seconds: float) -> bool:
    with suppress(subprocess.TimeoutExpired):
        run.wait(seconds)
    return run.poll() is None


def disturb(server: Server, fault: str) -> None:
    """Kill the first process of a service, which its restart policy starts again, or stop and start the service."""
    print(fault, flush=True)  # noqa: T201
    what, service = fault.split(" ", 1)
    if what == "stop":
        server.compose("stop", service)
        time.sleep(10)
        server.compose("start", service)
        return
    for container in server.containers(service):
        if process := container["State"]["Pid"]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

"""Listener and broker are killed in mid-stream, again and again: nothing is lost, nothing is there twice."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from mqtt_site import Broker, Installation, broker_at, publish, read, wait_for

from meterwise.settings import as_environment

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]
METERS = 200
READS = (
    "select count(*), count(distinct (meter_id, interval_start_utc)), sum(consumption_kwh)::double from raw.meter_reads"
)


class ListenerProcess:
    """``meterwise listen`` in a process of its own."""

    def __init__(self, site: Installation) -> None:
        self.site = site
        self.log = site.folder / "listener.log"
        self.log.touch()
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "meterwise.cli", "listen"]
        with self.log.open("ab") as log, self.listens_anew():
            self.process = subprocess.Popen(command, env=as_environment(self.site.settings), stdout=log, stderr=log)

    @contextmanager
    def listens_anew(self) -> Iterator[None]:
        known = self._times()
        yield
        wait_for(lambda: self._times() > known)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0

    def _times(self) -> int:
        return self.log.read_text().count("listening to")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with broker_at(tmp_path) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, broker: Broker) -> Installation:
    return Installation(tmp_path, broker.port, "land_seconds: 2")


def quarter_hour(quarter: int) -> list[tuple[str, str]]:
    return [read(meter, quarter, kwh=quarter / 100) for meter in range(METERS)]


def assert_each_read_once(site: Installation, quarters: int) -> None:
    site.land()
    kwh = METERS * sum(range(quarters)) / 100
    assert site.rows(READS) == [(METERS * quarters, METERS * quarters, pytest.approx(kwh))]
    assert site.rows("select count(*) from raw.quarantine") == [(0,)]


def test_listener_is_killed(site: Installation) -> None:
    listener, chance, sent, ended = ListenerProcess(site), random.Random(7), [], threading.Event()

    def stream() -> None:
        while not ended.wait(0.2):
            publish(site.port, quarter_hour(len(sent)))
            sent.append(len(sent))

    gateway = threading.Thread(target=stream)
    gateway.start()
    for number in range(8):
        time.sleep(chance.uniform(0, 1.5))
        listener.kill()
        listener.start()
        if number % 3 == 0:
            site.land()  # while it listens
    ended.set()
    gateway.join()
    wait_for(lambda: site.kept() >= METERS * len(sent))
    listener.end()
    assert_each_read_once(site, len(sent))


def test_broker_is_killed(site: Installation, broker: Broker) -> None:
    """Its memory is gone; gateways that lost it send their last minutes again, as gateways do."""
    listener, chance, rounds, in_a_round = ListenerProcess(site), random.Random(11), 8, 5
    before: list[tuple[str, str]] = []
    for number in range(rounds):
        minutes = [message for quarter in range(in_a_round) for message in quarter_hour(number * in_a_round + quarter)]
        gateway = threading.Thread(target=_try_to_publish, args=[site.port, minutes])
        gateway.start()
        time.sleep(chance.uniform(0, 0.4))
        with listener.listens_anew():
            broker.kill()
            gateway.join()
            broker.start()
        publish(site.port, before + minutes)  # those before were with the broker still if the listener was killed, too
        before = minutes
        if number % 3 == 0:
            listener.kill()
            listener.start()
    reads = METERS * rounds * in_a_round
    wait_for(lambda: _distinct(site) == reads)
    listener.end()
    assert_each_read_once(site, rounds * in_a_round)


def _try_to_publish(port: int, messages: list[tuple[str, str]]) -> None:
    with suppress(OSError, RuntimeError, ValueError):
        publish(port, messages, seconds=5)


def _distinct(site: Installation) -> int:
    files = (site.settings.listening_path / "meter_reads").glob("*.ndjson*")
    lines = [json.loads(line) for path in files for line in path.read_bytes().splitlines() if line.endswith(b"}")]
    return len({(line["_topic"], line["_payload"]) for line in lines})

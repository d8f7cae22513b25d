"""Messages of a real broker end in raw.meter_reads, each read once, whatever comes twice, broken or in a flood."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from mqtt_site import Broker, Installation, broker_at, publish, read, wait_for

from meterwise import quarantine
from meterwise.settings import as_environment
from meterwise.sources.check import check
from meterwise.stack.processes import end
from meterwise.stack.stack import Stack
from meterwise.stack.state import any_free_port

READS = "select count(*), count(distinct (meter_id, interval_start_utc)) from raw.meter_reads"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker_at(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, broker: Broker, request: pytest.FixtureRequest) -> Installation:
    return Installation(tmp_path, broker.port, f"client_id: {request.node.name}")


def test_a_quarter_hour_of_ten_thousand_meters(site: Installation) -> None:
    with site.listening() as listener:
        began = time.process_time()  # of gateway and listener; how long it takes says more of the machine's other work
        publish(site.port, (read(meter) for meter in range(10_000)))
        wait_for(lambda: listener.messages == 10_000)
        cpu_seconds = time.process_time() - began
    site.land()
    assert site.rows(READS) == [(10_000, 10_000)]
    assert site.rows("select sum(consumption_kwh)::double from raw.meter_reads") == [(2500.0,)]
    assert cpu_seconds < 8


def test_what_comes_while_nobody_listens_waits_and_what_comes_again_is_a_duplicate(site: Installation) -> None:
    with site.listening():
        """The broker knows the session from now on."""
    publish(site.port, [read(meter) for meter in range(300)])
    with site.listening() as listener:
        wait_for(lambda: listener.messages == 300)
    site.land()
    with site.listening() as listener:
        publish(site.port, [*(read(meter) for meter in range(300)), read(0, kwh=0.5), read(1, quarter=1)])
        wait_for(lambda: listener.messages == 302)
    site.land()
    assert site.rows(READS) == [(302, 301)]
    assert site.rows(
        "select version_no, consumption_kwh::double from raw.meter_reads where meter_id = 'M0' order by received_at_utc"
    ) == [(1, 0.25), (2, 0.5)]
    assert site.rows("select sum(duplicate_rows)::int from raw.load_audit") == [(300,)]


def test_a_flood_of_messages_that_are_no_reads_stops_no_read(site: Installation) -> None:
    odd = [(f"meters/X{number % 3}/reads", b"\x00\xffno read") for number in range(2000)]
    empty = ("meters/X9/reads", json.dumps({"at": "yesterday", "kwh": None}))
    with site.listening() as listener:
        publish(site.port, [*odd[:1900], read(1), empty, *odd[1900:], read(2)])
        wait_for(lambda: listener.messages == 2003)
    site.land()
    assert site.rows(READS) == [(2, 2)]
    groups = quarantine.overview(site.settings).to_pylist()
    assert sum(group["rows"] for group in groups) == 2001
    told = {group["origin"].rsplit(", topic ", 1)[1]: group["reason"] for group in groups}
    assert told == {
        **dict.fromkeys(("meters/X0/reads", "meters/X1/reads", "meters/X2/reads"), "the message is no JSON"),
        "meters/X9/reads": "interval_start_utc: not a time; consumption_kwh: missing",
    }


def test_a_wrong_mapping_loses_nothing(site: Installation) -> None:
    batch = json.dumps([{"time": f"2026-07-01T00:{minute:02d}:00Z", "kwh": 1} for minute in (0, 15, 30)])
    with site.listening() as listener:
        publish(site.port, [("meters/M1/reads", batch), ("meters/M2/reads", "null")])
        wait_for(lambda: listener.messages == 2)
    site.land()
    assert site.rows(READS) == [(0, 0)]
    settings = site.settings
    path = settings.sources_file
    path.write_text(path.read_text().replace("interval_start_utc: at", "interval_start_utc: time"))
    (load,) = quarantine.replay(settings=settings)
    assert load.accepted == 3
    assert quarantine.replay(settings=settings) == []


def test_mqtt_5(tmp_path: Path) -> None:
    with broker_at(tmp_path, "v5") as broker:
        site = Installation(tmp_path, broker.port, "mqtt_version: 5")
        with site.listening() as listener:
            publish(site.port, [read(1)], version=5)
            wait_for(lambda: listener.messages == 1)
    site.land()
    assert site.rows(READS) == [(1, 1)]


def test_check_understands_what_comes(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meterwise.sources.check.LISTENED_SECONDS", 1.0)
    (silent,) = check(site.settings)
    assert silent.problem is None
    assert "subscribed to meters/+/reads; no message came" in silent.notes[0]
    ended = Event()

    def stream() -> None:
        while not ended.wait(0.1):
            publish(site.port, [read(1), read(2, quarter=1), ("meters/M1/reads", "online")])

    gateway = Thread(target=stream)
    gateway.start()
    (heard,) = check(site.settings)
    ended.set()
    gateway.join()
    assert heard.sampled >= 3
    assert heard.quarantined * 3 == heard.sampled
    assert heard.meters == 2


def test_check_says_that_nobody_is_there(tmp_path: Path) -> None:
    (alone,) = check(Installation(tmp_path, any_free_port()).settings)
    assert "cannot be reached (Connection refused)" in str(alone.problem)


def test_listener_of_the_stack_is_a_part_that_is_started_again(site: Installation) -> None:
    stack = Stack(site.settings)
    assert stack._listens()
    child = stack._listener()
    home = site.settings.home_path
    home.mkdir()
    child.start(as_environment(site.settings), home)
    wait_for(lambda: child.log.read_text().count("listening to") == 1)
    child.kill(home)
    child.start(as_environment(site.settings), home)
    wait_for(lambda: child.log.read_text().count("listening to") == 2)
    publish(site.port, [read(1)])
    wait_for(lambda: site.kept() == 1)
    end([child], home)
    assert child.ended() == "ended with exit code 0"
    site.land()
    assert site.rows(READS) == [(1, 1)]

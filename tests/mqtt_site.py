"""A broker on loopback, gateways that publish, and an installation that listens to them."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from meterwise.ingest import accept, land
from meterwise.listening.listener import Listener
from meterwise.settings import Settings
from meterwise.sources.config import load_sources
from meterwise.stack.state import any_free_port
from meterwise.warehouse import Warehouse

DAY = "2026-07-15"
SOURCES = """
sources:
  meter_reads:
    kind: mqtt
    host: 127.0.0.1
    port: {port}
    topic: meters/{{meter}}/reads
    columns: {{meter_id: meter, interval_start_utc: at, consumption_kwh: kwh}}
    interval_minutes: 15
    {more}
"""
BROKER = """
id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[{version}.1]
name = "test"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[{version}.1.connections]
connection_timeout_ms = 60000
max_payload_size = 4000000
max_inflight_count = 200
"""


@dataclass
class Broker:
    """A broker in a process of its own; it forgets everything when it ends, as one without a disk does."""

    folder: Path
    version: str = "v4"
    port: int = field(default_factory=any_free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = self.folder / "broker.toml"
        config.write_text(BROKER.format(version=self.version, port=self.port))
        command = [sys.executable, "-m", "iotcore", "--config", str(config), "--log-level", "CRITICAL"]
        self.process = subprocess.Popen(command)
        wait_for(lambda: _client("probe").connect("127.0.0.1", self.port) == 0)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextmanager
def broker_at(folder: Path, version: str = "v4") -> Iterator[Broker]:
    broker = Broker(folder, version)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@dataclass
class Installation:
    """An installation with one MQTT source."""

    folder: Path
    port: int
    more: str = ""

    @property
    def settings(self) -> Settings:
        path = self.folder / "sources.yml"
        path.write_text(SOURCES.format(port=self.port, more=self.more))
        return Settings(home=self.folder / "home", sources_file=path)

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """Listen in a thread of this process; at the end what was received has been landed."""
        sources, stop, told = load_sources(settings=self.settings), Event(), []
        listener = Listener(sources.listened["meter_reads"], sources, self.settings, told.append)
        thread = Thread(target=listener.run, args=[stop])
        thread.start()
        try:
            wait_for(lambda: told)
            yield listener
        finally:
            stop.set()
            thread.join()

    def kept(self) -> int:
        """Messages that are on disk."""
        files = (self.settings.listening_path / "meter_reads").glob("*.ndjson*")
        return sum(path.read_bytes().count(b"\n") for path in files)

    def land(self) -> None:
        accept(land("meter_reads", DAY, self.settings), self.settings)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        found = Warehouse(self.settings).arrow(query)
        return list(zip(*found.to_pydict().values(), strict=True))


def publish(
    port: int, messages: Iterable[tuple[str, str | bytes]], name: str = "gateway", version: int = 4, seconds: float = 60
) -> None:
    """Publish as a gateway does; returns when the broker has taken everything.

    Raises:
        OSError, RuntimeError: It has not.
    """
    client = _client(name, version)
    client.max_inflight_messages_set(500)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        for told in [client.publish(topic, payload, qos=1) for topic, payload in messages]:
            told.wait_for_publish(seconds)
            if not told.is_published():
                raise RuntimeError("not published")
    finally:
        client.disconnect()
        client.loop_stop()


def read(meter: int, quarter: int = 0, kwh: float = 0.25) -> tuple[str, str]:
    """A message with one read of a meter."""
    at = (datetime(2026, 7, 1) + quarter * timedelta(minutes=15)).isoformat()
    return f"meters/M{meter}/reads", json.dumps({"at": at, "kwh": kwh})


def wait_for(condition: object, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():  # type: ignore[operator]
                return
        except OSError:
            pass
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def _client(name: str, version: int = 4) -> mqtt.Client:
    return mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTProtocolVersion(version))

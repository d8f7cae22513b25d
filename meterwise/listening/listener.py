"""Listens to one source until it is told to stop: messages go to the journal, and are acknowledged only then."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic

from paho.mqtt.client import MQTTMessage

from meterwise.listening.broker import Connection, ConnectionLostError
from meterwise.listening.journal import Journal
from meterwise.outcomes import RefusedError
from meterwise.settings import Settings
from meterwise.sources.config import RECEIVED_AT, MqttSource, SourcesFile
from meterwise.sources.messages import PAYLOAD, REFUSED, TOO_LONG, TOPIC

WAIT_SECONDS = 0.5
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds before each try of a row of failures; it begins again once a connection has brought messages."""
TOLD_SECONDS = 60.0
SAMPLE_MESSAGES = 10_000
LONGEST_BYTES = 1_000_000
KEPT_BYTES = 10_000
"""Of a message that is longer than the longest that can be a read."""


@dataclass
class Listener:
    """One source, listened to.

    Attributes:
        source: What is listened to.
        sources: The file that it stands in, for the utility's clock.
        settings: Of the installation.
        report: Is told in a line how it goes.
        keeps_trying: Whether what a person must put right is tried again and again too; else that ends it.
        messages: That are safe so far.
        files: That were landed so far.
    """

    source: MqttSource
    sources: SourcesFile
    settings: Settings
    report: Callable[[str], None]
    keeps_trying: bool = False
    messages: int = field(default=0, init=False)
    files: int = field(default=0, init=False)
    _failures: int = field(default=0, init=False)
    _told_at: float = field(default_factory=monotonic, init=False)
    _told: tuple[int, int] = field(default=(0, 0), init=False)

    def run(self, stop: Event) -> None:
        """Listen until ``stop`` is set; what was received is landed then.

        Raises:
            RefusedError: The broker refuses us, a secret is not set or another listener has the source; and it is not
                to be tried again.
        """
        while not stop.is_set():
            known = self.messages
            try:
                self._listen(stop)
            except RefusedError as error:
                if not self.keeps_trying:
                    raise
                self._pause(str(error), known, stop)
            except ConnectionLostError as error:
                self._pause(str(error), known, stop)
            except OSError as error:
                told = f"source {self.source.name}: {self._folder} cannot be written ({error.strerror or error})."
                self._pause(f"{told} Free space or give access; the broker keeps what comes.", known, stop)

    @property
    def _folder(self) -> Path:
        return self.settings.listening_path / self.source.name

    def _listen(self, stop: Event) -> None:
        source = self.source
        with (
            Journal(self._folder, source.land_seconds, source.land_messages) as journal,
            Connection(source, self.settings, self.sources.path.parent) as connection,
        ):
            said = False
            while not stop.is_set():
                found = connection.receive(WAIT_SECONDS)
                if connection.is_subscribed and not said:
                    self.report(f"{source.name}: listening to {source.subscription} on {connection.where}")
                    said = True
                if found:
                    journal.append([self._line(message) for message in found])
                    connection.acknowledge(found)
                    self.messages += len(found)
                self.files += journal.land_if_due()
                self._tell()

    def _line(self, message: MQTTMessage) -> str:
        return line_of(message.topic, message.payload, f"{self.sources.utility.now_utc(self.settings).isoformat()}Z")

    def _pause(self, reason: str, known: int, stop: Event) -> None:
        self._failures = 0 if self.messages > known else self._failures + 1
        seconds = PAUSES[min(self._failures, len(PAUSES) - 1)]
        self.report(f"{reason} Next try in {seconds:.0f} s.")
        stop.wait(seconds)

    def _tell(self) -> None:
        if monotonic() - self._told_at < TOLD_SECONDS:
            return
        messages, files = self.messages - self._told[0], self.files - self._told[1]
        self.report(f"{self.source.name}: {messages:,} messages and {files:,} files in the last minute")
        self._told_at, self._told = monotonic(), (self.messages, self.files)


def sample(source: MqttSource, sources: SourcesFile, settings: Settings, seconds: float) -> list[str]:
    """Return lines of the messages that come in a few seconds; they stay what the listener will be sent.

    Raises:
        BrokerRefusedError, ConnectionLostError: The broker refuses us, or is not there.
        SourcesFileError: A secret is not set.
    """
    messages: list[MQTTMessage] = []
    until = monotonic() + seconds
    with Connection(source, settings, sources.path.parent, f"{source.session}-check") as connection:
        while (left := until - monotonic()) > 0 and len(messages) < SAMPLE_MESSAGES:
            found = connection.receive(left)
            connection.acknowledge(found)
            messages += found
    received_at = f"{sources.utility.now_utc(settings).isoformat()}Z"
    return [line_of(message.topic, message.payload, received_at) for message in messages]


def line_of(topic: str, payload: bytes | bytearray, received_at: str) -> str:
    """Return the line that is kept of a message; bytes that are no text are written out."""
    is_too_long = len(payload) > LONGEST_BYTES
    text = payload[: KEPT_BYTES if is_too_long else None].decode("utf-8", errors="backslashreplace")
    fields = {TOPIC: topic, RECEIVED_AT: received_at, PAYLOAD: text, REFUSED: TOO_LONG if is_too_long else None}
    return json.dumps(fields)

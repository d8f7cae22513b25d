"""One connection to an MQTT broker: what comes in on it, and what of that is acknowledged.

A connection that is lost is not mended but made anew, and with it forgotten what was not acknowledged on it: the broker
sends that again, and may give it another number. All of it happens in the thread that calls.
"""

import ssl
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from meterwise.outcomes import RefusedError
from meterwise.settings import Settings
from meterwise.sources.config import MqttSource

ANSWER_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 30
QUIET_SECONDS = 0.002
"""A batch ends when no further message has come for so long, or at its largest size."""
NEVER_EXPIRES = 0xFFFFFFFF
PASSING = {"Server unavailable", "Server busy", "Quota exceeded", "Connection rate exceeded", "Unspecified error"}
"""Answers of a broker that may be others a little later."""


class ConnectionLostError(RuntimeError):
    """The broker is not there, or is gone; it may come back by itself."""


class BrokerRefusedError(RefusedError):
    """The broker is there and does not want us: user, password, certificate or rights."""


class Connection:
    """A session at a broker, subscribed to the topic of a source.

    Attributes:
        source: What it is subscribed to.
        where: Host and port.
    """

    def __init__(self, source: MqttSource, settings: Settings, folder: Path, client_id: str | None = None) -> None:
        """Prepare a connection; it is made when it is entered.

        Args:
            source: What to subscribe to, and where.
            settings: Hold the user's name and password, where they are secrets.
            folder: Of ``sources.yml``, where a certificate's relative path starts.
            client_id: For a session that ends with the connection; by default the one that the broker keeps.

        Raises:
            SourcesFileError: A secret is not set.
        """
        self.source = source
        self.where = "{}:{}".format(*source.address)
        self._messages: list[mqtt.MQTTMessage] = []
        self._question, self._refusals = ("", ""), list[str]()
        self._is_waiting, self._answer_by = False, 0.0
        self._is_passing = client_id is not None
        self._client = self._make(client_id or source.session)
        self._identify(settings, folder)

    def __enter__(self) -> Self:
        try:
            self._asked("connect", "user, password and client_id")
            self._connect()
            while self._is_waiting:
                self._turn(0.1)
            # Its answer may come behind what waits in the session, so it is looked for while messages are received.
            self._asked(f"subscribe to {self.source.subscription}", "the rights of the user")
            self._client.subscribe(self.source.subscription, qos=1)
        except BaseException:
            self._client.disconnect()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        with suppress(ConnectionLostError):  # the farewell is sent; what came meanwhile will come again
            self._turn(0)

    @property
    def is_subscribed(self) -> bool:
        """Whether the broker has said that messages will come; those of an earlier session may come before."""
        return not self._is_waiting

    def receive(self, wait_seconds: float, most: int = 1000) -> list[mqtt.MQTTMessage]:
        """Return messages that have come, in their order; none after a while without any.

        Raises:
            ConnectionLostError: The connection is gone; what it brought and was not acknowledged comes again.
        """
        if not self._messages:
            self._turn(wait_seconds)
        known = 0
        while known < len(self._messages) < most:
            known = len(self._messages)
            self._turn(QUIET_SECONDS)
        found, self._messages = self._messages, []
        return found

    def acknowledge(self, messages: Iterable[mqtt.MQTTMessage]) -> None:
        """Tell the broker that it may forget these messages."""
        for message in messages:
            if message.qos:
                self._client.ack(message.mid, message.qos)

    def _make(self, client_id: str) -> mqtt.Client:
        is_newer = self.source.mqtt_version == "5"
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if is_newer else self._is_passing,
            protocol=mqtt.MQTTv5 if is_newer else mqtt.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = ANSWER_SECONDS
        client.on_message = lambda *told: self._received(told[2])
        client.on_connect = lambda *told: self._answered([told[3]])
        client.on_subscribe = lambda *told: self._answered(told[3])
        return client

    def _identify(self, settings: Settings, folder: Path) -> None:
        source = self.source
        if source.username is not None:
            password = source.resolved(source.password, settings) if source.password else None
            self._client.username_pw_set(source.resolved(source.username, settings), password)
        if source.speaks_tls:
            authority = folder / source.tls_ca_file if source.tls_ca_file else None
            try:
                self._client.tls_set_context(ssl.create_default_context(cafile=authority))
            except OSError as error:
                raise BrokerRefusedError(
                    f"source {source.name}: tls_ca_file {authority} cannot be used ({error.strerror or error}). "
                    "Correct `tls_ca_file` in sources.yml."
                ) from error

    def _connect(self) -> None:
        host, port = self.source.address
        newer: dict[str, Any] = {}
        if self.source.mqtt_version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 0 if self._is_passing else NEVER_EXPIRES
            newer = {"clean_start": self._is_passing, "properties": properties}
        try:
            self._client.connect(host, port, KEEP_ALIVE_SECONDS, **newer)
        except ssl.SSLCertVerificationError as error:
            raise BrokerRefusedError(
                f"source {self.source.name}: the certificate of {self.where} is not trusted ({error.verify_message}). "
                "Name the authority's certificate as `tls_ca_file` in sources.yml."
            ) from error
        except OSError as error:
            raise self._lost(f"cannot be reached ({error.strerror or error})") from error

    def _asked(self, what: str, cure: str) -> None:
        self._question, self._is_waiting, self._answer_by = (what, cure), True, time.monotonic() + ANSWER_SECONDS

    def _answered(self, codes: Sequence[ReasonCode]) -> None:
        self._is_waiting = False
        self._refusals += [str(code) for code in codes if code.is_failure]

    def _received(self, message: mqtt.MQTTMessage) -> None:
        self._messages.append(message)
        self._answer_by = time.monotonic() + ANSWER_SECONDS

    def _turn(self, wait_seconds: float) -> None:
        """Send and receive once."""
        code = self._client.loop(wait_seconds)
        what, cure = self._question
        for refusal in self._refusals:
            if refusal in PASSING:
                raise self._lost(f"did not let us {what} ({refusal})")
            raise BrokerRefusedError(
                f"source {self.source.name}: the broker {self.where} did not let us {what} ({refusal}). "
                f"Check {cure} in sources.yml and at the broker."
            )
        if code != mqtt.MQTT_ERR_SUCCESS and self._is_waiting:
            raise self._lost(f"hung up when asked to {what}; unless it is just starting, check {cure}")
        if code != mqtt.MQTT_ERR_SUCCESS:
            raise self._lost(f"is gone ({mqtt.error_string(code).rstrip('.').lower()})")
        if self._is_waiting and time.monotonic() > self._answer_by:
            raise self._lost(f"has not answered within {ANSWER_SECONDS:.0f} s when asked to {what}")

    def _lost(self, what: str) -> ConnectionLostError:
        return ConnectionLostError(f"source {self.source.name}: the broker {self.where} {what}.")

"""A broker that does not want us is told from one that is not there."""

import socket
from pathlib import Path
from threading import Event, Thread

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from meterwise.cli import app
from meterwise.listening.broker import BrokerRefusedError, Connection, ConnectionLostError
from meterwise.listening.listener import Listener
from meterwise.settings import Settings, get_settings
from meterwise.sources.config import SourcesFileError, load_sources

SOURCE = """
sources:
  reads:
    table: meter_reads
    kind: mqtt
    host: 127.0.0.1
    port: {port}
    username: gateway
    password: secret:mqtt
    topic: meters/{{meter}}/reads
    columns: {{meter_id: meter, interval_start_utc: at, consumption_kwh: kwh}}
    interval_minutes: 15
"""
BAD_PASSWORD, BUSY = b"\x20\x02\x00\x04", b"\x20\x02\x00\x03"
"""Answers of MQTT 3.1.1 to a client that wants to connect."""


def settings_of(folder: Path, port: int, password: str = "hunter2") -> Settings:
    path = folder / "sources.yml"
    path.write_text(SOURCE.format(port=port))
    return Settings(home=folder / "home", sources_file=path, secrets={"mqtt": SecretStr(password)})


def broker_that_answers(answer: bytes) -> int:
    """A broker for one client; returns its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = server.accept()
        client.recv(1000)
        client.sendall(answer)
        if answer:
            client.recv(1000)
        client.close()
        server.close()

    Thread(target=serve, daemon=True).start()
    port: int = server.getsockname()[1]
    return port


def connect(settings: Settings) -> None:
    sources = load_sources(settings=settings)
    with Connection(sources.listened["reads"], settings, sources.path.parent):
        """Never comes to this."""


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        pytest.param(
            BAD_PASSWORD, BrokerRefusedError, "Bad user name or password.*Check user, password", id="password"
        ),
        pytest.param(BUSY, ConnectionLostError, "did not let us connect", id="busy"),
        pytest.param(b"", ConnectionLostError, "hung up when asked to connect.*check user", id="hangs_up"),
    ],
)
def test_answers(tmp_path: Path, answer: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        connect(settings_of(tmp_path, broker_that_answers(answer)))
    assert "hunter2" not in str(caught.value)


def test_nobody_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectionLostError, match="cannot be reached"):
        connect(settings_of(tmp_path, port))


def test_secret_that_is_not_set(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, 1883).model_copy(update={"secrets": {}})
    with pytest.raises(SourcesFileError, match="METERWISE_SECRETS__MQTT"):
        connect(settings)


def test_listener_that_keeps_trying_says_so(tmp_path: Path) -> None:
    stop, told = Event(), []

    def report(text: str) -> None:
        told.append(text)
        stop.set()

    settings = settings_of(tmp_path, broker_that_answers(BAD_PASSWORD))
    sources = load_sources(settings=settings)
    Listener(sources.listened["reads"], sources, settings, report, keeps_trying=True).run(stop)
    assert "Bad user name or password" in told[0]
    assert "Next try in" in told[0]


def test_command_says_which_sources_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(tmp_path, 1883)
    monkeypatch.setenv("METERWISE_SOURCES_FILE", str(settings.sources_file))
    get_settings.cache_clear()
    try:
        ended = CliRunner().invoke(app, ["listen", "water"])
    finally:
        get_settings.cache_clear()
    assert ended.exit_code == 1
    assert "water is no source of kind mqtt. It has reads" in " ".join(ended.output.split())

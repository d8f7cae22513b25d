"""Payloads of messages become rows; what is no read becomes a row that says why."""

from pathlib import Path

import duckdb
import pytest

from meterwise.listening.listener import LONGEST_BYTES, line_of
from meterwise.settings import Settings
from meterwise.sources import files
from meterwise.sources.config import SourcesFileError, load_sources
from meterwise.sources.messages import TOO_LONG

SOURCE = """
sources:
  meter_reads:
    kind: mqtt
    host: broker.example
    topic: {topic}
    columns: {{meter_id: {meter}, interval_start_utc: at, consumption_kwh: {kwh}}}
    interval_minutes: 15
    {more}
"""
SELECT = 'select meter, "at", kwh, _refused from source_rows order by _line_no'


def settings_of(
    folder: Path, topic: str = "meters/{meter}/reads", meter: str = "meter", kwh: str = "kwh", more: str = ""
) -> Settings:
    path = folder / "sources.yml"
    path.write_text(SOURCE.format(topic=topic, meter=meter, kwh=kwh, more=more))
    return Settings(home=folder / "home", sources_file=path)


def staged(settings: Settings, payloads: list[bytes], query: str = SELECT) -> list[tuple[object, ...]]:
    sources = load_sources(settings=settings)
    folder = settings.listening_path / "meter_reads"
    folder.mkdir(parents=True)
    lines = [line_of("meters/M1/reads", payload, "2026-07-01T00:00:00Z") for payload in payloads]
    (folder / "a.ndjson").write_text("".join(line + "\n" for line in lines))
    source = sources.sources["meter_reads"]
    (url,) = files.list_files(source, sources)  # type: ignore[arg-type]
    with duckdb.connect() as connection, files.open_file(source, url) as file:  # type: ignore[arg-type]
        files.stage(connection, file)
        return connection.execute(query).fetchall()


def test_object_and_list(tmp_path: Path) -> None:
    rows = staged(settings_of(tmp_path), [b'{"at": "t", "kwh": 0.250}', b'[{"at": "u", "kwh": "1"}, {"at": "v"}]'])
    assert rows == [("M1", "t", "0.25", None), ("M1", "u", "1", None), ("M1", "v", None, None)]


def test_list_in_an_object_and_values_in_objects(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, topic="meters/#", meter="id", kwh="energy.import", more="reads_in: reads")
    payload = b'{"id": "M7", "reads": [{"at": "t", "energy": {"import": 1}}, {"at": "u"}]}'
    rows = staged(settings, [payload], 'select id, "at", "energy.import" from source_rows order by _line_no')
    assert rows == [("M7", "t", "1"), ("M7", "u", None)]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"", "the message is no JSON", id="empty"),
        pytest.param(b"online", "the message is no JSON", id="word"),
        pytest.param(b'{"at": "t", "kwh": ', "the message is no JSON", id="cut_off"),
        pytest.param(b'{"at": "\xff"}', "the message is no JSON", id="bytes"),
        pytest.param(b'{"at": "\\ud800"}', "the message is no JSON", id="half_a_character"),
        pytest.param(b"[" * 100_000, "the message is no JSON", id="deep"),
        pytest.param(b"5", "the message holds no JSON object", id="number"),
        pytest.param(b"[]", "the message holds no JSON object", id="empty_list"),
        pytest.param(b"[[]]", "the message holds no JSON object", id="list_of_lists"),
        pytest.param(b'{"at": "\\u0000"}', "the message holds a NUL character", id="nul"),
        pytest.param(b'{"at": "' + b"x" * LONGEST_BYTES + b'"}', TOO_LONG, id="too_long"),
    ],
)
def test_no_read_is_a_row_that_says_why(tmp_path: Path, payload: bytes, reason: str) -> None:
    good = b'{"at": "t", "kwh": 1}'
    rows = staged(settings_of(tmp_path), [good, payload, good])
    assert [row[3] for row in rows] == [None, reason, None]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"topic": "meters/+x/reads"}, "one whole level", id="half_a_level"),
        pytest.param({"topic": "'#/reads'"}, "`#` is the last one", id="number_sign_first"),
        pytest.param({"more": "password: hunter2"}, "secret:<name>", id="password_in_the_file"),
        pytest.param({"more": "received_at: x"}, "the moment at which the listener", id="received_at"),
        pytest.param({"more": "max_bad_share: 0.1"}, "max_bad_share", id="bad_share"),
        pytest.param({"more": "path: x"}, "`path`: is not a key", id="key_of_files"),
    ],
)
def test_faults_are_said(tmp_path: Path, change: dict[str, str], words: str) -> None:
    with pytest.raises(SourcesFileError, match=words) as caught:
        load_sources(settings=settings_of(tmp_path, **change))
    assert "hunter2" not in str(caught.value)
    assert "source meter_reads" in str(caught.value)


def test_what_is_listened_to(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, more="mqtt_version: 5\n    tls: true")
    source = load_sources(settings=settings).listened["meter_reads"]
    assert (source.subscription, source.address, source.mqtt_version) == (
        "meters/+/reads",
        ("broker.example", 8883),
        "5",
    )

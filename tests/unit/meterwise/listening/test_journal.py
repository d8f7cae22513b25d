"""What the journal has said is safe survives, wherever the file breaks off; nothing of it is there twice."""

import json
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterwise.listening.journal import Journal
from meterwise.outcomes import RefusedError


def lines(first: int, count: int) -> list[str]:
    return [json.dumps({"_topic": f"meters/{number}", "_payload": "{}"}) for number in range(first, first + count)]


def landed(folder: Path) -> list[str]:
    return [line for path in sorted(folder.glob("*.ndjson")) for line in path.read_text().splitlines()]


def journal(folder: Path, seconds: float = 60, messages: int = 1000) -> Journal:
    return Journal(folder, seconds, messages)


@patch("os.fsync", lambda handle: None)  # the cut plays the power cut; waiting for the disk would prove nothing
@settings(max_examples=200, deadline=None)
@given(
    batches=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    safe_batches=st.integers(0, 5),
    cut=st.floats(0, 1),
    tail=st.binary(max_size=20),
)
def test_cut_anywhere_behind_what_is_safe(
    tmp_path_factory: pytest.TempPathFactory, batches: list[int], safe_batches: int, cut: float, tail: bytes
) -> None:
    folder, sent, safe, safe_bytes = tmp_path_factory.mktemp("journal"), [], 0, 0
    broken = journal(folder)
    broken.__enter__()
    for number, count in enumerate(batches):
        batch = lines(len(sent), count)
        broken.append(batch)
        sent += batch
        (part,) = folder.glob("*.part")
        if number < safe_batches:
            safe, safe_bytes = len(sent), part.stat().st_size
    written = part.read_bytes()
    left = safe_bytes + int(cut * (len(written) - safe_bytes))
    part.write_bytes(written[:left] + tail)
    broken._lock.close()  # as a kill does
    with journal(folder) as mended:
        found = landed(folder)
        assert found[:safe] == sent[:safe], "acknowledged, so it is there"
        assert [line for line in found if line in sent] == sent[: len(found)], "each once, in order"
        mended.append(sent[safe:])  # not acknowledged, so the broker sends it again
    assert set(sent) <= set(landed(folder))
    assert not list(folder.glob("*.part"))


def test_file_is_landed_when_it_is_long_or_old_enough(tmp_path: Path) -> None:
    now = 0.0
    with Journal(tmp_path / "a", 60, 3, clock=lambda: now) as kept:
        kept.append(lines(0, 2))
        kept.land_if_due()
        assert landed(tmp_path / "a") == []
        kept.append(lines(2, 1))
        kept.land_if_due()
        assert landed(tmp_path / "a") == lines(0, 3)
        kept.append(lines(3, 1))
        now = 60.0
        kept.land_if_due()
        assert len(landed(tmp_path / "a")) == 4
    assert len(list((tmp_path / "a").glob("*.ndjson"))) == 2, "no file without messages"


def test_one_listener_a_source(tmp_path: Path) -> None:
    with journal(tmp_path), pytest.raises(RefusedError, match="Another `meterwise listen`"), journal(tmp_path):
        pass
    with journal(tmp_path):
        """The first one has ended."""


def test_what_could_not_be_written_is_no_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with journal(tmp_path) as kept:
        kept.append(lines(0, 1))
        with monkeypatch.context() as patched:
            patched.setattr("os.fsync", _full)
            with pytest.raises(OSError, match="full"):
                kept.append(lines(1, 1))
        kept.append(lines(1, 1))
    with journal(tmp_path):
        """Finds what the failure has left."""
    assert set(landed(tmp_path)) == set(lines(0, 2))


def _full(handle: int) -> None:
    raise OSError("full")

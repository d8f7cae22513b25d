"""``meterwise watch`` writes the page where it is told to and says in lines how each stage stands."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from meterwise import ops
from meterwise.commands.watch import watch
from meterwise.settings import Settings, get_settings


@pytest.fixture
def command(database: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[typer.Typer]:
    assert database.database_url is not None
    monkeypatch.setenv("METERWISE_DATABASE_URL", database.database_url.get_secret_value())
    monkeypatch.setenv("METERWISE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("METERWISE_SOURCES_FILE", str(tmp_path / "sources.yml"))
    get_settings.cache_clear()
    app = typer.Typer()
    app.command()(watch)
    yield app
    get_settings.cache_clear()


def test_the_page_is_written_and_the_stages_are_said(command: typer.Typer, database: Settings, tmp_path: Path) -> None:
    ops.record_landing("weather", "2026-07-15", "failed", "the server did not answer", settings=database)
    out = tmp_path / "page.html"

    shown = CliRunner().invoke(command, ["--out", str(out)])

    assert shown.exit_code == 0, shown.output
    assert "act now      Landing: weather" in shown.output
    assert str(out) in shown.output.replace("\n", "")
    assert "the server did not answer" in out.read_text(encoding="utf-8")

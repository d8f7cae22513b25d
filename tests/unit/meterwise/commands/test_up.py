"""`up`, `run` and `status` say in words what stands in their way."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from meterwise.cli import app
from meterwise.commands.demo_state import Demo
from meterwise.settings import get_settings
from meterwise.stack.state import take_lock


def words(output: str) -> str:
    return " ".join(output.replace("│", " ").split())


def test_status_says_that_nothing_runs(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["status", "--home", str(tmp_path)])

    assert result.exit_code == 1
    assert "meterwise up" in words(result.output)


def test_a_second_stack_on_a_home_is_refused_in_words(tmp_path: Path) -> None:
    lock = take_lock(tmp_path)

    result = CliRunner().invoke(app, ["up", "--home", str(tmp_path)])

    assert result.exit_code == 1
    assert "A stack already runs on" in words(result.output)
    lock.close()


def test_a_home_that_holds_the_demo_is_not_used_for_ones_own_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Demo().save(tmp_path)
    (tmp_path / "sources.yml").write_text("sources: {}\n")
    monkeypatch.setenv("METERWISE_SOURCES_FILE", str(tmp_path / "sources.yml"))
    get_settings.cache_clear()

    result = CliRunner().invoke(app, ["up", "--home", str(tmp_path)])

    get_settings.cache_clear()
    assert result.exit_code == 2
    assert "METERWISE_HOME" in words(result.output)

"""A demo goes on where it was, and is not mixed with another one."""

from datetime import date
from pathlib import Path

from typer.testing import CliRunner

from meterwise.cli import app
from meterwise.commands.demo_state import Demo, load, settings_of


def test_the_next_day_follows_the_last_published_one(tmp_path: Path) -> None:
    demo = Demo(customers=50)
    assert demo.next_date == date(2026, 7, 15)

    demo.published = date(2026, 7, 15)
    demo.save(tmp_path)

    again = load(tmp_path)
    assert again == demo
    assert again is not None
    assert again.next_date == date(2026, 7, 16)


def test_its_clock_stands_at_the_day_and_its_sources_are_its_own(tmp_path: Path) -> None:
    settings = settings_of(Demo(), tmp_path, date(2026, 7, 16))

    assert settings.last_date == date(2026, 7, 16)
    assert settings.sources_file == tmp_path / "utility" / "sources.yml"


def test_another_size_on_the_same_home_is_refused_with_a_cure(tmp_path: Path) -> None:
    Demo(customers=50).save(tmp_path)

    result = CliRunner().invoke(app, ["demo", "--once", "--home", str(tmp_path), "--customers", "60"])

    assert result.exit_code == 2
    assert "customers 50" in " ".join(result.output.split())


def test_every_command_explains_itself() -> None:
    for command in ("up", "run", "status", "doctor", "demo", "published", "sources", "quarantine"):
        result = CliRunner().invoke(app, [command, "--help"])
        assert result.exit_code == 0
        assert len(result.output) > 100

"""Settings say what they know, and hand it on to child processes."""

import re
from datetime import date
from pathlib import Path

import pytest

from meterwise.settings import PREFIX, Settings, as_environment, get_settings

EXAMPLE = Path(__file__).parents[3] / ".env.example"


def test_a_typo_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERWISE_HOEM", "/tmp")
    get_settings.cache_clear()

    with pytest.raises(ValueError, match="METERWISE_HOEM"):
        get_settings()

    get_settings.cache_clear()


def test_a_step_that_does_not_divide_the_hour_evenly_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERWISE_FORECAST_STEP_MINUTES", "30")
    assert Settings().forecast_step_minutes == 30
    monkeypatch.setenv("METERWISE_FORECAST_STEP_MINUTES", "20")
    get_settings.cache_clear()

    with pytest.raises(ValueError, match=r"METERWISE_FORECAST_STEP_MINUTES: .*must be one of 15, 30, 60"):
        get_settings()

    get_settings.cache_clear()


def test_a_child_process_gets_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path, last_date=date(2026, 7, 15), secrets={"crm_url": "sqlite:///crm.db"})

    for name, value in as_environment(settings).items():
        if name.startswith(PREFIX):
            monkeypatch.setenv(name, value)

    again = Settings()
    assert again.last_date == settings.last_date
    assert again.home == tmp_path
    assert again.secrets == settings.secrets


def test_env_example_lists_every_setting() -> None:
    named = {name.lower() for name in re.findall(rf"^#? ?{PREFIX}(\w+?)(?:__\w+)?=", EXAMPLE.read_text(), re.MULTILINE)}

    assert named == set(Settings.model_fields)

"""Secrets come by file too, and what is wrong with the settings is said in words that hold no secret."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from meterwise.secret_files import SettingsError
from meterwise.settings import PREFIX, Settings, as_environment, get_settings, secret_names

PASSWORD = "planted-Zx81"
URL = f"postgresql://service:{PASSWORD}@127.0.0.1/meterwise"


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_every_secret_may_come_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(f"{PASSWORD}\n")
    names = secret_names()
    assert {"database_url", "warehouse_url", "admin_url", "mlflow_password", "airflow_password"} <= names | {
        "warehouse_url"
    }
    for name in names:
        monkeypatch.setenv(f"{PREFIX}{name.upper()}_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("METERWISE_SECRETS__CRM_URL_FILE", str(tmp_path / "secret"))

    settings = get_settings()

    assert {getattr(settings, name).get_secret_value() for name in names} == {PASSWORD}
    assert settings.secrets == {"crm_url": SecretStr(PASSWORD)}
    assert PASSWORD not in repr(settings)


def test_a_child_gets_the_secret_itself_and_none_of_those_of_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "url").write_text(URL)
    monkeypatch.setenv("METERWISE_DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("METERWISE_ADMIN_URL_FILE", str(tmp_path / "url"))

    environment = as_environment(get_settings())

    assert environment["METERWISE_DATABASE_URL"] == URL
    assert not [name for name in environment if name.endswith("_URL_FILE") or "ADMIN_URL" in name]


def test_the_environment_beats_the_file_env_also_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "url").write_text("postgresql://other/db")
    (tmp_path / ".env").write_text(f"METERWISE_DATABASE_URL_FILE={tmp_path / 'url'}\nMETERWISE_THREADS=\n")
    assert Settings().database_url == SecretStr("postgresql://other/db")

    monkeypatch.setenv("METERWISE_DATABASE_URL", URL)

    assert Settings().database_url == SecretStr(URL)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"METERWISE_HOEM": "/tmp"}, "METERWISE_HOEM .did you mean METERWISE_HOME"),
        ({"METERWISE_DATABASE_ULR_FILE": "/tmp"}, "did you mean METERWISE_DATABASE_URL_FILE"),
        ({"METERWISE_HOME__X": "/tmp"}, "METERWISE_HOME__X"),
        ({"METERWISE_DATABASE_URL": URL, "METERWISE_DATABASE_URL_FILE": "full"}, "both given"),
        ({"METERWISE_SECRETS__CRM": URL, "METERWISE_SECRETS__CRM_FILE": "full"}, "both given"),
        ({"METERWISE_DATABASE_URL_FILE": "none"}, "none, which cannot be read .No such file"),
        ({"METERWISE_DATABASE_URL_FILE": "empty"}, "empty, which is empty"),
        ({"METERWISE_THREADS": PASSWORD}, "METERWISE_THREADS: Input should be a valid integer"),
        ({"METERWISE_WAREHOUSE": PASSWORD}, "METERWISE_WAREHOUSE: Input should be"),
    ],
)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_what_is_wrong_is_said_without_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str, place: str
) -> None:
    (tmp_path / "full").write_text(PASSWORD)
    (tmp_path / "empty").write_text("\n")
    if place == ".env":
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    else:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=words) as refused:
        get_settings()

    assert PASSWORD not in str(refused.value)
    assert refused.value.__cause__ is None


def test_what_compose_alone_reads_is_passed_over_and_a_stranger_is_not(tmp_path: Path) -> None:
    from meterwise.setting_names import EXAMPLE

    others = [line for line in EXAMPLE.read_text().splitlines() if line.startswith(("COMPOSE_", "POSTGRES_"))]
    (tmp_path / ".env").write_text("\n".join(others) + "\nMETERWISE_THREADS=1\n")
    assert get_settings().threads == 1

    get_settings.cache_clear()
    (tmp_path / ".env").write_text("POSTGRESS_PASSWROD=x\n")
    with pytest.raises(SettingsError, match=r"Unknown setting.* in .env: POSTGRESS_PASSWROD"):
        get_settings()

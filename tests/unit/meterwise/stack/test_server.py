"""What the entrypoint of the image tells Airflow: where the secrets are, never what they are."""

import shlex
import subprocess
from pathlib import Path

import pytest

from meterwise.settings import Settings
from meterwise.stack import server
from meterwise.stack.airflow_server import FIXED, TELEMETRY_OFF

URL = "postgresql://airflow:pass%2Fword@postgres:5432/airflow"


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(server, "SECRETS", tmp_path)
    (tmp_path / "airflow_database_url").write_text(f"{URL}\n")
    (tmp_path / "airflow_jwt_secret").write_text("a-secret-of-its-own\n")
    return tmp_path


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD", URL.replace("postgresql:", "postgresql+psycopg2:")),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC_CMD", URL.replace("postgresql:", "postgresql+asyncpg:")),
        ("AIRFLOW__API_AUTH__JWT_SECRET_CMD", "a-secret-of-its-own"),
    ],
)
def test_airflow_reads_its_secrets_from_their_files(
    settings: Settings, secrets: Path, variable: str, told: str
) -> None:
    command = shlex.split(server.environment(settings)[variable])

    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == told


def test_no_secret_is_in_the_environment_of_airflow(settings: Settings, secrets: Path) -> None:
    values = server.environment(settings).values()

    assert not [value for value in values if "pass%2Fword" in value or "a-secret-of-its-own" in value]


def test_what_is_common_with_the_embedded_stack_is_the_same(settings: Settings) -> None:
    told = server.environment(settings)

    assert {name: told[name] for name in TELEMETRY_OFF} == TELEMETRY_OFF
    assert {name for name in FIXED if told.get(name) != FIXED[name]} == server.EMBEDDED_ONLY


def test_every_file_of_a_folder_is_a_secret_that_sources_may_name(tmp_path: Path) -> None:
    (tmp_path / "crm_url").write_text("postgresql://crm")
    (tmp_path / ".gitkeep").touch()

    (tmp_path / "alert_webhook").write_text("https://hook")

    assert server.sources_secrets(tmp_path) == {
        "METERWISE_ALERT_WEBHOOK_FILE": str(tmp_path / "alert_webhook"),
        "METERWISE_SECRETS__CRM_URL_FILE": str(tmp_path / "crm_url"),
    }
    assert server.sources_secrets(tmp_path / "none") == {}

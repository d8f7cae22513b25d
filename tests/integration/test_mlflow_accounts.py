"""A real MLflow server with accounts, over TLS: who has none stays outside, our jobs work, no password lies about."""

import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import httpx
import pandas as pd
import pytest
from certificates import self_signed
from pydantic import SecretStr

from meterwise import registry
from meterwise.postgres import EmbeddedPostgres
from meterwise.registry.accounts import MlflowAccountError, ensure_account
from meterwise.settings import PREFIX, Settings

pytestmark = pytest.mark.compose
ADMIN, JOBS = "planted-admin-7Qx", "planted-jobs-8Qx"


@pytest.fixture(scope="module")
def server(postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    home = tmp_path_factory.mktemp("mlflow-server")
    certificate, key = self_signed(home)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    settings = Settings(
        home=home,
        mlflow_uri=f"https://127.0.0.1:{port}",
        mlflow_database_url=SecretStr(postgres_server.create_database("mlflow_accounts")),
        mlflow_username="meterwise",
        mlflow_password=SecretStr(JOBS),
        tls_authority_file=certificate,
    )
    ensure_account("meterwise", "planted-older-password", settings)
    assert settings.mlflow_database_url is not None
    (home / "url").write_text(settings.mlflow_database_url.get_secret_value())
    (home / "admin").write_text(ADMIN)
    (home / "jobs").write_text(JOBS)
    given = {
        "HOME": home,
        "MLFLOW_DATABASE_URL_FILE": home / "url",
        "MLFLOW_ADMIN_PASSWORD_FILE": home / "admin",
        "MLFLOW_USERNAME": "meterwise",
        "MLFLOW_PASSWORD_FILE": home / "jobs",
        "TLS_CERTIFICATE_FILE": certificate,
        "TLS_KEY_FILE": key,
    }
    log = home / "server.log"
    command = [sys.executable, "-m", "meterwise.access.mlflow_server", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--artifacts-destination", str(home / "artifacts")],
            stdout=out,
            stderr=out,
            env={"PATH": "/usr/bin:/bin", **{PREFIX + name: str(value) for name, value in given.items()}},
            start_new_session=True,
        )
    try:
        wait(process, settings, log)
        yield SimpleNamespace(settings=settings, process=process, log=log, home=home)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its own session: the server and its workers
        process.wait()


def wait(process: subprocess.Popen[bytes], settings: Settings, log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with suppress(httpx.HTTPError):
            get(settings, "/health")
            return
        time.sleep(0.3)
    raise AssertionError(log.read_text())


def get(settings: Settings, path: str, account: tuple[str, str] | None = None) -> httpx.Response:
    trusted = ssl.create_default_context(cafile=str(settings.tls_authority_file))
    return httpx.get(f"{settings.mlflow_uri}{path}", auth=account, verify=trusted)


def test_who_has_no_account_stays_outside(server: SimpleNamespace) -> None:
    search = "/api/2.0/mlflow/experiments/search?max_results=5"

    assert get(server.settings, search).status_code == 401
    assert get(server.settings, "/").status_code == 401
    assert get(server.settings, search, ("admin", "password1234")).status_code == 401
    assert get(server.settings, search, ("meterwise", "planted-older-password")).status_code == 401
    assert get(server.settings, search, ("meterwise", JOBS)).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.settings.mlflow_uri}/health")  # a certificate that nobody vouches for


FEATURES = pd.DataFrame({"customer_id": ["c-1", "c-2"], "kwh_30d": [10.0, 20.0]})


class Doubler:
    """The smallest predictor."""

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"doubled": frame["kwh_30d"] * 2})


def test_our_jobs_register_promote_and_load_a_model_and_make_no_accounts(server: SimpleNamespace) -> None:
    settings = server.settings
    assert registry.has_champion("churn", settings) is False, "of a model that is not there yet"
    with registry.run("churn", "2025-07-01 to 2026-07-14", "2026-07-15", None, settings) as run:
        run.log_metrics({"wape": 0.1})
        run.log_model(Doubler(), FEATURES, card="# Churn")

    _, version = registry.version_of_run(run.run_id, settings)
    assert registry.has_champion("churn", settings) is False, "none of its versions holds the alias"
    registry.move_alias("churn", version, "2026-07-15", "first version", settings)

    found = registry.champion("churn", settings)
    assert found is not None
    assert found.predictor.predict(FEATURES)["doubled"].tolist() == [20.0, 40.0]
    made = httpx.post(
        f"{server.settings.mlflow_uri}/api/2.0/mlflow/users/create",
        json={"username": "mine", "password": "mine-mine-mine"},
        auth=("meterwise", JOBS),
        verify=ssl.create_default_context(cafile=str(server.settings.tls_authority_file)),
    )
    assert made.status_code == 403


@pytest.mark.parametrize("wrong", [{"mlflow_username": None}, {"mlflow_password": SecretStr("not-the-password")}])
def test_a_missing_or_wrong_account_is_said_in_words(server: SimpleNamespace, wrong: dict[str, object]) -> None:
    settings = server.settings.model_copy(update=wrong)

    with pytest.raises(registry.RegistryRefusedError, match="METERWISE_MLFLOW_PASSWORD"):
        registry.connect(settings)


def test_no_password_is_left_lying(server: SimpleNamespace, postgres_server: EmbeddedPostgres) -> None:
    private = server.home / "mlflow" / "accounts.ini"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    commands = Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
    told = server.log.read_bytes() + commands

    for secret in (ADMIN, JOBS, postgres_server.password):
        assert secret.encode() not in told
    assert ADMIN not in private.read_text()


def test_a_short_password_is_refused(server: SimpleNamespace) -> None:
    with pytest.raises(MlflowAccountError, match="12 characters"):
        ensure_account("anna", "short", server.settings)

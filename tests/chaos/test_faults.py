"""What the stages of a day meet goes away under them: they fail with words, and the next try leaves the same tables."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import chain
import httpx
import psycopg
import pytest
from pydantic import SecretStr

from chaos.conftest import ENGINE, FIRST, settings_for, utility_in
from chaos.scarce_disk import ScarceDisk
from chaos.tables import Tables, assert_equal, published_tables
from chaos.undisturbed import Undisturbed, everything
from meterwise import registry
from meterwise.database import connect
from meterwise.outcomes import last_words
from meterwise.postgres import EmbeddedPostgres
from meterwise.publish import deliver
from meterwise.settings import Settings, as_environment
from meterwise.sources.synthetic import SyntheticUtility
from meterwise.stack.state import any_free_port
from models.demand.params import DemandParams
from models.demand.train import train_model

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]
SECOND = FIRST + timedelta(days=1)
FULL = r"(?is)(disk is full|no space left|could not (write|extend)|too large).*free space"


@dataclass
class Site:
    """One installation by its stages alone; its first day is published, the second has arrived."""

    settings: Settings
    utility: SyntheticUtility
    disk: ScarceDisk
    postgres: EmbeddedPostgres
    mlflow: "MlflowServer"

    @property
    def second(self) -> str:
        return SECOND.isoformat()

    def published(self) -> Tables:
        """What readers see."""
        return published_tables(self.settings, [FIRST])

    def champions(self) -> dict[str, str]:
        return {model: registry.champion(model, self.settings).version for model in chain.MODELS}


class MlflowServer:
    """An MLflow server of its own, whose artifacts lie in a folder that can go away."""

    def __init__(self, folder: Path) -> None:
        self.artifacts = folder / "artifacts"
        self.artifacts.mkdir(parents=True)
        self.store = folder / "mlflow.db"
        self.port = any_free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--backend-store-uri", f"sqlite:///{self.store}", "--workers", "1"]
        command += ["--artifacts-destination", str(self.artifacts)]
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with self.store.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 120
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/health").is_success:
                    return
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    disk = ScarceDisk(folder / "disk", size_mb=900)
    utility = utility_in(folder / "faults-utility")
    mlflow = MlflowServer(folder / "mlflow")
    mlflow.start()
    with EmbeddedPostgres(disk.folder / "postgres", durable=False) as postgres:
        databases = {"database_url": SecretStr(postgres.create_database("meterwise")), "mlflow_uri": mlflow.url}
        if ENGINE == "postgresql":
            databases["warehouse_url"] = SecretStr(postgres.create_database("warehouse"))
        settings = settings_for(utility, disk.folder / "home").model_copy(update=databases)
        chain.run(FIRST.isoformat(), settings)
        utility.advance_to(SECOND)
        yield Site(settings, utility, disk, postgres, mlflow)
    mlflow.kill()
    disk.give_back()


def words_of(stage: Callable[[], object]) -> str:
    """The last line of the log of a stage that fails."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is the engine's affair; the words are ours
        stage()
    return last_words(caught.value, "stage")


def is_full(told: str) -> bool:
    return "Free space" in told


def test_a_full_disk_while_landing(site: Site) -> None:
    before = site.published()

    with site.disk.full():
        told = words_of(lambda: chain.land(site.second, site.settings))
    come_back(site)

    assert is_full(told), told
    chain.land(site.second, site.settings)
    assert_equal(site.published(), before)


def test_a_full_disk_while_dbt_builds(site: Site) -> None:
    before = site.published()

    with site.disk.full():
        told = words_of(lambda: chain.build(site.second, site.settings))
    come_back(site)

    assert is_full(told), told
    chain.build(site.second, site.settings)
    assert_equal(site.published(), before)


def test_mlflow_gone_while_training(site: Site) -> None:
    champions, before = site.champions(), site.published()
    known = runs_begun(site)
    told: list[str] = []

    training = threading.Thread(target=lambda: told.append(words_of(lambda: train(site, test_days=27))))
    training.start()
    while runs_begun(site) == known and training.is_alive():
        time.sleep(0.02)
    assert runs_begun(site) > known, "there was nothing to learn"
    site.mlflow.kill()
    training.join()
    again = words_of(lambda: train(site, test_days=27))
    site.mlflow.start()

    assert "MLflow" in told[0], told
    assert "again" in told[0], told
    assert "does not answer" in again, again
    assert site.champions() == champions
    assert_equal(site.published(), before)
    assert train(site, test_days=27)


def test_the_store_of_the_artifacts_gone_while_training(site: Site) -> None:
    champions, before = site.champions(), site.published()
    gone = site.mlflow.artifacts.with_name("gone")
    site.mlflow.artifacts.rename(gone)
    site.mlflow.artifacts.write_text("no folder any more")

    told = words_of(lambda: train(site, test_days=26))
    site.mlflow.artifacts.unlink()
    gone.rename(site.mlflow.artifacts)

    assert "MLflow" in told, told
    assert site.champions() == champions
    assert_equal(site.published(), before)
    assert train(site, test_days=26)


def test_a_full_disk_and_a_restart_of_postgresql_while_delivering(site: Site, undisturbed: Undisturbed) -> None:
    before = site.published()
    chain.score(site.second, site.settings)
    chain.transform.build(chain.transform.PUBLISH, [site.second], site.settings)

    with site.disk.full():
        told = words_of(lambda: deliver(site.second, "full", site.settings))
    come_back(site)
    assert is_full(told), told
    assert_equal(site.published(), before)

    with holding(site, "published_data.customer_usage_daily") as blocked:
        told_by: list[str] = []
        delivery = threading.Thread(
            target=lambda: told_by.append(words_of(lambda: deliver(site.second, "killed", site.settings)))
        )
        delivery.start()
        blocked(delivery)
        site.postgres.kill()
        delivery.join()
        site.postgres.start_again()
    assert "PostgreSQL" in told_by[0], told_by
    assert_equal(site.published(), before)

    chain.publish(site.second, site.settings)
    assert_equal(everything(site.settings, [SECOND]), undisturbed.after(SECOND))


def test_two_loaders_at_once_and_a_clock_that_jumps(site: Site, undisturbed: Undisturbed) -> None:
    third = SECOND + timedelta(days=1)
    site.utility.advance_to(third)

    loaders = [land_elsewhere(site, domain, third.isoformat()) for domain in ("meter_reads", "meter_reads", "crm")]
    assert [loader.wait() for loader in loaders] == [0, 0, 0]
    chain.land(third.isoformat(), site.settings)

    # The clock goes back by three days, and a day that has passed is asked for; then it stands where it stood.
    earlier = site.settings.model_copy(update={"last_date": SECOND})
    chain.run(SECOND.isoformat(), earlier, learns=False)
    chain.run(third.isoformat(), site.settings, learns=False)
    with connect(site.settings) as connection:
        shown = connection.execute("select distinct as_of_date from published.customer_segments").fetchall()

    assert shown == [(third,)]
    assert_equal(everything(site.settings, [third]), undisturbed.after(third))


def come_back(site: Site) -> None:
    """PostgreSQL may have ended on the full disk; the stack starts it again then."""
    with suppress(psycopg.Error):
        psycopg.connect(site.postgres.url(driver=""), connect_timeout=5).close()
    if site.postgres.ended():
        site.postgres.start_again()


def train(site: Site, test_days: int) -> str:
    """Learn once more from the first day, with another parameter, so that it is not known already."""
    return train_model(FIRST.isoformat(), DemandParams(test_days=test_days), site.settings)


def runs_begun(site: Site) -> int:
    """How many training runs the server knows of."""
    import sqlite3

    with sqlite3.connect(site.mlflow.store, timeout=10) as connection:
        return int(connection.execute("select count(*) from runs").fetchone()[0])


class holding:  # noqa: N801 - used as a context manager
    """Holds a table, so that a delivery stands still in the middle of its transaction until PostgreSQL is killed."""

    def __init__(self, site: Site, table: str) -> None:
        self.site, self.table = site, table

    def __enter__(self) -> Callable[[threading.Thread], None]:
        self.connection = psycopg.connect(self.site.postgres.url("meterwise", driver=""))
        self.connection.execute(f"lock table {self.table} in exclusive mode")
        return self.wait

    def wait(self, delivery: threading.Thread) -> None:
        """Wait until the delivery waits for the table."""
        query = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = 'meterwise'"
        with psycopg.connect(self.site.postgres.url("postgres", driver=""), autocommit=True) as looking:
            while looking.execute(query).fetchone() is None:
                assert delivery.is_alive(), "it never came to the table"
                time.sleep(0.05)

    def __exit__(self, *ignored: object) -> None:
        self.connection.close()


def land_elsewhere(site: Site, domain: str, day: str) -> subprocess.Popen[bytes]:
    """Land in a process of its own, as a second run would."""
    code = "import sys; from meterwise.ingest import accept, land; accept(land(sys.argv[1], sys.argv[2]))"
    environment = {**os.environ, **as_environment(site.settings)}
    return subprocess.Popen([sys.executable, "-c", code, domain, day], env=environment, cwd=site.settings.home_path)

"""A server that the settings name is saved and restored database by database, with its roles, and over nothing."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from benchmarks.published_readers import Case, fill
from meterwise import ops
from meterwise.backup import tools, unfinished
from meterwise.backup.errors import RestoreError, UnfinishedRestoreError
from meterwise.backup.making import back_up
from meterwise.backup.restoring import restore
from meterwise.database import connect
from meterwise.postgres import EmbeddedPostgres
from meterwise.publish import deliver
from meterwise.settings import Settings

SMALL = Case(rows=400, customers=20)
DATABASES = ("meterwise", "airflow", "mlflow")
OTHER_NAMES = {"database_url": "ours", "airflow_database_url": "airflow", "mlflow_database_url": "mlflow"}
NAMES = {**OTHER_NAMES, "database_url": "meterwise"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Not pytest's, which the servers' account may not enter."""
    folder = Path(tempfile.mkdtemp(prefix="meterwise-server-"))
    yield folder
    shutil.rmtree(folder)


def settings_of(server: EmbeddedPostgres, folder: Path, names: dict[str, str]) -> Settings:
    urls = {setting: SecretStr(server.url(name)) for setting, name in names.items()}
    return Settings(
        home=folder / "home",
        sources_file=folder / "sources.yml",
        admin_url=SecretStr(server.url()),
        artifacts_url=(folder / "store").as_uri(),
        **urls,
    )


@pytest.fixture(scope="module")
def backup(folder: Path) -> Path:
    """Of a server with a publication, a person's account, and an artifact of a run."""
    with EmbeddedPostgres(folder / "one", durable=False) as server:
        for name in DATABASES:
            server.create_database(name)
        settings = settings_of(server, folder / "saved", NAMES)
        deliver(fill(SMALL, 1, settings), "run-1", settings)
        with closing(connect(settings)) as connection:
            connection.execute("create role reader; create role anna login password 'hers' in role reader")
            connection.execute("grant usage on schema published to reader")
            connection.execute("grant select on all tables in schema published to reader")
        with closing(psycopg.connect(server.url("mlflow", driver=""), autocommit=True)) as connection:
            connection.execute("create table model_versions (storage_location text, source text)")
            connection.execute(
                "insert into model_versions values ('mlflow-artifacts:/1/a', ''), (null, 'elsewhere:/1')"
            )
        (folder / "saved" / "store" / "1" / "a").mkdir(parents=True)
        (folder / "saved" / "store" / "1" / "a" / "model.pkl").write_text("a model")
        return back_up(settings, folder / "backups")


@pytest.fixture
def target(folder: Path, tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """Another server, empty."""
    with EmbeddedPostgres(folder / tmp_path.name, durable=False) as server:
        yield server


@pytest.mark.parametrize("major", [18, 16], ids=["by pg_restore", "by psql, as into an older server"])
def test_an_empty_server_gets_databases_roles_rights_and_artifacts(
    backup: Path, target: EmbeddedPostgres, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, major: int
) -> None:
    if major == 16:
        monkeypatch.setattr(tools, "PARALLEL_SINCE", 99)
    for name in ("ours", "mlflow"):  # there, and empty; airflow is not
        target.create_database(name)
    settings = settings_of(target, tmp_path, OTHER_NAMES)

    restore(backup, settings)

    with closing(connect(settings)) as connection:
        assert connection.execute("select count(*) from published.customer_usage_hourly").fetchone() == (SMALL.rows,)
        databases = {name for (name,) in connection.execute("select datname from pg_database")}
    assert databases == {"ours", "mlflow", "airflow", "postgres", "template0", "template1"}
    anna = f"postgresql://anna:hers@127.0.0.1:{target.port}/ours"
    with closing(psycopg.connect(anna, autocommit=True)) as connection:
        assert connection.execute("select count(*) from published.churn_scores").fetchone() == (SMALL.customers,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from published_data.pointer")
    assert (tmp_path / "store" / "1" / "a" / "model.pkl").read_text() == "a model"
    unfinished.refuse(settings)


def test_a_server_that_holds_something_is_refused(backup: Path, target: EmbeddedPostgres, tmp_path: Path) -> None:
    target.create_database("ours")
    settings = settings_of(target, tmp_path, OTHER_NAMES)
    ops.migrate(settings)

    with pytest.raises(RestoreError, match=r"Not empty: database ours\..*Nothing was changed"):
        restore(backup, settings)


def test_a_store_with_other_files_of_the_same_names_is_refused(
    backup: Path, target: EmbeddedPostgres, tmp_path: Path
) -> None:
    (tmp_path / "store" / "1" / "a").mkdir(parents=True)
    (tmp_path / "store" / "1" / "a" / "model.pkl").write_text("another model")

    with pytest.raises(RestoreError, match=r"other files of the same names \(1/a/model\.pkl\)"):
        restore(backup, settings_of(target, tmp_path, OTHER_NAMES))


def test_a_restore_that_was_cut_off_is_told_of_and_begins_anew(
    backup: Path, target: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.create_database("ours")
    settings = settings_of(target, tmp_path, OTHER_NAMES)

    def cut_off(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("meterwise.backup.restoring.files.restore_artifacts", cut_off)
        with pytest.raises(RestoreError, match=r"cut off: no space left"):
            restore(backup, settings)
    with pytest.raises(UnfinishedRestoreError, match=r"airflow_restoring, mlflow_restoring, ours_restoring"):
        unfinished.refuse(settings)

    restore(backup, settings)

    unfinished.refuse(settings)
    with closing(connect(settings)) as connection:
        assert connection.execute("select count(*) from published.customer_segments").fetchone() == (SMALL.customers,)


def test_a_registry_whose_files_are_gone_is_saved_and_said(backup: Path, folder: Path) -> None:
    from meterwise.backup.manifest import read

    assert read(backup).missing_artifacts == []
    with EmbeddedPostgres(folder / "one", durable=False) as server:
        settings = settings_of(server, folder / "saved", NAMES)
        shutil.rmtree(folder / "saved" / "store" / "1")
        assert read(back_up(settings, folder / "backups", "without")).missing_artifacts == ["1/a"]

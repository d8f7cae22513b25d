"""The embedded PostgreSQL starts anywhere, keeps what was committed, and leaves no process behind."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from meterwise.postgres import EmbeddedPostgres, EmbeddedPostgresError

START_AND_WAIT = """
import sys, time
from pathlib import Path
from meterwise.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False).start()
print("started", flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="meterwise-test-", ignore_cleanup_errors=True) as path:
        yield Path(path) / "postgres"


def _postmaster(server: EmbeddedPostgres) -> psutil.Process:
    return psutil.Process(int((server.data / "postmaster.pid").read_text().splitlines()[0]))


def _start_elsewhere(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", START_AND_WAIT, folder], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def test_committed_rows_survive_a_kill_and_the_address_stays(folder: Path) -> None:
    server = EmbeddedPostgres(folder, durable=False).start()
    url = server.url(driver="")
    with psycopg.connect(url) as connection:
        connection.execute("create table kept as select 1 as number")
    postmaster = _postmaster(server)
    postmaster.kill()
    postmaster.wait()
    with EmbeddedPostgres(folder, durable=False) as again, psycopg.connect(again.url(driver="")) as connection:
        assert again.url(driver="") == url
        assert connection.execute("select number from kept").fetchone() == (1,)
    assert not again.is_running()


def test_a_stale_pid_file_that_names_another_program_does_not_block_the_start(folder: Path) -> None:
    with EmbeddedPostgres(folder, durable=False) as server:
        data = server.data
        pid_file = (data / "postmaster.pid").read_text()
    (data / "postmaster.pid").write_text(pid_file.replace(pid_file.splitlines()[0], str(os.getppid()), 1))
    with EmbeddedPostgres(folder, durable=False) as server:
        assert server.is_running()
    assert psutil.pid_exists(os.getppid())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
def test_the_server_ends_with_a_killed_owner(folder: Path) -> None:
    owner = _start_elsewhere(folder)
    postmaster = _postmaster(EmbeddedPostgres(folder, durable=False))
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    postmaster.wait(20)
    assert not EmbeddedPostgres(folder, durable=False).is_running()


def test_a_server_whose_owner_lives_is_not_touched(folder: Path) -> None:
    owner = _start_elsewhere(folder)
    with pytest.raises(EmbeddedPostgresError, match=f"already runs under process {owner.pid}; stop that first"):
        EmbeddedPostgres(folder, durable=False).start()
    assert EmbeddedPostgres(folder, durable=False).is_running()
    owner.kill()
    owner.wait()
    with EmbeddedPostgres(folder, durable=False) as server:
        assert server.is_running()


def test_a_deep_folder_is_no_obstacle(folder: Path) -> None:
    deep = folder / ("a" * 60) / ("b" * 60)
    with EmbeddedPostgres(deep, durable=False) as server:
        assert server.create_database("meterwise") == server.create_database("meterwise")


def test_the_password_is_needed_and_is_closed_to_others(folder: Path) -> None:
    with EmbeddedPostgres(folder, durable=False) as server:
        assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url(driver="").replace(server.password, "guessed"))


def test_a_port_in_use_is_named(folder: Path, postgres_server: EmbeddedPostgres) -> None:
    with pytest.raises(EmbeddedPostgresError, match=f"Port {postgres_server.port} on 127.0.0.1 is in use"):
        EmbeddedPostgres(folder, port=postgres_server.port).start()


def test_a_folder_without_a_server_says_how_to_start_one(folder: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="meterwise up"):
        EmbeddedPostgres(folder, durable=False).url()


def test_a_start_that_fails_shows_the_log(folder: Path) -> None:
    with EmbeddedPostgres(folder, durable=False) as server:
        data = server.data
    (data / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        EmbeddedPostgres(folder, durable=False).start()


def test_the_log_names_what_was_refused_and_no_row_of_it(postgres_server: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres_server.url(driver=""), autocommit=True) as connection:
        connection.execute("create temp table people (name text, phone text not null check (phone <> ''))")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("insert into people values ('Ada Planted-Zyx', '')")
        with pytest.raises(psycopg.errors.NotNullViolation):
            connection.execute("insert into people values (%s, %s)", ["Ada Planted-Zyx", None])
        with pytest.raises(psycopg.errors.NotNullViolation), connection.cursor() as cursor:  # noqa: SIM117
            with cursor.copy("copy people from stdin") as copy:
                copy.write(b"Ada Planted-Zyx\t\\N\n")

    log = postgres_server.log.read_text(errors="replace")
    assert "violates not-null constraint" in log
    assert "Planted-Zyx" not in log


def test_a_server_that_was_killed_comes_back_at_the_same_address(folder: Path) -> None:
    with EmbeddedPostgres(folder, durable=False) as server:
        url = server.url(driver="")
        connection = psycopg.connect(url, autocommit=True)
        connection.execute("create table kept as select 1 as number")
        assert server.ended() is None
        _postmaster(server).kill()
        while server.ended() is None:
            pass
        assert server.ended() == "was ended by SIGKILL"

        server.start_again()

        assert server.url(driver="") == url
        with psycopg.connect(url) as again:
            assert again.execute("select number from kept").fetchone() == (1,)

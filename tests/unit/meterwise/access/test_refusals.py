"""What a database refuses is said in words with a cure, without the password, and nothing has started by then."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import URL, make_url
from sqlalchemy import text as sql_text
from typer.testing import CliRunner

from meterwise import ops
from meterwise.access import DatabaseDownError, DatabaseRefusedError, acting_as, open_connection
from meterwise.access.versions import AIRFLOW, MLFLOW, NewerDatabaseError, known_revisions, refuse_newer
from meterwise.cli import app
from meterwise.database import connect, engine
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings, get_settings
from meterwise.stack.stack import Stack

PASSWORD = "planted-Kq93"


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    yield CliRunner()
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def url(postgres_server: EmbeddedPostgres) -> URL:
    with psycopg.connect(postgres_server.url(driver=""), autocommit=True) as connection:
        connection.execute(f"create role late login password '{PASSWORD}' valid until '2026-01-01'".encode())
        connection.execute(f"create role timely login password '{PASSWORD}'".encode())
        connection.execute("create role some_group")
        connection.execute("grant connect on database postgres to timely, late")
    return make_url(postgres_server.url())


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


REFUSED = {
    "wrong password": (
        {"password": "planted-Kq93-wrong"},
        "refuses the password of user meterwise: it is wrong, or has",
    ),
    "expired password": ({"username": "late", "password": PASSWORD}, "user late: it is wrong, or has expired"),
    "unknown user": ({"username": "nobody", "password": PASSWORD}, "refuses the password of user nobody"),
    "unknown database": ({"database": "nowhere"}, "has no database nowhere. .*meterwise database prepare"),
    "missing role": ({"query": {"options": "-crole=no_such"}}, "knows no such role .*meterwise database prepare"),
    "no member": (
        {"username": "timely", "password": PASSWORD, "query": {"options": "-crole=some_group"}},
        "does not let timely act .*meterwise database prepare",
    ),
    "no TLS": ({"query": {"sslmode": "require"}}, "do not agree on TLS"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_said_with_its_cure(url: URL, case: str) -> None:
    change, words = REFUSED[case]

    with pytest.raises(DatabaseRefusedError, match=words) as refused:
        open_connection(url.set(**change))

    assert PASSWORD not in str(refused.value)
    assert str(url.password) not in str(refused.value)


def test_a_server_that_does_not_answer_is_told_apart(url: URL) -> None:
    with pytest.raises(DatabaseDownError, match=r"127\.0\.0\.1:\d+ does not answer .*Start it"):
        open_connection(url.set(port=closed_port()))
    with pytest.raises(DatabaseDownError, match=r"no-such-host\.invalid:\d+ does not answer"):
        open_connection(url.set(host="no-such-host.invalid"))


def test_a_single_user_acts_as_itself(url: URL) -> None:
    assert acting_as(url, "publisher") == url


def test_engine_and_connection_say_the_same(url: URL, tmp_path: Path) -> None:
    wrong = SecretStr(url.set(password="not-it").render_as_string(hide_password=False))
    settings = Settings(home=tmp_path, database_url=wrong)

    with pytest.raises(DatabaseRefusedError, match="refuses the password"):
        connect(settings)
    with pytest.raises(DatabaseRefusedError, match="refuses the password"):
        engine(settings)


@pytest.mark.parametrize(
    "command",
    [["database", "check"], ["doctor"], ["published"], ["database", "roles"], ["database", "add-user", "anna"]],
)
def test_commands_end_with_a_sentence(
    cli: CliRunner, url: URL, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    wrong = url.set(password=f"{PASSWORD}-wrong").render_as_string(hide_password=False)
    monkeypatch.setenv("METERWISE_DATABASE_URL", wrong)

    done = cli.invoke(app, command)

    told = " ".join(done.output.split())
    assert done.exit_code == 1
    assert "refuses the password of user meterwise" in told
    assert "Traceback" not in told
    assert PASSWORD not in told


@pytest.mark.parametrize("command", [["up"], ["run"], ["doctor"], ["published"], ["database", "prepare"]])
def test_a_typo_in_the_settings_stops_every_command(
    cli: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / ".env").write_text("METERWISE_DATABASE_ULR=postgresql://x:planted-Kq93@y/z\n")

    done = cli.invoke(app, command)

    told = " ".join(done.output.split())
    assert done.exit_code == 1
    assert "METERWISE_DATABASE_ULR (did you mean METERWISE_DATABASE_URL?)" in told
    assert PASSWORD not in told
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env"], "nothing was started"


@pytest.mark.parametrize("tool", [*AIRFLOW, *MLFLOW], ids=lambda tool: tool.name)
def test_tables_of_a_newer_tool_are_refused(postgres_server: EmbeddedPostgres, tool: object) -> None:
    name = tool.version_table  # type: ignore[attr-defined]
    database = make_url(postgres_server.create_database(f"newer_{name}_{abs(hash(tool)) % 1000}"))
    known = sorted(known_revisions(tool))  # type: ignore[arg-type]
    assert known
    assert refuse_newer(database, (tool,)) == "no tables yet"  # type: ignore[arg-type]
    with open_connection(database, autocommit=True) as connection:
        connection.execute(f"create table {name} (version_num text)".encode())
        connection.execute(f"insert into {name} values ('{known[0]}')".encode())
        assert known[0] in refuse_newer(database, (tool,))  # type: ignore[arg-type]
        connection.execute(f"update {name} set version_num = 'ffff00000000'".encode())

    with pytest.raises(NewerDatabaseError, match=r"version ffff00000000, which the installed .* does not know"):
        refuse_newer(database, (tool,))  # type: ignore[arg-type]


def test_check_and_doctor_tell_of_newer_tables(
    cli: CliRunner, postgres_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database = postgres_server.create_database("newer_ops")
    settings = Settings(home=tmp_path, database_url=SecretStr(database))
    ops.migrate(settings)
    monkeypatch.setenv("METERWISE_DATABASE_URL", database)
    assert cli.invoke(app, ["database", "check"]).exit_code == 0
    with engine(settings).begin() as connection:
        connection.execute(sql_text(f"insert into ops.schema_versions (version) values ({ops.SCHEMA_VERSION + 1})"))

    for command in (["database", "check"], ["doctor"]):
        done = cli.invoke(app, command)
        assert done.exit_code == 1
        assert f"has version {ops.SCHEMA_VERSION + 1}; this Meterwise knows up to" in " ".join(done.output.split())


def test_no_half_of_a_stack_starts_on_newer_tables() -> None:
    with tempfile.TemporaryDirectory(prefix="meterwise-newer-") as folder:
        home = Path(folder)
        with (
            EmbeddedPostgres(home / "postgres", durable=False) as postgres,
            open_connection(make_url(postgres.create_database("airflow")), autocommit=True) as connection,
        ):
            connection.execute("create table alembic_version (version_num text)")
            connection.execute("insert into alembic_version values ('ffff00000000')")
        stack = Stack(Settings(home=home))

        with pytest.raises(NewerDatabaseError, match="Airflow in version ffff00000000"), stack:
            pass

        assert stack.children == []
        assert not stack.postgres.is_running()
        assert not (home / "logs").exists()


def test_rows_and_statements_that_fail_are_not_in_the_servers_log(postgres_server: EmbeddedPostgres, url: URL) -> None:
    with open_connection(url, autocommit=True) as connection:
        connection.execute("create temporary table people (name text, age integer not null check (age > 0))")
        with pytest.raises(psycopg.errors.NotNullViolation):
            connection.execute("insert into people values ('Xqplanted Xqname', null)")
        with (
            pytest.raises(psycopg.errors.InvalidTextRepresentation),
            connection.cursor().copy("copy people from stdin") as rows,
        ):
            rows.write("Xqplanted Xqother\tXqnumber\n")

    told = postgres_server.log.read_text()
    assert 'null value in column "age"' in told
    assert "Xqplanted" not in told

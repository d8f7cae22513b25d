"""`make upgrade` and `make rollback` as a person calls them: the data stay, and are readable meanwhile."""

import httpx
import pytest

from chaos.reader import Reader
from compose.content import content
from compose.server import IMAGE_TAG, OURS, Server
from meterwise.ops import SCHEMA_VERSION

pytestmark = [pytest.mark.drills, pytest.mark.timeout(1200)]

NEXT, NEWER = "test-next", "test-newer"
BUILT_AS_NEWER = "tests/compose/images/newer/compose.yml"
ASIDE = "select datname from pg_database where datname like '%\\_before\\_rollback\\_%'"


@pytest.fixture(scope="module")
def at_work(published_server: Server) -> Server:
    """The server with a day published; the images that the drills build go with it."""
    published_server.stand_ins += [f"meterwise:{NEXT}", f"meterwise:{NEWER}"]
    return published_server


def test_an_upgrade_keeps_what_there_is_and_a_rollback_also_what_came_since(at_work: Server) -> None:
    before = content(at_work)

    with Reader(at_work.administrator) as reader:
        told = at_work.make("upgrade", VERSION=NEXT).stdout
        assert f"Upgraded from {IMAGE_TAG} to {NEXT}" in told
        assert running(at_work) == {f"meterwise:{NEXT}"}
        assert content(at_work) == before
        leave_note(at_work, "kept")
        told = at_work.make("rollback").stdout

    assert "goes on with the data of now" in told
    assert running(at_work) == {f"meterwise:{IMAGE_TAG}"}
    assert content(at_work) == before
    assert has_note(at_work, "kept")
    assert not reader.trouble
    assert reader.refused == 0
    assert reader.polls > 50
    assert "no upgrade to go back from" in at_work.make("rollback", may_fail=True).stderr


def test_a_rollback_over_a_migration_brings_the_backup_back_and_keeps_the_newer_databases(at_work: Server) -> None:
    leave_note(at_work, "before")
    before, settings = content(at_work), at_work.env_file.read_text()
    compose_file = next(
        (line.split("=")[1] for line in settings.splitlines() if "COMPOSE_FILE=" in line), "docker-compose.yml"
    )
    at_work.set(COMPOSE_FILE=f"{compose_file}:{BUILT_AS_NEWER}")

    with Reader(at_work.administrator) as reader:
        at_work.make("upgrade", VERSION=NEWER)
        assert schema_version(at_work) == SCHEMA_VERSION + 1
        assert not reader.refused
        leave_note(at_work, "since")
        at_work.set(COMPOSE_FILE=compose_file)
        told = at_work.make("rollback").stdout

    assert f"knows up to {SCHEMA_VERSION}" in " ".join(told.split())
    assert running(at_work) == {f"meterwise:{IMAGE_TAG}"}
    assert content(at_work) == before
    assert schema_version(at_work) == SCHEMA_VERSION
    assert has_note(at_work, "before")
    assert not has_note(at_work, "since")
    with at_work.administrator("postgres") as connection:
        aside = {name.split("_")[0]: name for (name,) in connection.execute(ASIDE)}
    assert set(aside) == {"airflow", "meterwise", "mlflow"}
    assert schema_version(at_work, aside["meterwise"]) == SCHEMA_VERSION + 1
    assert not reader.trouble
    print(reader.told)  # noqa: T201


def running(server: Server) -> set[str]:
    """Images of what runs of ours."""
    found = server.containers(*OURS)
    assert all(container["State"]["Running"] for container in found)
    return {container["Config"]["Image"] for container in found}


def schema_version(server: Server, database: str = "meterwise") -> int:
    with server.administrator(database) as connection:
        (version,) = connection.execute("select max(version) from ops.schema_versions").fetchone() or (0,)
    return int(version)


def leave_note(server: Server, key: str) -> None:
    """As a person would between an upgrade and a rollback: a variable in Airflow."""
    server.airflow._post("/variables", {"key": key, "value": "written since"})


def has_note(server: Server, key: str) -> bool:
    return server.airflow._request("GET", f"/variables/{key}").status_code == httpx.codes.OK

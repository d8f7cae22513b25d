"""Loads of PostgreSQL that are killed, cut off or made twice at once: nothing half done, nothing doubled."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from landing_site import Site
from pydantic import SecretStr
from sqlalchemy import make_url

from meterwise.access.prepare import prepare
from meterwise.ingest import LandingError, land, refuse
from meterwise.postgres import EmbeddedPostgres
from meterwise.quarantine import overview, replay
from meterwise.warehouse import Warehouse
from meterwise.warehouse.postgresql.session import Session

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
Read = Callable[..., str]

DIE_BEFORE_COMMIT = """
import os, signal, sys
from pathlib import Path
from meterwise.ingest import land
from meterwise.settings import Settings
from meterwise.warehouse.postgresql.session import Session
copy = Session.copy_in
def copy_and_die(self, table, *arguments, **more):
    copy(self, table, *arguments, **more)
    if table == "raw.meter_reads":
        os.kill(os.getpid(), signal.SIGKILL)
Session.copy_in = copy_and_die
land("meter_reads", "2026-07-15", Settings(warehouse="postgresql", last_date="2026-07-15"))
"""


def deliver(site: Site, read: Read) -> None:
    site.write("a.csv", [read(meter=f"M{number}", start="2026-06-30 23:30") for number in range(50)])
    site.write("b.csv", [read(meter=f"M{number}", kwh=number % 2 + 1) for number in range(50)])
    site.write("c.csv", [read(meter=f"M{number}", received="2026-07-03") for number in range(50)])


def assert_all_is_there(site: Site) -> None:
    assert site.account() == (150, 125, 25, 0)
    assert site.rows("select count(*), count(distinct load_id) from raw.meter_reads") == [(125, 3)]
    assert len(site.current()) == 100


def test_killed_between_copy_and_commit_leaves_nothing(site: Site, read: Read) -> None:
    deliver(site, read)
    home = {"METERWISE_HOME": str(site.folder / "home"), "METERWISE_SOURCES_FILE": str(site.folder / "sources.yml")}
    url = site.settings.warehouse_url
    assert url is not None
    environment = os.environ | home | {"METERWISE_WAREHOUSE_URL": url.get_secret_value()}

    child = subprocess.run([sys.executable, "-c", DIE_BEFORE_COMMIT], env=environment, cwd=site.folder)

    assert child.returncode == -signal.SIGKILL
    assert site.rows("select count(*) from raw.meter_reads") == [(0,)]
    assert site.rows("select count(*) from raw.load_audit") == [(0,)]
    site.land()
    assert_all_is_there(site)


def test_a_connection_lost_in_the_middle_is_told_and_nothing_is_half_done(
    site: Site, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(site, read)
    copy_in = Session.copy_in
    losses = []

    def copy_and_lose_the_connection(self: Session, table: str, *arguments: object, **more: bool) -> None:
        copy_in(self, table, *arguments, **more)  # type: ignore[arg-type]
        if table == "raw.meter_reads" and len(losses) < 1:
            losses.append(self.rows("select pg_backend_pid()")[0][0])
            with psycopg.connect(self.url.set(drivername="postgresql").render_as_string(hide_password=False)) as other:
                other.execute("select pg_terminate_backend(%s)", losses)

    monkeypatch.setattr(Session, "copy_in", copy_and_lose_the_connection)
    with pytest.raises(LandingError, match="went away in the middle") as error:
        site.land()

    assert [problem.is_transient for problem in error.value.problems] == [True], "the files behind it are not tried"
    assert site.rows("select count(*) from raw.load_audit") == [(0,)]
    site.land()
    assert_all_is_there(site)


def test_two_landings_at_once_load_everything_once(site: Site, read: Read) -> None:
    deliver(site, read)
    site.warehouse.create_raw_tables()
    with ThreadPoolExecutor(2) as threads:
        for landing in [threads.submit(land, "meter_reads", "2026-07-15", site.settings) for _ in range(2)]:
            landing.result()
    assert_all_is_there(site)


def test_reads_lie_in_partitions_of_their_months_and_memory_keeps_none(site: Site, read: Read) -> None:
    deliver(site, read)
    site.land()
    parts = site.warehouse.arrow(
        "select tableoid::regclass::text as part, count(*) as rows from raw.meter_reads group by tableoid order by 1"
    )
    assert {row["part"]: row["rows"] for row in parts.to_pylist()} == {
        "raw.meter_reads_2026_06": 50,
        "raw.meter_reads_2026_07": 75,
    }
    with site.warehouse.loading() as area, area.transaction():
        area.connection.execute(
            "create temp table received as select 'M1' as meter_id, 'import' as channel, "
            "timestamp '2026-07-01' as interval_start_utc"
        )
        area.bring("meter_reads", of="received")
        assert area.connection.sql("select count(*), count(distinct meter_id) from raw.meter_reads").fetchall() == [
            (2, 1)
        ]
        area.bring("meter_reads", of="received")
        assert area.connection.sql("select count(*) from raw.meter_reads").fetchall() == [(2,)]


def test_the_rights_of_the_service_are_enough(site: Site, read: Read, postgres_server: EmbeddedPostgres) -> None:
    owner = site.settings.warehouse_url
    assert owner is not None
    url = make_url(owner.get_secret_value())
    service = url.set(username="service", password="planted-service").render_as_string(hide_password=False)
    site.settings = site.settings.model_copy(
        update={name: SecretStr(service) for name in ("database_url", "warehouse_url")}
        | {"admin_url": SecretStr(postgres_server.url())}
    )
    site.warehouse = Warehouse(site.settings)
    prepare(site.settings)

    deliver(site, read)
    site.write("d.csv", [read(meter="M1", start="2026-05-01", kwh="x"), *(read(meter=f"N{n}") for n in range(30))])
    site.land()
    load_ids = land("meter_reads", "2026-07-15", site.settings)
    refuse(load_ids, "a check said no", site.settings)

    owned = Warehouse(site.settings.model_copy(update={"warehouse_url": owner}))
    owners = owned.arrow("select distinct tableowner as owner from pg_tables where schemaname = 'raw'")
    assert owners.to_pylist() == [{"owner": "loader"}]
    assert owned.arrow("select count(*) as n from raw.quarantine").to_pylist() == [{"n": 1}]
    replay(settings=site.settings)
    assert overview(site.settings)["rows"].to_pylist() == [1]

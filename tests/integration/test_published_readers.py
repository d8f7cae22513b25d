"""Readers while deliveries go on: no error, no mixed or missing version, prepared statements that live on."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from pydantic import SecretStr

from benchmarks.published_readers import LOOK_UPS, Case, fill, measure, reader_url, report
from meterwise.database import connect
from meterwise.postgres import EmbeddedPostgres
from meterwise.publish import deliver
from meterwise.publish.store import Store
from meterwise.publish.tables import PUBLISHED
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

FEW = Case(
    readers=20, rows=20_000, customers=500, asks_per_second=20, processes=2, quiet_seconds=0.5, warm_up_seconds=0.5
)


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    """A server of our own, since its read-only role gets a password of ours."""
    folder = Path(tempfile.mkdtemp(prefix="meterwise-readers-"))
    with EmbeddedPostgres(folder, durable=False) as server:
        yield server
    shutil.rmtree(folder)


@pytest.fixture
def published(settings: Settings, server: EmbeddedPostgres) -> Settings:
    """Settings with version 1 published, and the password of the read-only role where readers look for it."""
    url = server.create_database(settings.home_path.parent.name)
    settings = settings.model_copy(update={"database_url": SecretStr(url)})
    deliver(fill(FEW, 1, settings), "first", settings)
    (settings.home_path / "reader_password").write_text("of-this-test")
    with connect(settings) as connection:
        connection.execute("alter role meterwise_reader password 'of-this-test'")
    return settings


def test_readers_see_one_whole_version_or_the_next_while_a_publication_runs(published: Settings) -> None:
    outcome = measure(FEW, published, mark=2)

    assert outcome.faults == []
    assert outcome.versions == {"v1", "v2"}, "they read across the switch"
    for look_up in LOOK_UPS:
        times = outcome.milliseconds(look_up, during=False)
        assert len(times) > 50
        assert np.median(times) < 50, "milliseconds; a plan over the chunks instead of the index takes longer"
    rows = [row for row in report([outcome], load=0.5).splitlines() if row.startswith("| 20 asks a second each |")]
    assert [row.split(" | ")[1] for row in rows] == list(LOOK_UPS)


def test_prepared_statements_of_readers_survive_a_publication_and_a_new_column(published: Settings) -> None:
    query = "select segment_code, action from published.customer_segments where customer_id = %s"
    with psycopg.connect(reader_url(published), autocommit=True) as reader:
        reader.prepare_threshold = 0

        def look_up() -> tuple:
            return reader.execute(query, ["C000007"]).fetchone()

        before = [look_up() for _ in range(7)]  # from the sixth on, PostgreSQL runs a plan that it keeps
        day = fill(FEW, 2, published)
        Warehouse(published).execute("alter table publish.customer_segments add column note varchar default 'new'")
        deliver(day, "second", published)

        assert set(before) == {("v1", 0)}
        assert look_up() == ("v2", 0)
        assert reader.execute("select note from published.customer_segments limit 1").fetchone() == ("new",)


def test_readers_do_not_wait_for_the_copy_when_a_column_is_added(
    published: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = fill(FEW, 2, published)
    Warehouse(published).execute("alter table publish.customer_segments add column note varchar default 'new'")
    seen = []
    copy = Store.copy

    def look_while_copying(store: Store, *arguments: Any) -> None:
        copy(store, *arguments)
        with psycopg.connect(reader_url(published), options="-c lock_timeout=1s") as reader:
            seen.extend(reader.execute("select distinct segment_code, note from published.customer_segments"))

    monkeypatch.setattr(Store, "copy", look_while_copying)
    deliver(day, "second", published)

    assert set(seen) == {("v1", None)}
    assert len(seen) == len(PUBLISHED)


def test_every_table_is_looked_up_by_an_index_whose_plan_knows_the_books(published: Settings) -> None:
    with connect(published) as connection:
        known = connection.execute(
            "select relname, reltuples from pg_class where oid in "
            "('published_data.pointer'::regclass, 'published_data.version_chunks'::regclass)"
        ).fetchall()
        indices = connection.execute("select indexname from pg_indexes where schemaname = 'published_data'").fetchall()

    assert dict(known)["pointer"] == 1
    assert dict(known)["version_chunks"] > 5
    assert {f"{table.name}_{'_'.join(table.lookup)}_idx" for table in PUBLISHED} <= {name for (name,) in indices}


def test_an_index_that_an_older_installation_lacks_is_made_by_the_next_delivery(published: Settings) -> None:
    index = "published_data.customer_usage_hourly_customer_id_hour_start_utc_idx"
    with connect(published) as connection:
        connection.execute(f"drop index {index}")
        deliver(fill(FEW, 2, published), "second", published)
        assert connection.execute("select to_regclass(%s)", [index]).fetchone() != (None,)

"""One delivery: what changed in the publish layer since the last one goes to PostgreSQL, whole or not at all."""

import logging
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

from meterwise.data_contracts import contracts
from meterwise.database import connect
from meterwise.ops import REMEMBER_SEGMENTS, migrate
from meterwise.publish.extract import publish_layer
from meterwise.publish.schema import prepare
from meterwise.publish.store import Plan, Store
from meterwise.publish.tables import PUBLISHED, PublishedTable, named
from meterwise.settings import Settings, get_settings

log = logging.getLogger(__name__)


def deliver(
    as_of_date: str,
    run_id: str,
    settings: Settings | None = None,
    only: Collection[str] = (),
    withheld: Mapping[str, str] | None = None,
) -> int:
    """Publish the state of a local day; returns the version.

    A version for an older day than the current one is stored and never becomes current. A chunk whose rows are there
    already is not copied again. Readers see the version before until the end, and then this one, in all tables.

    Args:
        as_of_date: The local day, ISO.
        run_id: The Airflow run that delivers, for ``published.publications``.
        settings: Where the warehouse and the database are.
        only: Tables to deliver; all others stay as they are published. Empty: every table.
        withheld: Tables that keep their former publication, with the reason in words; one that was never published
            becomes an empty one.

    Raises:
        BreakingChangeError: A table dropped or retyped a published column; nothing was delivered.
        PublishLayerError: The warehouse lacks a table of the publish layer; nothing was delivered.
        NothingToDoError: A part was to be delivered, and there is nothing whole yet that it could stand in.
    """
    settings, withheld = settings or get_settings(), withheld or {}
    day = date.fromisoformat(as_of_date)
    tables = named(only) if only else PUBLISHED
    began = time.monotonic()
    with closing(connect(settings)) as connection:
        store = Store(connection)
        store.lock()
        prepare(connection, settings)
        migrate(settings)
        base = store.base() if only else None
        with _exports(settings) as folder:
            kept = _kept(store, tables, withheld)
            plans = _export(store, day, _fresh(tables, kept), withheld, folder, settings)
            descriptions = contracts(settings)
            for plan in plans:
                store.widen(plan, descriptions.get(plan.extract.table.name))
            with connection.transaction():
                for plan in plans:
                    name = plan.extract.table.name
                    store.copy(plan, folder / f"{name}.csv", descriptions.get(name))
                version = store.record([*plans, *kept], day, run_id, base)
                if any("segment_code" in plan.extract.columns for plan in plans):
                    connection.execute(REMEMBER_SEGMENTS)
        forgotten = store.forget(settings.publications_kept_days)
        shown = [plan for plan in [*plans, *kept] if plan.extract.table in tables]
        _report(shown, version, day, store.is_current(version), forgotten, time.monotonic() - began)
    return version


def _kept(store: Store, tables: Sequence[PublishedTable], withheld: Mapping[str, str]) -> list[Plan]:
    """Return the tables that stay as they are published: those that nobody asked for, and those that are withheld."""
    named(withheld)  # an unknown name is a mistake of the caller
    found = [
        store.keep(table, withheld.get(table.name, ""))
        for table in PUBLISHED
        if table not in tables or table.name in withheld
    ]
    return [plan for plan in found if plan]


def _fresh(tables: Sequence[PublishedTable], kept: Sequence[Plan]) -> list[PublishedTable]:
    stay = {plan.extract.table for plan in kept}
    return [table for table in tables if table not in stay]


def _export(
    store: Store,
    day: date,
    tables: Sequence[PublishedTable],
    withheld: Mapping[str, str],
    folder: Path,
    settings: Settings,
) -> list[Plan]:
    """Write the chunks that PostgreSQL lacks to files; the warehouse is held for no longer than this."""
    with publish_layer(day, tables, settings) as layer:
        extracts = [layer.extract(table) for table in tables]
        empty = [replace(one, chunks=()) if one.table.name in withheld else one for one in extracts]
        plans = [replace(plan, note=withheld.get(plan.extract.table.name, "")) for plan in store.plan(empty, day)]
        for plan in plans:
            if plan.new:
                layer.export(plan.extract, plan.new, folder / f"{plan.extract.table.name}.csv")
    return plans


@contextmanager
def _exports(settings: Settings) -> Iterator[Path]:
    """Give a folder for the rows in passing; one that a killed delivery left is emptied (the lock says it is dead)."""
    folder = settings.exports_path / "publish"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _report(plans: Sequence[Plan], version: int, day: date, is_current: bool, forgotten: int, seconds: float) -> None:
    for plan in plans:
        name, chunks = plan.extract.table.name, len(plan.kept) + len(plan.new)
        news = "unchanged" if plan.is_unchanged else f"{len(plan.new)} of {chunks} chunks copied"
        if plan.as_of_date < day:
            news = f"no rows for {day}, the publication of {plan.as_of_date} stays"
        if plan.as_of_date > day:
            news = f"the publication of {plan.as_of_date} stays, which is newer than {day}"
        if plan.note:
            log.warning("published.%s was withheld, the publication before it stays: %s", name, plan.note)
            continue
        log.info("published.%s: %s rows, %s", name, f"{plan.rows:,}", news)
    if not is_current:
        log.info("A newer day is current, so version %s is stored and not shown.", version)
    log.info("Version %s for %s delivered in %.1f s; %s old chunks removed", version, day, seconds, forgotten)

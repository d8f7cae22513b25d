"""The same deliveries, corrected, refused and let in again, leave the same raw tables on both engines, to the row."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from landing_site import Site

from meterwise.ingest import accept, land, refuse
from meterwise.postgres import EmbeddedPostgres
from meterwise.quarantine import replay

TABLES = {
    "meter_reads": "*",
    "register_reads": "*",
    "load_audit": "* exclude (seconds, origin, origin_version)",
    "quarantine": "* exclude (origin)",
}
FIRST = datetime(2026, 5, 30)


@pytest.fixture
def sites(tmp_path: Path, postgres_server: EmbeddedPostgres) -> list[Site]:
    url = postgres_server.create_database(f"alike_{tmp_path.name}".lower()[:60])
    folders = [tmp_path / "duckdb", tmp_path / "postgresql"]
    for folder in folders:
        folder.mkdir()
    return [Site(folders[0]), Site(folders[1], url)]


def lines(dice: Random, is_register: bool) -> Iterator[str]:
    """Reads of three meters, some of them bad; late ones reach weeks back over the end of a month."""
    span = dice.choice([1, 40])
    for _ in range(15):
        meter, channel = dice.choice(["M1", "M2", "M3"]), dice.choice(["import", "import", "export"])
        at = FIRST + timedelta(days=dice.randrange(span), minutes=dice.choice([30, 60, 60]) * dice.randrange(30))
        counter = round((at - FIRST).total_seconds() / 3600 * dice.choice([1, 1, 1.01]), 2)
        kwh = counter if is_register else dice.choice([1, 2, 3, "x"])
        yield f"{meter},{channel},{at:%Y-%m-%d %H:%M},{kwh},2026-07-{dice.randint(2, 9):02d}"


def tables(site: Site) -> dict[str, list[tuple[Any, ...]]]:
    return {table: site.rows(f"select {columns} from raw.{table} order by all") for table, columns in TABLES.items()}


@pytest.mark.parametrize(("is_register", "seed"), [(False, 3), (True, 5)])
def test_both_engines_hold_the_same_rows(sites: list[Site], is_register: bool, seed: int) -> None:
    dice = Random(seed)
    for site in sites:
        site.reads(max_bad_share=1.0, cumulative=is_register, interval_minutes=60 if is_register else 30)
    for day in (13, 14, 15):
        delivered = list(lines(dice, is_register))
        for site in sites:
            site.write(f"{day}.csv", delivered)
        load_ids, *others = [land("meter_reads", f"2026-07-{day}", site.settings) for site in sites]
        assert others == [load_ids]
        for site in sites:
            if day == 14:
                refuse(load_ids[-1:], "a check said no", site.settings)
            accept(load_ids, site.settings)
    for site in sites:
        replay(settings=site.settings)
        site.account()
    duckdb, postgresql = map(tables, sites)
    assert duckdb["meter_reads"]
    assert postgresql == duckdb

"""A folder with a ``sources.yml`` and files that a test writes, and what landing made of them."""

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from meterwise.ingest import accept, land
from meterwise.postgres import EmbeddedPostgres
from meterwise.raw_tables import RAW_TABLES
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

DATABASES = count()
BOOKS = ("load_audit", "pull_cursors", "quarantine")
HEADER = "meter,channel,start,kwh,received_at"
COLUMNS = {"meter_id": "meter", "channel": "channel", "interval_start_utc": "start", "consumption_kwh": "kwh"}


class Site:
    """One installation with its sources."""

    def __init__(self, folder: Path, warehouse_url: str | None = None) -> None:
        """On DuckDB, or on the PostgreSQL database of that URL."""
        self.folder = folder
        self.settings = Settings(
            home=folder / "home",
            sources_file=folder / "sources.yml",
            last_date="2026-07-15",
            warehouse="postgresql" if warehouse_url else "duckdb",
            warehouse_url=warehouse_url,
        )
        self.warehouse = Warehouse(self.settings)
        self.sources: dict[str, Any] = {}

    def source(self, name: str, **body: Any) -> None:
        """Add a source, or change one."""
        self.sources[name] = body
        page = {"utility": {"name": "Test", "timezone": "Europe/Berlin"}, "sources": self.sources}
        (self.folder / "sources.yml").write_text(yaml.safe_dump(page))

    def reads(self, **more: Any) -> None:
        """The usual source of reads: half-hours in UTC, long CSV."""
        body = {"table": "meter_reads", "kind": "files", "path": "in/*.csv", "columns": COLUMNS, "timezone": "UTC"}
        self.source("reads", **{**body, "interval_minutes": 30, "received_at": "received_at", **more})

    def write(self, name: str, lines: Sequence[str], header: str = HEADER) -> Path:
        """Write a text file."""
        path = self.folder / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join([header, *lines]) + "\n")
        return path

    def land(self, domain: str = "meter_reads", day: str = "2026-07-15") -> list[str]:
        """Land a domain and accept what landed."""
        load_ids = land(domain, day, self.settings)
        accept(load_ids, self.settings)
        return load_ids

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query in DuckDB's SQL on the raw tables, whatever the engine."""
        with self.warehouse.reading([f"raw.{table}" for table in (*RAW_TABLES, *BOOKS) if table in sql]) as connection:
            return connection.sql(sql).fetchall()

    def account(self) -> tuple[int, int, int, int]:
        """Rows landed, accepted, duplicate and quarantined over all loads; checks the law of accounting."""
        unequal = "landed_rows <> accepted_rows + duplicate_rows + quarantined_rows"
        assert self.rows(f"select load_id from raw.load_audit where {unequal}") == []
        sums = "sum(landed_rows), sum(accepted_rows), sum(duplicate_rows), sum(quarantined_rows)"
        return tuple(int(total or 0) for total in self.rows(f"select {sums} from raw.load_audit")[0])  # type: ignore[return-value]

    def current(self) -> dict[tuple[str, Any], float]:
        """Current value of each read."""
        rows = self.rows(
            "select meter_id, interval_start_utc, consumption_kwh::double from raw.meter_reads "
            "qualify row_number() over (partition by meter_id, channel, interval_start_utc "
            "order by received_at_utc desc, version_no desc) = 1"
        )
        return {(meter, start): kwh for meter, start, kwh in rows}


on_both_engines = pytest.mark.parametrize("engine", ["duckdb", "postgresql"], indirect=True)
"""Runs a test of ``site`` on PostgreSQL too."""


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """The engine that keeps the warehouse of ``site``."""
    return str(getattr(request, "param", "duckdb"))


@pytest.fixture
def warehouse_url(request: pytest.FixtureRequest, engine: str) -> str | None:
    """An empty PostgreSQL database, where that is the engine."""
    if engine == "duckdb":
        return None
    server: EmbeddedPostgres = request.getfixturevalue("postgres_server")
    return server.create_database(f"warehouse_{next(DATABASES)}")


@pytest.fixture
def site(tmp_path: Path, warehouse_url: str | None) -> Site:
    """An installation whose source of reads is the usual one."""
    site = Site(tmp_path, warehouse_url)
    site.reads()
    return site


@pytest.fixture
def read() -> Callable[..., str]:
    """Write one line of a long file."""

    def line(
        meter: str = "M1", start: str = "2026-07-01 00:00", kwh: object = 1.0, received: str = "2026-07-02"
    ) -> str:
        return f"{meter},import,{start},{kwh},{received}"

    return line

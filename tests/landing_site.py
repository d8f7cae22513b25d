"""A folder with a ``sources.yml`` and files that a test writes, and what landing made of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from meterwise.ingest import accept, land
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

HEADER = "meter,channel,start,kwh,received_at"
COLUMNS = {"meter_id": "meter", "channel": "channel", "interval_start_utc": "start", "consumption_kwh": "kwh"}


class Site:
    """One installation with its sources."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(home=folder / "home", sources_file=folder / "sources.yml", last_date="2026-07-15")
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
        """Run a query."""
        return [tuple(row.values()) for row in self.warehouse.arrow(sql).to_pylist()]

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


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An installation whose source of reads is the usual one."""
    site = Site(tmp_path)
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

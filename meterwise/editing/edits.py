"""Edits of reads: first what they would change, then the record of it. They land with the next landing of reads."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from meterwise.editing import records
from meterwise.editing.asked import EditError
from meterwise.editing.planning import plan
from meterwise.settings import Settings, get_settings
from meterwise.sources.config import load_sources
from meterwise.warehouse import Warehouse


def preview(asked: pa.Table, may_be_negative: bool = False, settings: Settings | None = None) -> pa.Table:
    """Return what would change, one row an interval; waits for its turn at the warehouse.

    Args:
        asked: What somebody asks for, of ``meterwise.editing.asked``.
        may_be_negative: Whether ``import`` may become negative.
        settings: Defaults to those of the process.

    Raises:
        EditError: Some of it cannot be.
        WarehouseBusyError: Others had the turn for more than two minutes.
    """
    settings = settings or get_settings()
    utility = load_sources(settings=settings).utility
    warehouse = Warehouse(settings)
    warehouse.create_raw_tables()
    with warehouse.loading() as area:
        return plan(area, asked, utility.timezone, utility.now_utc(settings), may_be_negative, settings)


def record(edits: pa.Table, reason: str, author: str, settings: Settings | None = None) -> None:
    """Remember edits for good, all or none.

    Raises:
        EditError: Nobody answers for them.
    """
    if not reason.strip() or not author.strip():
        raise EditError("An edit needs a reason and an author (--reason, --author): the trail shows both.")
    settings = settings or get_settings()
    now_utc = load_sources(settings=settings).utility.now_utc(settings)
    records.append(edits, reason.strip(), author.strip(), now_utc, settings)


def history(
    meter_id: str, start: str | None = None, end: str | None = None, settings: Settings | None = None
) -> list[dict[str, Any]]:
    """Return every edit of a meter's reads, by interval and then in their order; the warehouse is not asked.

    Args:
        meter_id: Number of the meter.
        start: Only intervals that begin at this time (ISO, local or with an offset) or later.
        end: Only intervals that begin before it.
        settings: Defaults to those of the process.

    Raises:
        EditError: A time cannot be read.
    """
    settings = settings or get_settings()
    zone = ZoneInfo(load_sources(settings=settings).utility.timezone)
    return records.trail(meter_id, _utc(start, zone), _utc(end, zone), settings)


def _utc(told: str | None, zone: ZoneInfo) -> datetime | None:
    if told is None:
        return None
    try:
        found = datetime.fromisoformat(told)
    except ValueError:
        raise EditError(f"'{told}' is not a time; write it as 2026-07-01T10:15.") from None
    return found.replace(tzinfo=found.tzinfo or zone).astimezone(UTC).replace(tzinfo=None)

"""Reads, contracts and bills as a test writes them down, made into what rating takes."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from meterwise.tariffs.calendar import minutes_of
from meterwise.tariffs.compiled import holiday_table
from meterwise.tariffs.rating import INPUT

Row = dict[str, Any]


def span(text: str) -> tuple[date, date]:
    """``2026-04-01..2026-04-30``, ``2026-04`` or a single day."""
    if ".." in text:
        first, last = text.split("..")
        return date.fromisoformat(first), date.fromisoformat(last)
    if len(text) == 7:
        first = date.fromisoformat(f"{text}-01")
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return date.fromisoformat(text), date.fromisoformat(text)


def midnight_utc(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC).replace(tzinfo=None)


def intervals_of(block: Mapping[str, Any], minutes: int, zone: ZoneInfo) -> Iterator[tuple[datetime, int]]:
    """Start and minutes of the intervals of a block; ``minutes: 1440`` are local days, however long."""
    first, last = span(str(block["days"]))
    hours = [pair for text in block.get("hours", "00:00-24:00").split(", ") for pair in minutes_of(text)]
    for offset in range((last - first).days + 1):
        start, end = (midnight_utc(first + timedelta(days=offset + more), zone) for more in (0, 1))
        if minutes == 1440:
            yield start, int((end - start).total_seconds() // 60)
            continue
        while start < end:
            local = start.replace(tzinfo=UTC).astimezone(zone)
            if any(begin <= 60 * local.hour + local.minute < stop for begin, stop in hours):
                yield start, minutes
            start += timedelta(minutes=minutes)


def reads(blocks: Sequence[Mapping[str, Any]], minutes: int, zone: ZoneInfo, contract: str = "c") -> list[Row]:
    """Rows of intervals; a later block stands in for what earlier ones said of the same intervals."""
    found: dict[tuple[str, datetime], Row] = {}
    for block in blocks:
        channel = block.get("channel", "import")
        for start, length in intervals_of(block, block.get("minutes", minutes), zone):
            found[channel, start] = {
                "contract_id": contract,
                "channel": channel,
                "interval_start_utc": start,
                "interval_minutes": length,
                "kwh": None if block["kwh"] == "missing" else Decimal(str(block["kwh"])),
                "is_estimated": bool(block.get("estimated", False)),
            }
    return list(found.values())


def tables(case: Mapping[str, Any], blocks: Sequence[Mapping[str, Any]]) -> dict[str, pa.Table]:
    """Relations that rating reads, by name."""
    zone = ZoneInfo(case.get("timezone", "Europe/Berlin"))
    contracts = case.get("contracts", [{}])
    rows: dict[str, list[Row]] = {
        "intervals": reads(blocks, case.get("minutes", 1440), zone),
        "contract_spans": [
            {
                "rating_id": "c",
                "contract_id": "c",
                "tariff_code": contract.get("tariff", "T"),
                "billing_code": "cycle",
                "start_on": date.fromisoformat(str(contract.get("start", "2020-01-01"))),
                "end_on": date.fromisoformat(str(contract["end"])) if "end" in contract else None,
                "contracted_kw": Decimal(str(contract["kw"])) if "kw" in contract else None,
            }
            for contract in contracts
        ],
        "bill_periods": [
            {"billing_code": "cycle", "bill_from_on": first, "bill_to_on": last, "months": case.get("months", 1)}
            for first, last in map(span, case["bills"])
        ],
        "carried_usage": [
            {"contract_id": "c", "year_on": date.fromisoformat(str(year)), "kwh": Decimal(str(kwh))}
            for year, kwh in case.get("carried", {}).items()
        ],
    }
    days = {date.fromisoformat(str(day)): kind for day, kind in case.get("holidays", {}).items()}
    made = {name: pa.Table.from_pylist(listed, INPUT[name]) for name, listed in rows.items()}
    return {**made, "holidays": holiday_table(days)}

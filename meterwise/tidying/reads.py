"""Meter reads that raw gives up, where ``raw_kept_days`` says so; without it raw forgets nothing.

Their use stays in the ledger and in all that is built on it. From then on the landing refuses reads of those days: a
correction without what it corrects would be booked as more use.
"""

from datetime import datetime, timedelta

from meterwise import planning
from meterwise.ingest.account import FORGOTTEN, forgotten_before, next_load_id, write_audit
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

TABLE = "meter_reads"
OLD = "interval_start_utc < $before and load_id = any($booked)"
"""Only what the ledgers have booked: a build that is late finds everything that it needs."""
LEDGERS_THERE = """
select table_name from information_schema.tables where table_schema = 'intermediate' and table_name = any($ledgers)
"""
BY_HOUR, BY_STEP = "int_usage_hourly_ledger", "int_usage_interval_ledger"


def forget(settings: Settings) -> str:
    """Remove the reads of days that raw need not keep."""
    if settings.raw_kept_days is None:
        return "reads: all are kept (METERWISE_RAW_KEPT_DAYS is not set)"
    warehouse = Warehouse(settings)
    booked = _booked(warehouse)
    if not booked:
        return "reads: nothing was booked yet, so all are kept"
    utility = planning.utility(settings)
    today = utility.today(settings)
    before = datetime.combine(today - timedelta(days=settings.raw_kept_days), datetime.min.time())
    old = {"before": before, "booked": booked}
    rows: int = warehouse.arrow(f"select count(*) as n from raw.{TABLE} where {OLD}", old)["n"][0].as_py()
    if rows:
        _write_down(before, utility.now_utc(settings), warehouse)
        warehouse.execute(f"delete from raw.{TABLE} where {OLD}", old, role="loader")
    return f"reads before {before:%Y-%m-%d}: {rows:,} rows"


def _booked(warehouse: Warehouse) -> list[str]:
    """Loads that every ledger of use has booked, that by the step of the forecasts too where there is one."""
    step = warehouse.settings.forecast_step_minutes
    ledgers = [BY_HOUR] if step == 60 else [BY_HOUR, BY_STEP]
    if len(warehouse.arrow(LEDGERS_THERE, {"ledgers": ledgers})) < len(ledgers):
        return []
    loads = f"select distinct load_id from intermediate.{BY_HOUR}"
    if step < 60:
        loads += f" intersect select load_id from intermediate.{BY_STEP} where interval_minutes = {step}"
    found: list[str] = warehouse.arrow(f"{loads} order by load_id")["load_id"].to_pylist()
    return found


def _write_down(before: datetime, now_utc: datetime, warehouse: Warehouse) -> None:
    """Say first what is to go: a kill behind this leaves reads that are there and refused, never the reverse."""
    with warehouse.loading() as area, area.transaction():
        known = forgotten_before(area.connection)
        if known and known >= before:
            return
        audit = {
            "load_id": next_load_id(area.connection, TABLE),
            "source": "raw_kept_days",
            "table_name": TABLE,
            "origin": "meterwise tidy",
            "state": FORGOTTEN,
            "as_of_date": before.date(),
            **dict.fromkeys(("landed_rows", "accepted_rows", "duplicate_rows", "quarantined_rows", "suspect_rows"), 0),
            "seconds": 0.0,
            "loaded_at_utc": now_utc,
            "last_event_utc": before,
        }
        write_audit(area.connection, audit)

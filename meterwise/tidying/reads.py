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
"""Only what the ledger has booked: a build that is late finds everything that it needs."""
HAS_LEDGER = """
select 1 as found from information_schema.tables
where table_schema = 'intermediate' and table_name = 'int_usage_hourly_ledger'
"""
BOOKED = "select distinct load_id from intermediate.int_usage_hourly_ledger order by load_id"


def forget(settings: Settings) -> str:
    """Remove the reads of days that raw need not keep."""
    if settings.raw_kept_days is None:
        return "reads: all are kept (METERWISE_RAW_KEPT_DAYS is not set)"
    warehouse = Warehouse(settings)
    if not len(warehouse.arrow(HAS_LEDGER)):
        return "reads: nothing was booked yet, so all are kept"
    utility = planning.utility(settings)
    today = utility.today(settings)
    before = datetime.combine(today - timedelta(days=settings.raw_kept_days), datetime.min.time())
    old = {"before": before, "booked": warehouse.arrow(BOOKED)["load_id"].to_pylist()}
    rows: int = warehouse.arrow(f"select count(*) as n from raw.{TABLE} where {OLD}", old)["n"][0].as_py()
    if rows:
        _write_down(before, utility.now_utc(settings), warehouse)
        warehouse.execute(f"delete from raw.{TABLE} where {OLD}", old, role="loader")
    return f"reads before {before:%Y-%m-%d}: {rows:,} rows"


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

"""Which files of messages the warehouse has taken in; only the others are needed still."""

from pathlib import Path

from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

HAS_AUDIT = "select 1 as found from information_schema.tables where table_schema = 'raw' and table_name = 'load_audit'"
TAKEN_IN = "select distinct origin from raw.load_audit where state in ('accepted', 'refused') order by origin"
"""The rows of a load that was refused are in quarantine, from where they can be admitted."""


def taken_in(settings: Settings) -> set[Path]:
    """Return the files of messages that are there and whose messages are in the warehouse, good or in quarantine."""
    found = set(settings.listening_path.glob("*/*.ndjson"))
    if not found or (settings.warehouse == "duckdb" and not settings.warehouse_path.exists()):
        return set()
    warehouse = Warehouse(settings)
    if not len(warehouse.arrow(HAS_AUDIT)):
        return set()
    origins = warehouse.arrow(TAKEN_IN, role="loader")["origin"].to_pylist()
    names = {Path(origin).parts[-2:] for origin in origins}
    return {path for path in found if path.parts[-2:] in names}

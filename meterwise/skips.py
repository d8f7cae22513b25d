"""Which model had nothing to score on a day, and why: ``scores.model_skips``. Publication takes it for the scores."""

from datetime import date

import pyarrow as pa

from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

SCHEMA = pa.schema([("as_of_date", pa.date32()), ("model", pa.string()), ("reason", pa.string())])


def record_skip(model: str, as_of_date: date, reason: str | None, settings: Settings | None = None) -> None:
    """Replace the word of a model for a day; None, when it scored, takes an earlier word away."""
    partition = {"as_of_date": as_of_date, "model": model}
    rows = [{**partition, "reason": reason}] if reason else []
    Warehouse(settings).replace_partition("scores.model_skips", pa.Table.from_pylist(rows, schema=SCHEMA), partition)

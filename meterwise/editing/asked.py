"""What somebody asks to be edited: one span of a meter, or the rows of a CSV; as text, as they wrote it."""

from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from meterwise.outcomes import RefusedError

NEEDED = ("meter_id", "interval_start", "kwh")
OPTIONAL = ("interval_end", "channel", "interval_minutes")
COLUMNS = (*NEEDED, *OPTIONAL)
"""``interval_end`` behind the end of the first interval: all up to there get the same value."""
FIRST_LINE = 2


class EditError(RefusedError):
    """An edit cannot be made as it is asked for; the text names each row and what to do. Nothing was recorded."""


def of_span(
    meter_id: str, start: str, end: str | None, kwh: str, channel: str, interval_minutes: int | None
) -> pa.Table:
    """Return one span as the only row, columns ``COLUMNS`` and ``line``."""
    minutes = None if interval_minutes is None else str(interval_minutes)
    values = (meter_id, start, kwh, end, channel, minutes)
    return _texts({name: [value] for name, value in zip(COLUMNS, values, strict=True)}, 1)


def of_csv(path: Path, channel: str, interval_minutes: int | None) -> pa.Table:
    """Return the rows of a CSV with a header, columns ``COLUMNS`` and ``line``; what it does not say is as given.

    Raises:
        EditError: It cannot be read, or has other columns.
    """
    try:
        header = csv.open_csv(path).schema.names
        types = dict.fromkeys(header, pa.string())
        found = csv.read_csv(path, convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=True))
    except (OSError, pa.ArrowInvalid) as error:
        raise EditError(f"{path} cannot be read as CSV: {str(error).splitlines()[0]}") from None
    missing, unknown = set(NEEDED) - set(header), set(header) - set(COLUMNS)
    if missing or unknown or not len(found):
        raise EditError(
            f"{path}: the first line must name {', '.join(NEEDED)} and may name {', '.join(OPTIONAL)}, and rows must "
            f"follow. Missing: {', '.join(sorted(missing)) or 'none'}; unknown: {', '.join(sorted(unknown)) or 'none'}."
        )
    given = {"channel": channel, "interval_minutes": None if interval_minutes is None else str(interval_minutes)}
    absent = {name: [given.get(name)] * len(found) for name in COLUMNS if name not in header}
    return _texts({**{name: found[name] for name in header}, **absent}, FIRST_LINE)


def _texts(columns: dict[str, object], first_line: int) -> pa.Table:
    texts = pa.table({name: columns[name] for name in COLUMNS}, schema=pa.schema([(n, pa.string()) for n in COLUMNS]))
    return texts.append_column("line", pa.array(range(first_line, first_line + len(texts)), pa.int64()))

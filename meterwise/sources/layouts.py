"""Turns wide and matrix files into one row per value, with the cell's place in the day where the file gives one.

The outcome is the relation ``cells``: the mapped source columns, ``_line_no`` and

- ``_slot``: name of the value's column, ``_value``: the value as text;
- wide only: ``_minute``: minutes from local midnight to the start of the interval, ``_is_elapsed``: counted on a
  stopwatch (else on the wall clock), ``_is_second``: the second of two equal wall clock times, ``_interval_minutes``.
"""

import re
from dataclasses import dataclass, replace

import duckdb

from meterwise.sources.config import FileSource, SqlSource
from meterwise.sources.problems import Problem, SourceError
from meterwise.sources.rows import LINE, SourceRows, literal, quoted

CLOCK = re.compile(r"^\D{0,3}?(\d{1,2})[:.hH]?(\d{2})(?:[:.]00)?\s*([_ ]?[A-Za-z0-9]?)$")
INTERVALS = {24: 60, 25: 60, 48: 30, 50: 30, 96: 15, 100: 15, 288: 5, 300: 5}


@dataclass(frozen=True)
class Slot:
    """One value column of a wide file."""

    column: str
    minute: int
    is_elapsed: bool
    is_second: bool


def reshape(connection: duckdb.DuckDBPyConnection, rows: SourceRows, source: FileSource | SqlSource) -> SourceRows:
    """Make ``cells`` of a wide or matrix file; a long one passes unchanged.

    Raises:
        SourceError: The value columns are not those of a day.
    """
    layout = source.layout if isinstance(source, FileSource) else "long"
    if layout == "long":
        return rows
    assert isinstance(source, FileSource)  # noqa: S101  (only files have a layout)
    names = _value_columns(source, list(rows.types))
    if not names:
        raise _problem(source, rows, "has no value columns", "Set `value_columns` to a regular expression of them")
    keep = ", ".join(quoted(name) for name in (*source.mapped_columns, LINE))
    texts = ", ".join(f"{quoted(name)}::varchar as {quoted(name)}" for name in names)
    on = ", ".join(quoted(name) for name in names)
    connection.execute(
        f"create or replace temp view unpivoted as unpivot (select {keep}, {texts} from {rows.relation}) "
        f"on {on} into name _slot value _value"
    )
    if layout == "matrix":
        body = "select * from unpivoted where trim(_value) <> ''"
    else:
        slots, interval = _slots(source, rows, names)
        connection.execute(
            "create or replace temp table slots as select * from (values "
            + ", ".join(f"({literal(s.column)}, {s.minute}, {s.is_elapsed}, {s.is_second})" for s in slots)
            + ") as listed (_slot, _minute, _is_elapsed, _is_second)"
        )
        body = (
            f"select unpivoted.*, slots._minute, slots._is_elapsed, slots._is_second, {interval} as _interval_minutes "
            "from unpivoted inner join slots on unpivoted._slot = slots._slot where trim(unpivoted._value) <> ''"
        )
    connection.execute(f"create or replace temp view cells as {body}")
    types = {name: kind for name, kind, *_ in connection.execute("describe cells").fetchall() if name != LINE}
    return replace(rows, relation="cells", types=types)


def _value_columns(source: FileSource, columns: list[str]) -> list[str]:
    free = [name for name in columns if name not in source.mapped_columns]
    if source.value_columns:
        return [name for name in free if re.fullmatch(source.value_columns, name)]
    if source.layout == "wide" and (clock := [name for name in free if CLOCK.match(name) and ":" in name]):
        return clock
    return free


def _slots(source: FileSource, rows: SourceRows, names: list[str]) -> tuple[list[Slot], int]:
    matches = [CLOCK.match(name) for name in names]
    if all(match and ":" in name for match, name in zip(matches, names, strict=True)):
        return _clock_slots(source, rows, names)
    interval = INTERVALS.get(len(names))
    if interval is None:
        raise _problem(
            source,
            rows,
            f"has {len(names)} value columns; a day has 24, 48, 96 or 288 (25, 50, 100 or 300 with a repeated hour)",
            "Set `value_columns` to a regular expression that matches the value columns only",
        )
    return [Slot(name, position * interval, True, False) for position, name in enumerate(names)], interval


def _clock_slots(source: FileSource, rows: SourceRows, names: list[str]) -> tuple[list[Slot], int]:
    marks = [match for name in names if (match := CLOCK.match(name))]
    minutes = [int(match[1]) * 60 + int(match[2]) for match in marks]
    suffixed = [bool(match[3].strip("_ ")) for match in marks]
    plain = {minute for minute, has_suffix in zip(minutes, suffixed, strict=True) if not has_suffix}
    # A suffix means the second of two equal times only where the first stands beside it without one, or as A and B.
    seconds, seen = [], set()
    for minute, has_suffix in zip(minutes, suffixed, strict=True):
        seconds.append(has_suffix and (minute in plain or minute in seen))
        seen.add(minute)
    interval = INTERVALS.get(len(seen))
    if interval is None:
        raise _problem(
            source,
            rows,
            f"has {len(seen)} times of day as columns; a day has 24, 48, 96 or 288",
            "Deliver a column for each interval of the day, or set `value_columns`",
        )
    shift = interval if source.timestamp == "end" else 0
    starts = [(minute - shift) % 1440 for minute in minutes]
    return [
        Slot(name, start, False, second) for name, start, second in zip(names, starts, seconds, strict=True)
    ], interval


def _problem(source: FileSource, rows: SourceRows, message: str, cure: str) -> SourceError:
    return SourceError(Problem(source.name, rows.origin, message, cure, 1))

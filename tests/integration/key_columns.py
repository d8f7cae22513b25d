"""Columns that published tables are known by, for tests that publish rows without a warehouse."""

from meterwise.publish.tables import PUBLISHED

KINDS = {"_utc": "timestamp '{day}'", "_date": "date '{day}'", "_on": "date '{day}'", "_ahead": "1"}


def key_columns(day: str, without: tuple[str, ...] = ()) -> str:
    """SQL of one value for every key column of every table, by the ending of its name, and of ``as_of_date``."""
    names = dict.fromkeys(["as_of_date", *(column for table in PUBLISHED for column in table.key)])
    return ", ".join(f"{_value(name, day)} as {name}" for name in names if name not in without)


def _value(name: str, day: str) -> str:
    kind = next((value for ending, value in KINDS.items() if name.endswith(ending)), "'one'")
    return kind.format(day=day)

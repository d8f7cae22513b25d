"""The columns of a file as they are needed, whatever the file calls them."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from models.demand.backtest.problems import BacktestError

SEPARATORS = ",;\t|"
EMPTY = ["?", "-", "."]
"""What some public files write for an unknown value, beside what pandas takes for it."""
NO = {"", "0", "0.0", "false", "f", "no", "n", "none", "nan", "null"}
UNREADABLE = (OSError, EOFError, pa.ArrowException, pd.errors.ParserError, pd.errors.EmptyDataError)


@dataclass(frozen=True)
class Columns:
    """What the file calls the columns that count.

    Attributes:
        time: Starts of the intervals.
        value: Load or energy of the interval.
        series: Name of the series; None is one series, named after the file.
        temperatures: Outdoor temperatures of one or more stations; one text may name several, parted by commas.
        holidays: Whether the row lies on a public holiday: a flag, or its name.
        school_holidays: Whether it lies in the school holidays, likewise.
        humidities: Relative humidities of one or more stations in percent, named like temperatures.
    """

    time: str
    value: str
    series: str | None = None
    temperatures: Sequence[str] = ()
    holidays: str | None = None
    school_holidays: str | None = None
    humidities: Sequence[str] = ()


def read_columns(path: Path, columns: Columns) -> pd.DataFrame:
    """Read a CSV (also .gz) or Parquet file.

    Returns:
        Rows in the file's order: unique_id, time (text or timestamp), y, temperature_0 and so on, humidity_0 and so
        on, is_holiday, is_school_holiday.

    Raises:
        BacktestError: The file or a column is missing or empty, or a value is not a number.
    """
    if not path.is_file():
        raise BacktestError(f"{path} does not exist: name a CSV, CSV.gz or Parquet file.")
    try:
        header, separator = _header(path)
        wanted = _found(path, columns, header)
        raw = _read(path, wanted, separator)
    except UNREADABLE as error:
        raise BacktestError(f"{path} cannot be read as CSV or Parquet: {str(error).splitlines()[0]}") from None
    if raw.empty:
        raise BacktestError(f"{path} has no rows below its header.")
    return _named(path, raw, wanted)


def _is_parquet(path: Path) -> bool:
    return path.suffix in {".parquet", ".pq"}


def _header(path: Path) -> tuple[list[str], str]:
    """Return the names of the columns, and what parts them in a CSV."""
    if _is_parquet(path):
        return list(pq.read_schema(path).names), ","
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", errors="replace") as lines:
        first = lines.readline()
    if not first.strip():
        raise BacktestError(f"{path} is empty.")
    separator = max(SEPARATORS, key=first.count)
    head = pd.read_csv(path, sep=separator, nrows=0, encoding="utf-8-sig", encoding_errors="replace")
    return [str(name) for name in head.columns], separator


def _found(path: Path, columns: Columns, header: Sequence[str]) -> Columns:
    """Return the columns with temperatures and humidities one by one.

    Raises:
        BacktestError: One of them is not in the file.
    """
    temperatures, humidities = _one_by_one(columns.temperatures, header), _one_by_one(columns.humidities, header)
    found = replace(columns, temperatures=temperatures, humidities=humidities)
    weather = (*temperatures, *humidities)
    wanted = [found.time, found.value, found.series, *weather, found.holidays, found.school_holidays]
    missing = [name for name in wanted if name is not None and name not in header]
    if missing:
        raise BacktestError(f"{path} has no column {', '.join(missing)}; it has {', '.join(header)}.")
    return found


def _one_by_one(named: Sequence[str], header: Sequence[str]) -> tuple[str, ...]:
    parted = [part.strip() for text in named for part in ([text] if text in header else text.split(","))]
    return tuple(dict.fromkeys(part for part in parted if part))


def _read(path: Path, columns: Columns, separator: str) -> pd.DataFrame:
    written = (columns.time, columns.series, columns.holidays, columns.school_holidays)
    texts = {name: str for name in written if name}
    names = list(dict.fromkeys([*texts, columns.value, *columns.temperatures, *columns.humidities]))
    if _is_parquet(path):
        return pq.read_table(path, columns=names).to_pandas(ignore_metadata=True)
    return pd.read_csv(
        path,
        sep=separator,
        usecols=names,
        dtype=texts,
        na_values=EMPTY,
        low_memory=False,
        float_precision="round_trip",
        encoding="utf-8-sig",
        encoding_errors="replace",
    )


def _named(path: Path, raw: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    frame = pd.DataFrame({"time": raw[columns.time], "y": _numbers(path, raw, columns.value)})
    frame["unique_id"] = raw[columns.series].astype(str) if columns.series else stem(path)
    for kind, names in (("temperature", columns.temperatures), ("humidity", columns.humidities)):
        for place, name in enumerate(names):
            frame[f"{kind}_{place}"] = _numbers(path, raw, name)
    frame["is_holiday"] = _flags(raw[columns.holidays]) if columns.holidays else False
    frame["is_school_holiday"] = _flags(raw[columns.school_holidays]) if columns.school_holidays else False
    for name, written in (("time", columns.time), ("unique_id", columns.series)):
        empty = raw[written].isna() if written else pd.Series(False, index=raw.index)
        if empty.any():
            kind = "time" if name == "time" else "name of its series"
            raise BacktestError(f"{path}, column {written}, row {_first(empty)}: the row has no {kind}; take it out.")
    return frame


def stem(path: Path) -> str:
    """Return a file's name without what says its kind."""
    return path.name.split(".")[0] or path.name


def _numbers(path: Path, raw: pd.DataFrame, name: str) -> pd.Series:
    column = raw[name]
    if not pd.api.types.is_numeric_dtype(column):
        known = column.astype(object).where(column.notna(), None)
        column = pd.to_numeric(known.map(str).where(column.notna(), None), errors="coerce")
        wrong = column.isna() & raw[name].notna()
        if wrong.any():
            text = raw[name][wrong].iloc[0]
            cure = "write numbers with a decimal point, and leave unknown ones empty"
            raise BacktestError(f"{path}, column {name}, row {_first(wrong)}: {str(text)!r} is not a number; {cure}.")
    return column.astype(np.float64).replace([np.inf, -np.inf], np.nan)


def _flags(column: pd.Series) -> pd.Series:
    """Return whether a row says that it lies on such a day, by a flag, a number or a name."""
    if pd.api.types.is_numeric_dtype(column):
        return column.fillna(0).astype(float) != 0
    return ~column.astype(object).where(column.notna(), "").map(str).str.strip().str.lower().isin(NO)


def _first(is_wrong: pd.Series) -> int:
    """Return the number of the first such row; the one below the header is 1."""
    return int(np.flatnonzero(is_wrong.to_numpy())[0]) + 1

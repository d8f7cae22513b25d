"""Times as a file writes them, to UTC and back, right on both days of the clock change."""

import re
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from models.demand.backtest.problems import BacktestError
from models.demand.grid import Bools, LoadGrid, Times

ZONE = re.compile(r"\d:\d{2}.*(?:Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$")
"""A time of day with its zone behind it; the day of an ISO date must not pass for one."""
FORMATS = (
    "ISO8601",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
)


@dataclass(frozen=True)
class FileClock:
    """The clock by which a file writes its times.

    Attributes:
        is_local: Whether it is changed twice a year with that of the grid.
        offset_minutes: Of a clock that is never changed, its minutes ahead of UTC.
    """

    is_local: bool
    offset_minutes: int = 0

    def written(self, grid: LoadGrid) -> Times:
        """Return (times,) the grid's times as the file writes them, without a zone."""
        return grid.local_times if self.is_local else grid.times_utc + np.timedelta64(self.offset_minutes, "m")


def known_zone(timezone: str) -> str:
    """Return the name if it is a zone.

    Raises:
        BacktestError: It is none.
    """
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise BacktestError(f"--timezone {timezone} is unknown: write a name like Europe/Berlin or UTC.") from None
    return timezone


def parsed(path: Path, column: str, time: pd.Series) -> tuple[pd.Series, bool]:
    """Read a column of times, to the minute.

    Returns:
        Times without a zone, and whether they are UTC since the column has zones.

    Raises:
        BacktestError: Something in it is no time, or some times have a zone and others not.
    """
    if isinstance(time.dtype, pd.DatetimeTZDtype):
        return time.dt.tz_convert("UTC").dt.tz_localize(None).dt.round("min"), True
    if pd.api.types.is_datetime64_any_dtype(time):
        return time.dt.round("min"), False
    texts = time.astype(str).str.strip()
    zoned = texts.str.contains(ZONE)
    if zoned.any() and not zoned.all():
        row = int(np.flatnonzero(~zoned.to_numpy())[0]) + 1
        raise BacktestError(f"{path}, column {column}, row {row}: {texts[~zoned].iloc[0]} has no zone, as others have.")
    if zoned.any():
        found = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
        return _all_known(path, column, texts, found).dt.tz_localize(None).dt.round("min"), True
    return _without_zone(path, column, texts).dt.round("min"), False


def _without_zone(path: Path, column: str, texts: pd.Series) -> pd.Series:
    read = {form: pd.to_datetime(texts, format=form, errors="coerce") for form in _forms(texts)}
    whole = {form: times for form, times in read.items() if times.notna().all()}
    if len(whole) > 1:
        raise BacktestError(f"{path}, column {column}: day or month first? Write times like 2024-12-31 23:30.")
    best = max(read.values(), key=lambda times: times.count())
    return _all_known(path, column, texts, best)


def _forms(texts: pd.Series) -> list[str]:
    """Return the formats that the first rows may have; a file of millions is not read nine times."""
    head = texts.head(100)
    fitting = [form for form in FORMATS if pd.to_datetime(head, format=form, errors="coerce").notna().all()]
    return fitting[:1] if "ISO8601" in fitting else fitting or ["ISO8601"]


def _all_known(path: Path, column: str, texts: pd.Series, times: pd.Series) -> pd.Series:
    wrong = times.isna().to_numpy()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        cure = "write times like 2024-12-31 23:30 or 2024-12-31T23:30Z"
        raise BacktestError(f"{path}, column {column}, row {row + 1}: {texts.iloc[row]!r} is no time; {cure}.")
    return times


def to_utc(rows: pd.DataFrame, timezone: str) -> tuple[pd.DataFrame, FileClock, list[str]]:
    """Give rows of a local clock their time in UTC.

    The hour that comes twice in autumn is read in the file's order, summer time first. Where the hour that spring skips
    has values, the file keeps standard time all year; if autumn's comes twice as well, spring's was filled in.

    Args:
        rows: unique_id, time without a zone, y.
        timezone: Name of the clock.

    Returns:
        The rows that count with ``utc``, the file's clock, and notes.
    """
    is_skipped, is_twice = _changes(rows["time"], timezone)
    is_void = is_skipped & rows["y"].isna().to_numpy()
    rows, is_skipped, is_twice = rows[~is_void], is_skipped[~is_void], is_twice[~is_void]
    second = _second(rows, is_twice)
    if is_skipped.any() and 4 * second.sum() <= is_twice.sum():
        return _standard(rows, timezone)
    kept = ~is_skipped
    dropped = f"{is_skipped.sum():,} row(s) lie in the hour that the clock skips in spring: dropped."
    notes = [] if kept.all() else [dropped]
    rows = rows[kept]
    index = pd.DatetimeIndex(rows["time"]).tz_localize(timezone, ambiguous=~second[kept])
    return rows.assign(utc=index.tz_convert("UTC").tz_localize(None)), FileClock(is_local=True), notes


def _changes(time: pd.Series, timezone: str) -> tuple[Bools, Bools]:
    """Return (rows,) whether the local clock skips the time, and whether it shows it twice."""
    codes, times = pd.factorize(time)
    index = pd.DatetimeIndex(times)
    skipped = index.tz_localize(timezone, ambiguous=np.ones(len(index), bool), nonexistent="NaT").isna()
    twice = index.tz_localize(timezone, ambiguous="NaT", nonexistent="shift_forward").isna()
    return np.asarray(skipped)[codes], np.asarray(twice)[codes]


def _second(rows: pd.DataFrame, is_twice: Bools) -> Bools:
    """Return (rows,) whether a row is the second of its series and time in the hour that comes twice."""
    some = rows[is_twice]
    newest_first = (rows["time"].diff().dt.total_seconds() < 0).mean() > 0.5
    number = (some[::-1] if newest_first else some).groupby(["unique_id", "time"]).cumcount()
    second = np.zeros(len(rows), bool)
    second[is_twice] = number.reindex(some.index).to_numpy() > 0
    return second


def _standard(rows: pd.DataFrame, timezone: str) -> tuple[pd.DataFrame, FileClock, list[str]]:
    index = pd.DatetimeIndex(rows["time"].unique())
    utc = index.tz_localize(timezone, ambiguous=np.zeros(len(index), bool), nonexistent="shift_forward")
    offset = (index - utc.tz_convert("UTC").tz_localize(None)).min()
    note = (
        f"The file has values in the hour that the clock of {timezone} skips in spring: its times are read as standard "
        "time all year."
    )
    clock = FileClock(is_local=False, offset_minutes=int(offset.total_seconds() // 60))
    return rows.assign(utc=rows["time"] - offset), clock, [note]

"""What is repaired in a file before it is forecast, each with a sentence that says so."""

from pathlib import Path

import numpy as np
import pandas as pd

from models.demand.backtest.problems import BacktestError, in_words
from models.demand.grid import Bools, Floats, Integers, LoadGrid

LEAST_FROZEN = 6
"""Fewest equal intervals that are no chance, where a day has fewer still."""
NAMED = 3


def check_frequency(path: Path, rows: pd.DataFrame, minutes: int) -> None:
    """See that rows lie on one grid of that frequency.

    Args:
        path: For the message.
        rows: unique_id, time, utc.
        minutes: Length of an interval.

    Raises:
        BacktestError: Rows lie further apart or closer, or beside the grid.
    """
    seems = usual_step(path, rows["unique_id"], rows["utc"])
    if seems != minutes:
        words = f"has a row every {in_words(seems)}, not every {in_words(minutes)}"
        raise BacktestError(f"{path} {words}: say --freq {in_words(seems)}.")
    phase = rows["utc"].astype("datetime64[s]").astype(np.int64).to_numpy() // 60 % minutes
    beside = phase != np.bincount(phase).argmax()
    if beside.any():
        row = int(np.flatnonzero(beside)[0])
        words = f"row {rows.index[row] + 1} ({rows['time'].iloc[row]}) lies beside the grid of {in_words(seems)}"
        raise BacktestError(f"{path}: {words} of most rows; correct its time or take it out.")


def usual_step(path: Path, unique_id: pd.Series, time: pd.Series) -> int:
    """Return the minutes by which the rows of a series usually lie apart.

    Raises:
        BacktestError: No series has two rows.
    """
    ordered = pd.DataFrame({"unique_id": unique_id, "time": time}).drop_duplicates().sort_values(["unique_id", "time"])
    apart = ordered.groupby("unique_id")["time"].diff().dropna().dt.total_seconds() // 60
    if apart.empty:
        raise BacktestError(f"{path} has no two rows of one series: at least 14 days and the horizon are needed.")
    return int(apart.median())


def merge_doubles(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave one row a series and time: rows that agree are dropped but one, others become their mean."""
    keys = ["unique_id", "utc"]
    doubled = rows.duplicated(keys, keep=False)
    if not doubled.any():
        return rows, []
    some = rows[doubled]
    groups = some.groupby(keys, sort=False)
    differ = groups["y"].nunique()
    merged = groups.agg({name: "max" if name.startswith("is_") else "mean" for name in _values(rows)}).reset_index()
    alike = len(some) - len(merged) - int((groups.size() - 1)[differ > 1].sum())
    notes = [f"{alike:,} row(s) repeat a series and time with the same value: dropped."] if alike else []
    if (differ > 1).any():
        ids = pd.unique(differ[differ > 1].index.get_level_values("unique_id"))
        named = _some(list(ids))
        notes.append(f"{int((differ > 1).sum()):,} time(s) have several values: their mean is taken (series {named}).")
    return pd.concat([rows[~doubled], merged]), notes


def _values(rows: pd.DataFrame) -> list[str]:
    return [name for name in rows.columns if name not in {"unique_id", "utc", "time"}]


def _some(names: list[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest:,} more" if rest > 0 else "")


def runs(is_so: Bools) -> tuple[Integers, Integers, Integers]:
    """Return each unbroken run of columns that are so: (runs,) row, first column, length.

    Args:
        is_so: (rows, columns).
    """
    edges = np.diff(np.pad(is_so, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, first = np.nonzero(edges == 1)
    end = np.nonzero(edges == -1)[1]
    return row, first, end - first


def without_frozen(load: Floats, minutes: int) -> tuple[Floats, Integers]:
    """Forget stretches of a day or more of the very same value, other than 0: a feed that hangs.

    Args:
        load: (series, times); a series that is constant throughout stays.
        minutes: Length of an interval.

    Returns:
        The load, NaN there, and (stretches,) their lengths.
    """
    same = (load[:, 1:] == load[:, :-1]) & (load[:, 1:] != 0)
    row, first, length = runs(same)
    known = np.isfinite(load)
    low = np.where(known, load, np.inf).min(axis=1, initial=np.inf)
    changes = np.where(known, load, -np.inf).max(axis=1, initial=-np.inf) > low
    is_frozen = (length + 1 >= max(1440 // minutes, LEAST_FROZEN)) & changes[row]
    marks = np.zeros((load.shape[0], load.shape[1] + 1), np.int8)
    marks[row[is_frozen], first[is_frozen]] = 1
    marks[row[is_frozen], first[is_frozen] + length[is_frozen] + 1] -= 1
    return np.where(np.cumsum(marks, axis=1)[:, :-1] > 0, np.nan, load), length[is_frozen] + 1


def gap_note(grid: LoadGrid) -> list[str]:
    """Say how much load is unknown between a series' first and last known value."""
    known = np.isfinite(grid.load)
    begun = np.maximum.accumulate(known, axis=1)
    to_come = np.maximum.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    row, _, length = runs(~known & begun & to_come)
    if not len(row):
        return []
    longest = int(length.argmax())
    words = f"{int(length.sum()):,} interval(s) in {len(row):,} gap(s) have no load"
    return [f"{words}, the longest {in_words(int(length[longest]) * grid.minutes)} ({grid.unique_ids[row[longest]]})."]

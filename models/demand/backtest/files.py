"""From a file of load to a grid, with a sentence on everything that was repaired."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.demand.backtest.clock import FileClock, known_zone, parsed, to_utc
from models.demand.backtest.columns import Columns, read_columns
from models.demand.backtest.country import CountryDays
from models.demand.backtest.problems import DAY, BacktestError, in_words
from models.demand.backtest.repairs import check_frequency, gap_note, merge_doubles, usual_step, without_frozen
from models.demand.calendar import SCHOOL_HOLIDAY
from models.demand.grid import Bools, DayMarks, Floats, LoadGrid, Times

HOUR = 60


@dataclass(frozen=True)
class FileOfLoad:
    """What a file holds.

    Attributes:
        grid: Its series, up to the last known load of any.
        clock: How the file writes its times.
        notes: Sentences on what was repaired.
    """

    grid: LoadGrid
    clock: FileClock
    notes: tuple[str, ...]


def read_grid(
    path: Path, columns: Columns, timezone: str | None, minutes: int | None, country: str | None = None
) -> FileOfLoad:
    """Read a file of load.

    Args:
        path: CSV (also .gz) or Parquet.
        columns: What the file calls its columns.
        timezone: Clock by which people live; needed where the file's times have no zone, else UTC if not said.
        minutes: Length of an interval; None is what the rows' times say. Rows of a day, or of more than the hour by
            which clocks change, are read as if theirs never did then, unless they have zones.
        country: Days as a country ``DE`` or part ``AU-VIC`` keeps them, beside the file's holidays.

    Raises:
        BacktestError: The file, a column or an option cannot be used.
    """
    zone = known_zone(timezone or "UTC")
    rows = read_columns(path, columns)
    rows["time"], is_utc = parsed(path, columns.time, rows["time"])
    if not is_utc and timezone is None:
        raise BacktestError(f"{path}, column {columns.time}: times have no zone; say whose clock with --timezone.")
    if minutes is None:
        minutes = _interval(path, rows)
        zone = "UTC" if minutes > HOUR and not is_utc else zone
    rows, clock, notes = (rows.assign(utc=rows["time"]), FileClock(False), []) if is_utc else to_utc(rows, zone)
    check_frequency(path, rows, minutes)
    flagged = {name: _flagged(rows, name, zone if is_utc else None) for name in ("is_holiday", "is_school_holiday")}
    rows, doubled = merge_doubles(rows)
    grid = _as_grid(rows, zone, minutes)
    if not np.isfinite(grid.load).any():
        raise BacktestError(f"{path}, column {columns.value}: no row has a value.")
    grid = _with_calendar(grid, flagged, country)
    grid, repaired = _repaired(path, grid)
    return FileOfLoad(grid, clock, (*notes, *doubled, *repaired))


def _interval(path: Path, rows: pd.DataFrame) -> int:
    minutes = usual_step(path, rows["unique_id"], rows["time"])
    if minutes <= 0 or DAY % minutes:
        words = f"has a row every {in_words(minutes)}, which does not divide a day"
        raise BacktestError(f"{path} {words}: give reads of a day or less, like 15min, 30min, 1h or 1d.")
    return minutes


def _flagged(rows: pd.DataFrame, name: str, zone: str | None) -> pd.MultiIndex:
    """Return the pairs of series and date that a row calls a holiday, or what else ``name`` says.

    A file without zones means its own date, even where it keeps standard time all year; ``zone`` is None then.
    """
    some = rows[rows[name]]
    local = some["utc"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None) if zone else some["time"]
    dates = local.astype("datetime64[s]").dt.normalize()
    return pd.MultiIndex.from_arrays([some["unique_id"], dates]).unique()


def _as_grid(rows: pd.DataFrame, zone: str, minutes: int) -> LoadGrid:
    times = rows["utc"].to_numpy().astype("datetime64[m]")
    known = times[rows["y"].notna().to_numpy()]
    last = known.max() if len(known) else times.max()
    step = np.timedelta64(minutes, "m")
    grid_times: Times = np.arange(times.min(), last + step, step)
    inside = times <= last
    rows, column = rows[inside], ((times[inside] - times.min()) // step).astype(np.int64)
    series, row = np.unique(rows["unique_id"].to_numpy().astype(str), return_inverse=True)

    def spread(name: str) -> Floats:
        values = np.full((len(series), len(grid_times)), np.nan)
        values[row, column] = rows[name].to_numpy()
        return values

    def stations(kind: str) -> Floats:
        found = [spread(name) for name in rows.columns if name.startswith(kind)]
        return np.stack(found) if found else np.empty((0, len(series), len(grid_times)))

    load = spread("y")
    no_day = np.zeros(load.shape, dtype=np.bool_)
    humidity_pct = stations("humidity_")
    temperature_c = stations("temperature_")
    return LoadGrid(series, grid_times, minutes, zone, load, temperature_c, no_day, humidity_pct=humidity_pct)


def _with_calendar(grid: LoadGrid, flagged: dict[str, pd.MultiIndex], country: str | None) -> LoadGrid:
    days, day = np.unique(grid.local_times.astype("datetime64[D]"), return_inverse=True)
    is_holiday, school = (_on(grid.unique_ids, days, flagged[name]) for name in ("is_holiday", "is_school_holiday"))
    marks: DayMarks = {SCHOOL_HOLIDAY: school}
    if country:
        found = CountryDays.of(country, days)
        is_holiday |= found.is_holiday
        marks |= {name: mark[None].repeat(len(school), axis=0) for name, mark in found.marks.items()}
    borne = {name: mark[:, day] for name, mark in marks.items() if mark.any()}
    return replace(grid, is_holiday=is_holiday[:, day], day_marks=borne)


def _on(unique_ids: npt.NDArray[np.str_], days: Times, flagged: pd.MultiIndex) -> Bools:
    """Return (series, days) whether a pair of series and date is flagged."""
    found = np.zeros((len(unique_ids), len(days)), dtype=np.bool_)
    dates = flagged.get_level_values(1).to_numpy().astype("datetime64[D]")
    known = np.isin(flagged.get_level_values(0), unique_ids) & np.isin(dates, days)
    row = np.searchsorted(unique_ids, flagged.get_level_values(0).to_numpy().astype(str)[known])
    found[row, np.searchsorted(days, dates[known])] = True
    return found


def _repaired(path: Path, grid: LoadGrid) -> tuple[LoadGrid, list[str]]:
    load, lengths = without_frozen(grid.load, grid.minutes)
    notes = []
    if len(lengths):
        longest = in_words(int(lengths.max()) * grid.minutes)
        notes.append(
            f"{len(lengths):,} stretch(es) of a day or more show one and the same value, the longest {longest}: "
            "a feed that hung; they count as unknown."
        )
    if not np.isfinite(load).any():
        raise BacktestError(f"{path}: every value is one of a feed that hung; {notes[0]}")
    last = int(np.flatnonzero(np.isfinite(load).any(axis=0))[-1]) + 1
    grid = replace(grid, load=load).between(0, last)
    return grid, notes + gap_note(grid)

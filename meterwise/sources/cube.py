"""Reads of a file as one array (meters, days, slots of the day), kWh an interval; what is missing is NaN."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from meterwise.sources.layouts import CLOCK
from meterwise.sources.rows import literal, quoted

Floats = npt.NDArray[np.float32]
SLOTS = (24, 48, 96)


class ReadsError(ValueError):
    """The file cannot be understood as reads; the text says what and the cure."""


@dataclass(frozen=True)
class Cube:
    """Reads of many meters.

    Attributes:
        meter_ids: Of the rows, sorted.
        days: Local days, sorted, without gaps.
        kwh: (meters, days, slots); NaN is missing.
    """

    meter_ids: npt.NDArray[np.str_]
    days: npt.NDArray[np.datetime64]
    kwh: Floats


def read_wide(path: Path, meter: str, day: str) -> Cube:
    """Read one row a meter and day. Columns that are times of day are values; without any, all the others are.

    Raises:
        ReadsError: A column is missing, or the value columns are not those of a day.
    """
    with duckdb.connect() as connection:
        source = _relation(connection, path, (meter, day))
        free = [name for name in source.columns if name not in (meter, day)]
        values = [name for name in free if ":" in name and (mark := CLOCK.match(name)) and not mark[3]] or free
        if len(values) not in SLOTS:
            raise ReadsError(f"{path} has {len(values)} value columns; a day has {SLOTS}. Name --id and --date rightly")
        as_kwh = ", ".join(f"try_cast({quoted(name)} as float)" for name in values)
        found = connection.sql(
            f"select {quoted(meter)}::varchar as meter, {quoted(day)}::date as day, [{as_kwh}] as kwh from reads "
            "order by all"
        ).to_arrow_table()
    meters, row = np.unique(found["meter"].to_numpy().astype(str), return_inverse=True)
    dates = np.asarray(found["day"].to_numpy(), dtype="datetime64[D]")
    flat = found["kwh"].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    cube = _empty(len(meters), dates, len(values))
    cube[row, (dates - dates.min()).astype(int)] = flat.reshape(-1, len(values))
    return Cube(meters, _all_days(dates), cube)


def read_long(path: Path, meter: str, time: str, kwh: str) -> Cube:
    """Read one row a value; the interval is the commonest step of the meters. The later of equal times counts.

    Raises:
        ReadsError: A column is missing, or the interval is none of 15, 30 and 60 minutes.
    """
    with duckdb.connect() as connection:
        _relation(connection, path, (meter, time, kwh))
        connection.execute(
            f"create temp table long as select {quoted(meter)}::varchar as meter, {quoted(time)}::timestamp as start, "
            f"try_cast({quoted(kwh)} as float) as kwh from reads where {quoted(time)} is not null"
        )
        step = connection.execute(
            "select mode(minutes) from (select date_diff('minute', lag(start) over (partition by meter order by start),"
            " start) as minutes from long) where minutes > 0"
        ).fetchall()[0][0]
        if step not in (15, 30, 60):
            raise ReadsError(f"{path}: the commonest step is {step} minutes; it has to be 15, 30 or 60")
        found = connection.execute(
            "select dense_rank() over (order by meter)::int - 1 as row, start::date as day, "
            f"((hour(start) * 60 + minute(start)) // {step})::int as slot, kwh from long order by start"
        ).fetchnumpy()
        names = connection.execute("select distinct meter from long order by meter").fetchnumpy()["meter"]
        meters = np.array(list(names), dtype=np.str_)
    dates = np.asarray(found["day"], dtype="datetime64[D]")
    cube = _empty(len(names), dates, 1440 // step)
    cube[found["row"], (dates - dates.min()).astype(int), found["slot"]] = np.ma.filled(found["kwh"], np.nan)
    return Cube(meters, _all_days(dates), cube)


def _relation(connection: duckdb.DuckDBPyConnection, path: Path, needed: tuple[str, ...]) -> duckdb.DuckDBPyRelation:
    if not path.exists():
        raise ReadsError(f"{path} does not exist")
    reader = "read_parquet" if ".parquet" in path.name else "read_csv"
    options = "" if reader == "read_parquet" else f", types = {{{literal(needed[0])}: 'VARCHAR'}}"
    header = connection.sql(f"select * from {reader}({literal(path)}) limit 0").columns
    missing = [name for name in needed if name not in header]
    if missing:
        raise ReadsError(f"{path} has no column {', '.join(missing)}; it has {', '.join(header[:6])} ...")
    connection.execute(f"create temp view reads as select * from {reader}({literal(path)}{options})")
    return connection.sql("select * from reads limit 0")


def _empty(meters: int, dates: npt.NDArray[np.datetime64], slots: int) -> Floats:
    if not len(dates):
        raise ReadsError("The file has no reads")
    return np.full((meters, int((dates.max() - dates.min()).astype(int)) + 1, slots), np.nan, dtype=np.float32)


def _all_days(dates: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    return np.arange(dates.min(), dates.max() + np.timedelta64(1, "D"))

"""Hourly reads of the newest days out of the usage ledger, as they were known then, as arrays of many meters."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from meterwise.settings import Settings, get_settings
from meterwise.sources.cube import Cube
from meterwise.sources.rows import literal
from meterwise.warehouse import Warehouse

Ids = npt.NDArray[np.str_]
HOURS = tuple(f"h{hour:02}" for hour in range(24))
MOST_MINUTES = 120
"""Minutes of reads in an hour of the clock: twice sixty where the clock is set back. More is a read of a whole day."""

_WITHIN = """
    local_date > date '{end}' - {days} and local_date <= date '{end}' and known_on <= date '{end}'
"""
_METERS = f"""
    with noons as (
        select meter_id, local_date, sum(delta_minutes) as minutes
        from intermediate.int_usage_hourly_ledger
        where {_WITHIN} and hour_of_day = 12
        group by meter_id, local_date
    )

    select meter_id from noons
    where minutes between 1 and {MOST_MINUTES}
    group by meter_id
    having count(*) >= {{least_days}}
"""
_READS = f"""
    with hours as (
        select
            meter_id, local_date, hour_of_day,
            cast(sum(delta_kwh) as double precision) as kwh,
            sum(delta_minutes) as minutes
        from intermediate.int_usage_hourly_ledger
        where {_WITHIN} {{chosen}}
        group by meter_id, local_date, hour_of_day
    )

    select meter_id, local_date, {{values}}
    from hours
    where minutes between 1 and {MOST_MINUTES}
    group by meter_id, local_date
    order by meter_id, local_date
"""


@dataclass(frozen=True)
class Window:
    """The ``days`` local days up to ``end``, as known at its end."""

    end: date
    days: int

    @property
    def first(self) -> date:
        """Its first day."""
        return self.end - timedelta(days=self.days - 1)


def first_day(window: Window, settings: Settings | None = None) -> date | None:
    """Return the first day of a window with reads; None without any."""
    found = Warehouse(settings).arrow(
        f"select min(local_date) as first from intermediate.int_usage_daily_ledger where {_within(window)}"
    )
    first: date | None = found["first"][0].as_py()
    return first


def known_meters(window: Window, least_days: int, settings: Settings | None = None) -> Ids:
    """Return the meters with reads by the hour on enough days of a window.

    Whether a day has them is told by its noon, which a read of a whole day does not cover. The order is drawn by the
    meters' numbers: the first n are a sample, the same on every engine.
    """
    query = _METERS.format(end=window.end, days=window.days, least_days=least_days)
    ids = np.sort(Warehouse(settings).arrow(query)["meter_id"].to_numpy().astype(str))
    return np.asarray(ids[np.argsort(drawn(ids), kind="stable")])


def drawn(ids: Ids) -> npt.NDArray[np.uint64]:
    """Return a number for each meter that is drawn by its own number alone."""
    return pd.util.hash_array(ids.astype(object))


def cube(window: Window, ids: Ids, settings: Settings | None = None) -> Cube:
    """Return the reads of some meters, in the order of their numbers."""
    (found,) = _exported(window, ids, len(ids), True, settings)
    return found


def cubes(window: Window, ids: Ids, chunk_meters: int, settings: Settings | None = None) -> Iterator[Cube]:
    """Return the reads of many meters, some at a time; the warehouse is free from the first one on."""
    return _exported(window, ids, chunk_meters, False, settings)


def _exported(window: Window, ids: Ids, chunk_meters: int, few: bool, settings: Settings | None) -> Iterator[Cube]:
    settings = settings or get_settings()
    settings.exports_path.mkdir(parents=True, exist_ok=True)
    path = settings.exports_path / f"alerts_{window.end}_{window.days}.parquet"
    chosen = f"and meter_id in ({', '.join(literal(name) for name in ids)})" if few else ""
    query = _READS.format(end=window.end, days=window.days, chosen=chosen, values=_values())
    Warehouse(settings).export_parquet(query, str(path))
    ordered = np.sort(ids)
    for at in range(0, len(ordered), chunk_meters):
        yield _cube(path, ordered[at : at + chunk_meters], window)
    path.unlink()


def _cube(path: Path, ids: Ids, window: Window) -> Cube:
    # Only the row groups that may hold these meters are read.
    rows = pq.read_table(path, filters=[("meter_id", ">=", ids[0]), ("meter_id", "<=", ids[-1])])
    rows = rows.filter(pa.compute.is_in(rows["meter_id"], pa.array(ids.tolist())))
    row = np.searchsorted(ids, rows["meter_id"].to_numpy().astype(str))
    day = (rows["local_date"].to_numpy().astype("datetime64[D]") - np.datetime64(window.first, "D")).astype(int)
    kwh = np.full((len(ids), window.days, len(HOURS)), np.nan, np.float32)
    kwh[row, day] = np.column_stack([rows[name].to_numpy() for name in HOURS])
    return Cube(ids, np.datetime64(window.first, "D") + np.arange(window.days), kwh)


def _values() -> str:
    # Reads of a part of an hour stand for the whole of it, and two hours of the same name for their mean.
    return ", ".join(
        f"max(case when hour_of_day = {hour} then kwh * 60 / minutes end) as {name}" for hour, name in enumerate(HOURS)
    )


def _within(window: Window) -> str:
    return _WITHIN.format(end=window.end, days=window.days)

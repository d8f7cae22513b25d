"""Loads of every level by what had arrived at the end of a day."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from meterwise.settings import Settings, get_settings
from meterwise.warehouse import Warehouse
from models.demand.grid import Floats, Integers, Times
from models.demand.levels import KEY, listed

_AS_KNOWN = """
    with measured as (
        select * from features.features_demand_loads
        where known_on <= $as_of_date and (replaced_on is null or replaced_on > $as_of_date)
            and local_date > $before and local_date <= $as_of_date
    ),

    meters as (
        select region_code, feeder_code, customer_class, local_date, sum(delta_expected_meters) as expected_meters
        from features.features_demand_meters
        where known_on <= $as_of_date and local_date > $before and local_date <= $as_of_date
        group by region_code, feeder_code, customer_class, local_date
        having sum(delta_expected_meters) > 0
    ),

    starts as (
        select distinct local_date, interval_start_utc from measured
    ),

    levels as (
        select
            case
                when grouping(meters.feeder_code) = 0 then 'feeder'
                when grouping(meters.region_code) = 0 then 'region'
                when grouping(meters.customer_class) = 0 then 'customer_class'
                else 'total'
            end as level,
            coalesce(meters.region_code, '*') as region_code,
            coalesce(meters.feeder_code, '*') as feeder_code,
            coalesce(meters.customer_class, '*') as customer_class,
            starts.local_date,
            starts.interval_start_utc,
            cast(coalesce(sum(measured.consumption_kwh), 0) as double precision) as consumption_kwh,
            cast(coalesce(sum(measured.measured_minutes), 0) as double precision) as measured_minutes,
            cast($minutes * sum(meters.expected_meters) as double precision) as expected_minutes
        from meters
        inner join starts on meters.local_date = starts.local_date
        left join measured
            on meters.region_code = measured.region_code
            and meters.feeder_code = measured.feeder_code
            and meters.customer_class = measured.customer_class
            and starts.interval_start_utc = measured.interval_start_utc
        group by grouping sets (
            (starts.local_date, starts.interval_start_utc),
            (starts.local_date, starts.interval_start_utc, meters.region_code),
            (starts.local_date, starts.interval_start_utc, meters.region_code, meters.feeder_code),
            (starts.local_date, starts.interval_start_utc, meters.customer_class)
        )
    ),

    -- Scaled up to all meters that were expected; of an interval of which less than half is known there is no load.
    loads as (
        select
            level, region_code, feeder_code, customer_class, local_date, interval_start_utc,
            case when measured_minutes >= 0.5 * expected_minutes
                then consumption_kwh * greatest(1, expected_minutes / greatest(measured_minutes, 1))
            end as load_kwh
        from levels
    )
"""

_INTERVALS = f"""
    {_AS_KNOWN}
    select level, region_code, feeder_code, customer_class, interval_start_utc, load_kwh from loads
"""

_HIGHEST = f"""
    {_AS_KNOWN}
    select level, region_code, feeder_code, customer_class, local_date, max(load_kwh) as highest_kwh
    from loads
    where load_kwh is not null
    group by level, region_code, feeder_code, customer_class, local_date
"""


_STEPS = "select distinct interval_minutes from features.features_demand_loads"


class OtherStepError(RuntimeError):
    """The warehouse holds loads by other intervals than the settings ask for; the text says what to do."""


@dataclass(frozen=True)
class KnownLoads:
    """Loads of every level as they were known at the end of a day.

    Attributes:
        series: (series,) keys and name, in the order of ``load``.
        minutes: Length of the intervals.
        times_utc: (times,) their starts, without a gap.
        load: (series, times) kWh of each interval; NaN where less than half of it was known.
    """

    series: pd.DataFrame
    minutes: int
    times_utc: Times
    load: Floats


def known_loads(day: date, days: int, end: np.datetime64, settings: Settings | None = None) -> KnownLoads | None:
    """Return the loads of the last ``days`` days, on a grid of intervals up to ``end``; None if none was known.

    Raises:
        OtherStepError: The warehouse holds loads by another step than the settings ask for.
    """
    minutes = check_step(settings)
    loads = Warehouse(settings).arrow(_INTERVALS, _looked_at(day, days, minutes)).to_pandas()
    if loads.empty:
        return None
    first = loads["interval_start_utc"].min().to_datetime64().astype("datetime64[m]")
    times = np.arange(first, end, np.timedelta64(minutes, "m"))
    series, key = listed(loads), pd.MultiIndex.from_frame(loads[KEY])
    load = np.full((len(series), len(times)), np.nan)
    row = pd.MultiIndex.from_frame(series[KEY]).get_indexer(key)
    load[row, columns_of(loads["interval_start_utc"], first, minutes)] = loads["load_kwh"].to_numpy(dtype=np.float64)
    return KnownLoads(series, minutes, times, load)


def highest_of_days(day: date, days: int, settings: Settings | None = None) -> pd.DataFrame:
    """Return ``highest_kwh``, the highest interval, by ``KEY`` and ``local_date`` of the last ``days`` days."""
    return Warehouse(settings).arrow(_HIGHEST, _looked_at(day, days, check_step(settings))).to_pandas()


def check_step(settings: Settings | None = None) -> int:
    """Return the minutes of the intervals that load is forecast by.

    Raises:
        OtherStepError: The warehouse holds loads by another step.
    """
    settings = settings or get_settings()
    found = Warehouse(settings).arrow(_STEPS)["interval_minutes"].to_pylist()
    if set(found) - {settings.forecast_step_minutes}:
        raise OtherStepError(
            f"The warehouse holds loads by {found[0]} minutes, METERWISE_FORECAST_STEP_MINUTES asks for "
            f"{settings.forecast_step_minutes}. Run the DAG build_warehouse, and then train_demand."
        )
    return settings.forecast_step_minutes


def columns_of(starts: pd.Series, first: np.datetime64, minutes: int) -> Integers:
    """Return the columns in which times lie, of a grid of intervals of ``minutes`` from ``first`` on."""
    passed = starts.to_numpy().astype("datetime64[m]") - first
    return (passed // np.timedelta64(minutes, "m")).astype(np.int64)


def _looked_at(day: date, days: int, minutes: int) -> dict[str, date | int]:
    return {"as_of_date": day, "before": day - timedelta(days=days), "minutes": minutes}

"""Gives implausible reads a quality code. They land; what a model may use of them is decided behind this stage."""

import duckdb

from meterwise.sources.config import EDITS, FileSource, SqlSource
from meterwise.warehouse import LoadingArea

ORDINARY_KW = 25
"""Below this mean power of an interval no meter without a known capacity is suspected of a spike."""

SPIKE_FACTOR = 10
"""A spike lies this many times above the level that nine in ten of the meter's reads in the file stay below."""

CAPACITY_MARGIN = 1.2
"""Meters stand a little more than their rated power for a while."""


def judge(area: LoadingArea, source: FileSource | SqlSource, timezone: str) -> None:
    """Make ``judged``: the rows of ``incoming`` that can be represented, reads with their quality; edits keep theirs.

    Args:
        area: Holds ``incoming``.
        source: Where the rows come from.
        timezone: Zone of the utility, for the days of installation.
    """
    connection = area.connection
    if source.table != "meter_reads" or source.name == EDITS:
        connection.execute(
            "create or replace temp view judged as "
            "select * exclude (_bad, _earlier_utc) from incoming where _bad is null"
        )
        return
    area.bring("meters")
    _known_meters(connection, timezone)
    _levels(connection)
    expected = source.interval_minutes
    wrong = f"or interval_minutes <> {expected}" if expected and not source.cumulative else ""
    connection.execute(
        f"""
        create or replace temp view judged as
        with reasons as (
            select
                incoming.* exclude (quality_code, quality_reason, _bad, _earlier_utc),
                incoming.quality_code as given_code,
                incoming.quality_reason as given_reason,
                case
                    when incoming.consumption_kwh < 0 then 'negative'
                    when incoming.consumption_kwh > levels.limit_kw * incoming.interval_minutes / 60 then 'spike'
                    when (
                        epoch(incoming.interval_start_utc)::bigint % (least(incoming.interval_minutes, 15) * 60) <> 0
                        {wrong}
                    ) then 'wrong interval'
                    when has_meters.has_meters and known_meters.meter_id is null then 'unknown meter'
                    when incoming.interval_start_utc < known_meters.installed_utc
                        or incoming.interval_start_utc >= known_meters.removed_utc then 'outside installation'
                end as found_reason
            from incoming
            cross join has_meters
            left join known_meters on incoming.meter_id = known_meters.meter_id
            left join levels on incoming.meter_id = levels.meter_id
            where incoming._bad is null
        )
        select
            reasons.* exclude (given_code, given_reason, found_reason),
            case when found_reason is not null then 'suspect' else coalesce(given_code, 'measured') end as quality_code,
            coalesce(found_reason, given_reason) as quality_reason
        from reasons
        """
    )


def _known_meters(connection: duckdb.DuckDBPyConnection, timezone: str) -> None:
    """Where no meters are known, as in an installation without a CRM, none is unknown."""
    connection.execute(
        f"""
        create or replace temp table known_meters as
        with current_meters as (
            select * from raw.meters
            qualify row_number() over (
                partition by meter_id, service_point_id, installed_on order by received_at_utc desc, version_no desc
            ) = 1
        )
        select
            meter_id,
            (min(installed_on)::timestamp at time zone '{timezone}') at time zone 'UTC' as installed_utc,
            (max(coalesce(removed_on, date '2999-12-31'))::timestamp at time zone '{timezone}') at time zone 'UTC'
                as removed_utc,
            max(capacity_kw) as capacity_kw
        from current_meters
        where not is_deleted
        group by meter_id
        """
    )
    connection.execute("create or replace temp table has_meters as select count(*) > 0 as has_meters from known_meters")


def _levels(connection: duckdb.DuckDBPyConnection) -> None:
    """The power above which a read is a spike: of the meter's capacity, else of its own usual level in this file."""
    connection.execute(
        f"""
        create or replace temp table levels as
        with high as (
            select distinct meter_id from incoming
            where _bad is null and consumption_kwh * 60 > {ORDINARY_KW} * interval_minutes
        ),
        usual as (
            select
                incoming.meter_id,
                quantile_disc(incoming.consumption_kwh * 60 / incoming.interval_minutes, 0.9) as usual_kw
            from incoming
            inner join high on incoming.meter_id = high.meter_id
            where incoming._bad is null
            group by incoming.meter_id
        )
        select
            usual.meter_id,
            coalesce(
                known_meters.capacity_kw * {CAPACITY_MARGIN}, greatest({ORDINARY_KW}, {SPIKE_FACTOR} * usual.usual_kw)
            ) as limit_kw
        from usual
        left join known_meters on usual.meter_id = known_meters.meter_id
        union all
        select known_meters.meter_id, known_meters.capacity_kw * {CAPACITY_MARGIN} as limit_kw
        from known_meters
        where known_meters.capacity_kw is not null and known_meters.meter_id not in (select high.meter_id from high)
        """
    )

{{ config(pre_hook='{{ join_by_hash() }}', indexes=indexed_by([['meter_id', 'interval_start_utc']])) }}

with numbered as (
    select
        meter_id,
        channel,
        gap_start_utc,
        gap_end_utc,
        interval_minutes,
        gap_minutes,
        {{ each_number('1', 'gap_minutes / interval_minutes') }} as place
    from {{ ref('int_read_gaps') }}
),

started as (
    select
        *,
        gap_start_utc + (place - 1) * interval_minutes * interval '1 minute' as interval_start_utc
    from numbered
),

clock as (
    select
        interval_start_utc,
        {{ to_local('interval_start_utc') }} as local_start
    from (select distinct interval_start_utc from started) as distinct_starts
),

intervals as (
    select
        started.*,
        clock.local_start,
        clock.local_start::date as local_date,
        clock.local_start - date_trunc('day', clock.local_start) as time_of_day
    from started
    inner join clock on started.interval_start_utc = clock.interval_start_utc
),

-- `materialized`: else the engine joins the intervals of every meter with all like days of that time before it looks at
-- whose they are.
like_intervals as materialized (
    select
        intervals.meter_id,
        intervals.interval_start_utc,
        intervals.interval_minutes,
        intervals.time_of_day,
        like_days.like_date,
        like_days.scale
    from intervals
    inner join {{ ref('int_gap_like_days') }} as like_days
        on intervals.meter_id = like_days.meter_id and intervals.local_date = like_days.local_date
),

-- An hour that the clock skips is in no like day; of one that it repeats the first is taken.
local_slots as (
    select
        like_date,
        time_of_day,
        like_date + time_of_day as local_start,
        {{ to_utc('like_date + time_of_day') }} as one_start_utc
    from (
        select distinct
            like_date,
            time_of_day
        from like_intervals
    ) as distinct_slots
),

slots as (
    select
        like_date,
        time_of_day,
        case
            when {{ to_local("(one_start_utc - interval '1 hour')") }} = local_start
                then one_start_utc - interval '1 hour'
            else one_start_utc
        end as slot_start_utc
    from local_slots
    where {{ to_local('one_start_utc') }} = local_start
),

like_slots as (
    select
        like_intervals.meter_id,
        like_intervals.interval_start_utc,
        like_intervals.interval_minutes,
        like_intervals.scale,
        slots.slot_start_utc
    from like_intervals
    inner join slots
        on like_intervals.like_date = slots.like_date and like_intervals.time_of_day = slots.time_of_day
),

wanted as (
    select
        meter_id,
        slot_start_utc as interval_start_utc
    from like_slots
    union
    select
        meter_id,
        gap_start_utc - interval_minutes * interval '1 minute' as interval_start_utc
    from intervals
    where gap_minutes <= {{ var('short_gap_minutes') }}
    union
    select
        meter_id,
        gap_end_utc as interval_start_utc
    from intervals
    where gap_minutes <= {{ var('short_gap_minutes') }}
),

versions as (
    select
        reads.meter_id,
        reads.interval_start_utc,
        reads.consumption_kwh,
        reads.measured_minutes,
        {{ newest_first(['reads.meter_id', 'reads.interval_start_utc']) }} as age
    from {{ ref('int_checked_reads') }} as reads
    inner join wanted
        on reads.meter_id = wanted.meter_id and reads.interval_start_utc = wanted.interval_start_utc
    where reads.channel = 'import'
        and reads.interval_start_utc >= (select min(first_wanted.interval_start_utc) from wanted as first_wanted)
),

known as (
    select
        meter_id,
        interval_start_utc,
        consumption_kwh::double precision / measured_minutes as kwh_per_minute
    from versions
    where age = 1 and measured_minutes > 0
),

like_use as (
    select
        like_slots.meter_id,
        like_slots.interval_start_utc,
        {{ rounded_decimal('known.kwh_per_minute * like_slots.interval_minutes * like_slots.scale') }} as use_kwh
    from like_slots
    inner join known
        on like_slots.meter_id = known.meter_id and like_slots.slot_start_utc = known.interval_start_utc
),

ranked as (
    select
        *,
        2 * row_number() over (partition by meter_id, interval_start_utc order by use_kwh)
        - count(*) over (partition by meter_id, interval_start_utc) as beside_middle
    from like_use
),

-- Half way between the median and the mean: the one alone is too low where use comes in peaks, the other follows one
-- odd day.
profiles as (
    select
        meter_id,
        interval_start_utc,
        {{ rounded_decimal(
            '0.5 * (' ~ mean('use_kwh') ~ ' + ' ~ mean('case when beside_middle between 0 and 2 then use_kwh end') ~ ')'
        ) }} as use_kwh
    from ranked
    group by meter_id, interval_start_utc
),

usual as (
    select
        meter_id,
        sum(delta_kwh)::double precision / sum(delta_minutes) as kwh_per_minute
    from {{ ref('int_usage_daily_ledger') }}
    where meter_id in (select gaps.meter_id from {{ ref('int_read_gaps') }} as gaps)
    group by meter_id
    having sum(delta_minutes) > 0
),

interpolated as (
    select
        intervals.meter_id,
        intervals.interval_start_utc,
        {{ rounded_decimal(
            'intervals.interval_minutes * (read_before.kwh_per_minute + (read_after.kwh_per_minute - read_before.kwh_per_minute)'
            ~ ' * intervals.place / (intervals.gap_minutes / intervals.interval_minutes + 1))'
        ) }} as use_kwh
    from intervals
    inner join known as read_before
        on intervals.meter_id = read_before.meter_id
        and intervals.gap_start_utc - intervals.interval_minutes * interval '1 minute' = read_before.interval_start_utc
    inner join known as read_after
        on intervals.meter_id = read_after.meter_id and intervals.gap_end_utc = read_after.interval_start_utc
    where intervals.gap_minutes <= {{ var('short_gap_minutes') }}
),

estimated as (
    select
        intervals.meter_id,
        intervals.channel,
        intervals.interval_start_utc,
        intervals.interval_minutes,
        intervals.local_date,
        intervals.interval_start_utc - (intervals.local_start - date_trunc('hour', intervals.local_start))
            as hour_start_utc,
        extract(hour from intervals.local_start)::integer as hour_of_day,
        coalesce(
            interpolated.use_kwh,
            profiles.use_kwh,
            {{ rounded_decimal('intervals.interval_minutes * usual.kwh_per_minute') }}
        )::decimal(18, 6) as estimated_kwh,
        case
            when interpolated.use_kwh is not null then 'interpolation'
            when profiles.use_kwh is not null then 'like_days'
            else 'usual_use'
        end as method,  -- noqa: RF04
        intervals.gap_minutes
    from intervals
    inner join usual on intervals.meter_id = usual.meter_id
    left join interpolated
        on intervals.meter_id = interpolated.meter_id
        and intervals.interval_start_utc = interpolated.interval_start_utc
    left join profiles
        on intervals.meter_id = profiles.meter_id and intervals.interval_start_utc = profiles.interval_start_utc
)

select * from estimated

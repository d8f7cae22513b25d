{{ config(tags=['monitor']) }}

with loads as (
    select * from {{ ref('int_load_now') }}
),

intervals as (
    select
        interval_minutes,
        interval_start_utc,
        sum(measured_minutes)::double precision / (interval_minutes * sum(expected_meters)) as completeness
    from loads
    group by interval_minutes, interval_start_utc
),

-- The last interval is the one for which half of all meters have reported: one feeder that is silent does not hold
-- it back. A later one is shown as it fills; not if a few meters alone sent it, whose clocks are fast.
last_intervals as (
    select
        interval_minutes,
        max(case when completeness >= 0.5 then interval_start_utc end) as last_start_utc,
        max(interval_start_utc) as newest_start_utc
    from intervals
    where completeness >= 0.01
    group by interval_minutes
),

days as (
    select
        loads.*,
        last_intervals.last_start_utc
    from loads
    inner join last_intervals
        on loads.interval_minutes = last_intervals.interval_minutes
        and loads.interval_start_utc <= last_intervals.newest_start_utc
        and loads.interval_start_utc > last_intervals.last_start_utc - interval '24 hours'
),

load_now as (
    select
        days.region_code,
        days.feeder_code,
        days.interval_start_utc,
        days.interval_minutes,
        days.interval_start_utc = days.last_start_utc as is_last,
        days.load_kwh,
        days.expected_meters,
        days.reporting_meters,
        {{ rounded(
            'days.measured_minutes::double precision / (days.interval_minutes * days.expected_meters)'
        ) }} as completeness
    from days
    where days.interval_start_utc > days.last_start_utc - interval '60 minutes'
)

select * from load_now
order by region_code, feeder_code, interval_start_utc

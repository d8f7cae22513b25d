{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_days() }}',
    on_schema_change='append_new_columns',
    tags=['forecast']
) }}

with peaks as (
    select * from {{ source('scores', 'demand_peaks') }}
    where level = 'feeder'
        and overload_probability >= {{ var('peak_warning_probability') }}
        and as_of_date in ({{ listed(var('as_of_dates')) }})
),

intervals as (
    select * from {{ source('scores', 'demand_forecasts') }}
    where level = 'feeder' and as_of_date in ({{ listed(var('as_of_dates')) }})
),

shiftable as (
    select * from {{ ref('shiftable_load') }}
),

-- Intervals that may pass the limit in one case of ten, and the peak itself.
windows as (
    select
        peaks.as_of_date,
        peaks.region_code,
        peaks.feeder_code,
        peaks.local_date,
        min(intervals.valid_at_utc) as window_start_utc,
        max(intervals.valid_at_utc + intervals.interval_minutes * interval '1 minute') as window_end_utc
    from peaks
    inner join intervals
        on peaks.as_of_date = intervals.as_of_date
        and peaks.region_code = intervals.region_code
        and peaks.feeder_code = intervals.feeder_code
        and peaks.local_date = {{ to_local('intervals.valid_at_utc') }}::date
    where {{ kw_of('intervals.p90_kwh', 'intervals.interval_minutes') }} > peaks.limit_kw
        or intervals.valid_at_utc = peaks.peak_at_utc
    group by peaks.as_of_date, peaks.region_code, peaks.feeder_code, peaks.local_date
),

measures as (
    select
        peaks.as_of_date,
        peaks.region_code,
        peaks.feeder_code,
        peaks.local_date,
        '['
        || string_agg(
            '{"customer_class": "' || shiftable.customer_class || '", "shiftable_kw": '
            || (shiftable.shiftable_kw::decimal(18, 1))::varchar || '}',
            ', ' order by shiftable.shiftable_kw desc, {{ by_bytes('shiftable.customer_class') }}
        )
        || ']' as measures,
        (sum(shiftable.shiftable_kw))::decimal(18, 6) as shiftable_kw
    from peaks
    inner join shiftable
        on peaks.region_code = shiftable.region_code
        and peaks.feeder_code = shiftable.feeder_code
        and extract(hour from {{ to_local('peaks.peak_at_utc') }})::integer = shiftable.hour_of_day
    where shiftable.shiftable_kw > 0
    group by peaks.as_of_date, peaks.region_code, peaks.feeder_code, peaks.local_date
),

warnings as (
    select
        peaks.as_of_date,
        peaks.region_code,
        peaks.feeder_code,
        peaks.local_date,
        (peaks.local_date - peaks.as_of_date)::integer as days_ahead,
        windows.window_start_utc,
        windows.window_end_utc,
        peaks.peak_at_utc,
        {{ kw_of('peaks.p50_kwh', 'peaks.interval_minutes') }} as p50_kw,
        {{ kw_of('peaks.p90_kwh', 'peaks.interval_minutes') }} as p90_kw,
        peaks.limit_kw,
        peaks.overload_probability,
        peaks.expected_overload_kw,
        measures.shiftable_kw,
        measures.measures,
        peaks.basis,
        peaks.model_version
    from peaks
    inner join windows
        on peaks.as_of_date = windows.as_of_date
        and peaks.region_code = windows.region_code
        and peaks.feeder_code = windows.feeder_code
        and peaks.local_date = windows.local_date
    left join measures
        on peaks.as_of_date = measures.as_of_date
        and peaks.region_code = measures.region_code
        and peaks.feeder_code = measures.feeder_code
        and peaks.local_date = measures.local_date
)

select * from warnings
order by as_of_date, region_code, feeder_code, local_date

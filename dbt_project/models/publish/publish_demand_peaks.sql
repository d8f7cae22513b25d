{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_days() }}',
    on_schema_change='append_new_columns',
    tags=['forecast']
) }}

with peaks as (
    select
        as_of_date,
        level,
        region_code,
        feeder_code,
        customer_class,
        local_date,
        peak_at_utc,
        {{ kw_of('mean_kwh', 'interval_minutes') }} as mean_kw,
        {{ kw_of('p05_kwh', 'interval_minutes') }} as p05_kw,
        {{ kw_of('p10_kwh', 'interval_minutes') }} as p10_kw,
        {{ kw_of('p20_kwh', 'interval_minutes') }} as p20_kw,
        {{ kw_of('p30_kwh', 'interval_minutes') }} as p30_kw,
        {{ kw_of('p40_kwh', 'interval_minutes') }} as p40_kw,
        {{ kw_of('p50_kwh', 'interval_minutes') }} as p50_kw,
        {{ kw_of('p60_kwh', 'interval_minutes') }} as p60_kw,
        {{ kw_of('p70_kwh', 'interval_minutes') }} as p70_kw,
        {{ kw_of('p80_kwh', 'interval_minutes') }} as p80_kw,
        {{ kw_of('p90_kwh', 'interval_minutes') }} as p90_kw,
        {{ kw_of('p95_kwh', 'interval_minutes') }} as p95_kw,
        {{ kw_of('highest_kwh', 'interval_minutes') }} as highest_kw,
        record_probability,
        {{ kw_of('tenth_highest_kwh', 'interval_minutes') }} as tenth_highest_kw,
        top_ten_probability,
        limit_kw,
        overload_probability,
        expected_overload_kw,
        basis,
        reason,
        model_version,
        interval_minutes
    from {{ source('scores', 'demand_peaks') }}
    where as_of_date in ({{ listed(var('as_of_dates')) }})
)

select * from peaks
order by as_of_date, level, region_code, feeder_code, customer_class, local_date

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
        mean_kwh as mean_kw,
        p05_kwh as p05_kw,
        p10_kwh as p10_kw,
        p20_kwh as p20_kw,
        p30_kwh as p30_kw,
        p40_kwh as p40_kw,
        p50_kwh as p50_kw,
        p60_kwh as p60_kw,
        p70_kwh as p70_kw,
        p80_kwh as p80_kw,
        p90_kwh as p90_kw,
        p95_kwh as p95_kw,
        highest_kwh as highest_kw,
        record_probability,
        tenth_highest_kwh as tenth_highest_kw,
        top_ten_probability,
        limit_kw,
        overload_probability,
        expected_overload_kw,
        basis,
        reason,
        model_version
    from {{ source('scores', 'demand_peaks') }}
    where as_of_date in ({{ listed(var('as_of_dates')) }})
)

select * from peaks
order by as_of_date, level, region_code, feeder_code, customer_class, local_date

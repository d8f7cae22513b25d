{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_days() }}',
    on_schema_change='append_new_columns',
    tags=['forecast']
) }}

with forecasts as (
    select
        as_of_date,
        level,
        region_code,
        feeder_code,
        customer_class,
        valid_at_utc,
        horizon_hours,
        mean_kwh,
        p05_kwh,
        p10_kwh,
        p20_kwh,
        p30_kwh,
        p40_kwh,
        p50_kwh,
        p60_kwh,
        p70_kwh,
        p80_kwh,
        p90_kwh,
        p95_kwh,
        naive_kwh,
        basis,
        reason,
        known_until_utc,
        model_version,
        interval_minutes
    from {{ source('scores', 'demand_forecasts') }}
    where as_of_date in ({{ listed(var('as_of_dates')) }})
)

select * from forecasts
order by as_of_date, level, region_code, feeder_code, customer_class, valid_at_utc

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
        region_code,
        valid_at_utc,
        horizon_hours,
        p10_kwh,
        p50_kwh,
        p90_kwh,
        naive_kwh,
        model_version,
        mean_kwh,
        p05_kwh,
        p20_kwh,
        p30_kwh,
        p40_kwh,
        p60_kwh,
        p70_kwh,
        p80_kwh,
        p95_kwh,
        basis,
        reason,
        known_until_utc,
        interval_minutes
    from {{ source('scores', 'demand_forecasts') }}
    where level = 'region' and horizon_hours > 0 and as_of_date in ({{ listed(var('as_of_dates')) }})
)

select * from forecasts
order by as_of_date, region_code, valid_at_utc

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_days() }}',
    on_schema_change='append_new_columns'
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
        model_version
    from {{ source('scores', 'demand_forecasts') }}
    where as_of_date in ({{ listed(var('as_of_dates')) }})
)

select * from forecasts
order by as_of_date, region_code, valid_at_utc

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_days() }}',
    on_schema_change='append_new_columns'
) }}

with outlook as (
    select
        as_of_date,
        level,
        region_code,
        feeder_code,
        customer_class,
        local_date,
        days_ahead,
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
        basis,
        reason,
        model_version
    from {{ source('scores', 'demand_outlook') }}
    where as_of_date in ({{ listed(var('as_of_dates')) }})
)

select * from outlook
order by as_of_date, level, region_code, feeder_code, customer_class, local_date

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook=['{{ delete_days() }}', '{{ delete_days_before(7) }}'],
    on_schema_change='append_new_columns'
) }}

with forecasts as (
    select
        as_of_date,
        customer_id,
        local_date,
        days_ahead,
        mean_kwh,
        p10_kwh,
        p50_kwh,
        p90_kwh,
        persistence_kwh,
        skill,
        basis,
        reason,
        model_version
    from {{ source('scores', 'customer_usage_forecasts') }}
    where as_of_date in ({{ listed(var('as_of_dates')) }})
)

select * from forecasts
order by as_of_date, customer_id, local_date

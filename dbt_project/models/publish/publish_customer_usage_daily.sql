{{ config(materialized=handed_on()) }}

with usage as (
    select
        customer_id,
        local_date,
        consumption_kwh,
        peak_kwh,
        measured_minutes,
        suspect_minutes,
        quality_code,
        estimated_kwh,
        estimated_minutes
    from {{ ref('customer_usage_daily') }}
)

select * from usage

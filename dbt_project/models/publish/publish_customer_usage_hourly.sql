{{ config(materialized=handed_on()) }}

with usage as (
    select
        customer_id,
        hour_start_utc,
        consumption_kwh,
        quality_code,
        estimated_kwh
    from {{ ref('customer_usage_hourly') }}
)

select * from usage

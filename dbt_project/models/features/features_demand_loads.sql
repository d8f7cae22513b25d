{{ config(materialized=handed_on()) }}

with loads as (
    select
        region_code,
        feeder_code,
        customer_class,
        local_date,
        hour_of_day,
        hour_start_utc,
        known_on,
        replaced_on,
        consumption_kwh,
        measured_minutes
    from {{ ref('int_load_history') }}
)

select * from loads

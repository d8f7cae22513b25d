{{ config(materialized=handed_on()) }}

with loads as (
    select
        region_code,
        feeder_code,
        customer_class,
        local_date,
        hour_of_day,
        interval_start_utc,
        interval_minutes,
        known_on,
        replaced_on,
        consumption_kwh,
        measured_minutes,
        spread_minutes
    from {{ ref('int_load_history') }}
)

select * from loads

{{ config(materialized='view') }}

with findings as (
    select
        meter_id,
        channel,
        interval_start_utc,
        interval_minutes,
        load_id,
        version_no,
        known_on,
        local_date,
        consumption_kwh,
        broken_rules,
        is_rejected,
        quality_code
    from {{ ref('int_read_checks') }}
    where broken_rules is not null
)

select * from findings

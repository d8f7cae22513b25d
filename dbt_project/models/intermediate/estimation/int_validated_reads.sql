{{ config(materialized='view') }}

with versions as (
    select
        *,
        {{ newest_first(['meter_id', 'channel', 'interval_start_utc']) }} as age
    from {{ ref('stg_meter_reads') }}
),

reads as (
    select * from versions
    where age = 1 and measured_minutes > 0
),

estimates as (
    select * from {{ ref('int_read_estimates') }}
),

validated as (
    select
        meter_id,
        channel,
        interval_start_utc,
        interval_minutes,
        consumption_kwh,
        consumption_kwh as original_kwh,
        quality_code,
        null::varchar as broken_rules
    from reads
    union all
    select
        meter_id,
        channel,
        interval_start_utc,
        interval_minutes,
        estimated_kwh as consumption_kwh,
        null::decimal(18, 6) as original_kwh,
        'estimated' as quality_code,
        null::varchar as broken_rules
    from estimates
)

select * from validated

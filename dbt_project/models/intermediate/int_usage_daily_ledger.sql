{{ config(
    materialized='incremental',
    incremental_strategy='append',
    tags=['monitor'],
    indexes=indexed_by([['load_id'], ['local_date']])
) }}

with hourly as (
    select * from {{ ref('int_usage_hourly_ledger') }}
    {% if is_incremental() %}
        where {{ load_is_new(ref('int_usage_hourly_ledger')) }}
    {% endif %}
),

daily as (
    select
        meter_id,
        local_date,
        known_on,
        load_id,
        sum(delta_kwh)::decimal(18, 6) as delta_kwh,
        sum(case when hour_of_day between 17 and 20 then delta_kwh else 0 end)::decimal(18, 6) as delta_peak_kwh,
        sum(case when hour_of_day >= 22 or hour_of_day < 6 then delta_kwh else 0 end)::decimal(18, 6)
            as delta_night_kwh,
        sum(case when hour_of_day between 9 and 16 then delta_kwh else 0 end)::decimal(18, 6) as delta_daytime_kwh,
        sum(delta_minutes)::integer as delta_minutes,
        sum(delta_suspect_minutes)::integer as delta_suspect_minutes
    from hourly
    group by meter_id, local_date, known_on, load_id
)

select * from daily

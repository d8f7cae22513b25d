-- Five weeks up to the newest use that is known: the rebuild of an older day leaves them as they are.
with first_day as (
    select greatest(max(local_date), date '{{ last_as_of_date() }}') - 35 as local_date
    from {{ ref('int_usage_hourly_ledger') }}
),

hourly as (
    select * from {{ ref('int_usage_hourly_ledger') }}
    where local_date > (select first_day.local_date from first_day)
),

estimates as (
    select * from {{ ref('int_read_estimates') }}
    where local_date > (select first_day.local_date from first_day)
),

supply as (
    select * from {{ ref('int_supply_periods') }}
),

meter_hours as (
    select
        meter_id,
        hour_start_utc,
        local_date,
        delta_kwh as consumption_kwh,
        0 as estimated_kwh,
        delta_minutes as measured_minutes,
        0 as estimated_minutes,
        delta_suspect_minutes as suspect_minutes
    from hourly
    union all
    select
        meter_id,
        hour_start_utc,
        local_date,
        estimated_kwh as consumption_kwh,
        estimated_kwh,
        0 as measured_minutes,
        interval_minutes as estimated_minutes,
        0 as suspect_minutes
    from estimates
),

customer_hours as (
    select
        supply.customer_id,
        meter_hours.hour_start_utc,
        meter_hours.local_date,
        sum(meter_hours.consumption_kwh)::decimal(18, 6) as consumption_kwh,
        sum(meter_hours.estimated_kwh)::decimal(18, 6) as estimated_kwh,
        sum(meter_hours.measured_minutes)::integer as measured_minutes,
        case
            when sum(meter_hours.estimated_minutes) > 0 then 'estimated'
            when sum(meter_hours.suspect_minutes) > 0 then 'suspect'
            else 'measured'
        end as quality_code
    from meter_hours
    inner join supply
        on meter_hours.meter_id = supply.meter_id
        and meter_hours.local_date between supply.first_date and supply.last_date
    group by supply.customer_id, meter_hours.hour_start_utc, meter_hours.local_date
    having sum(meter_hours.measured_minutes) + sum(meter_hours.estimated_minutes) > 0
)

select * from customer_hours

with daily as (
    select * from {{ ref('int_usage_daily_ledger') }}
),

estimates as (
    select * from {{ ref('int_read_estimates') }}
),

supply as (
    select * from {{ ref('int_supply_periods') }}
),

-- A day of estimates alone is shown too; the minutes say so.
meter_days as (
    select
        meter_id,
        local_date,
        sum(delta_kwh) as consumption_kwh,
        sum(delta_peak_kwh) as peak_kwh,
        0 as estimated_kwh,
        sum(delta_minutes) as measured_minutes,
        0 as estimated_minutes,
        sum(delta_suspect_minutes) as suspect_minutes
    from daily
    group by meter_id, local_date
    having sum(delta_minutes) > 0
    union all
    select
        meter_id,
        local_date,
        sum(estimated_kwh) as consumption_kwh,
        sum(case when hour_of_day between 17 and 20 then estimated_kwh else 0 end) as peak_kwh,
        sum(estimated_kwh) as estimated_kwh,
        0 as measured_minutes,
        sum(interval_minutes) as estimated_minutes,
        0 as suspect_minutes
    from estimates
    group by meter_id, local_date
),

customer_days as (
    select
        supply.customer_id,
        meter_days.local_date,
        sum(meter_days.consumption_kwh)::decimal(18, 6) as consumption_kwh,
        sum(meter_days.peak_kwh)::decimal(18, 6) as peak_kwh,
        sum(meter_days.estimated_kwh)::decimal(18, 6) as estimated_kwh,
        sum(meter_days.measured_minutes)::integer as measured_minutes,
        sum(meter_days.estimated_minutes)::integer as estimated_minutes,
        sum(meter_days.suspect_minutes)::integer as suspect_minutes
    from meter_days
    inner join supply
        on meter_days.meter_id = supply.meter_id
        and meter_days.local_date between supply.first_date and supply.last_date
    group by supply.customer_id, meter_days.local_date
),

judged as (
    select
        *,
        case
            when estimated_minutes > 0 then 'estimated'
            when suspect_minutes > 0 then 'suspect'
            else 'measured'
        end as quality_code
    from customer_days
)

select * from judged

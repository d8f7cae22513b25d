-- Five weeks up to the newest use that is known: the rebuild of an older day leaves them as they are.
with hourly as (
    select * from {{ ref('int_usage_hourly_ledger') }}
    where local_date > (
            select greatest(max(newest.local_date), date '{{ last_as_of_date() }}') - 35
            from {{ ref('int_usage_hourly_ledger') }} as newest
        )
),

supply as (
    select * from {{ ref('int_supply_periods') }}
),

customer_hours as (
    select
        supply.customer_id,
        hourly.hour_start_utc,
        hourly.local_date,
        sum(hourly.delta_kwh)::decimal(18, 6) as consumption_kwh,
        case when sum(hourly.delta_suspect_minutes) > 0 then 'suspect' else 'measured' end as quality_code
    from hourly
    inner join supply
        on hourly.meter_id = supply.meter_id
        and hourly.local_date between supply.first_date and supply.last_date
    group by supply.customer_id, hourly.hour_start_utc, hourly.local_date
    having sum(hourly.delta_minutes) > 0
)

select * from customer_hours

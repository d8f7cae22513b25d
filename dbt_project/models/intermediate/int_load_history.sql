{{ config(indexes=indexed_by([['local_date']])) }}

{%- set by_hour, by_step = ref('int_usage_hourly_ledger'), ref('int_usage_interval_ledger') %}
{%- set is_by_hour = forecast_step() | int == 60 %}

with usage as (
    select
        meter_id,
        {{ 'hour_start_utc as ' if is_by_hour }}interval_start_utc,
        local_date,
        hour_of_day,
        known_on,
        delta_kwh,
        delta_minutes,
        {{ '0 as ' if is_by_hour }}delta_spread_minutes
    from {{ by_hour if is_by_hour else by_step }}
),

places as (
    select * from {{ ref('int_load_places') }}
),

-- What is known of a meter's place and customer moves its use between feeders and classes on the day that it becomes
-- known.
bookings as (
    select
        places.region_code,
        places.feeder_code,
        places.customer_class,
        usage.local_date,
        usage.hour_of_day,
        usage.interval_start_utc,
        greatest(usage.known_on, places.known_from) as known_on,
        usage.delta_kwh,
        usage.delta_minutes,
        usage.delta_spread_minutes
    from usage
    inner join places
        on usage.meter_id = places.meter_id
        and usage.local_date >= places.first_date
        and (places.next_date is null or usage.local_date < places.next_date)
        and (places.known_to is null or places.known_to > usage.known_on)
    union all
    select
        places.region_code,
        places.feeder_code,
        places.customer_class,
        usage.local_date,
        usage.hour_of_day,
        usage.interval_start_utc,
        places.known_to as known_on,
        -usage.delta_kwh as delta_kwh,
        -usage.delta_minutes as delta_minutes,
        -usage.delta_spread_minutes as delta_spread_minutes
    from usage
    inner join places
        on usage.meter_id = places.meter_id
        and usage.local_date >= places.first_date
        and (places.next_date is null or usage.local_date < places.next_date)
        and places.known_to > usage.known_on
),

steps as (
    select
        region_code,
        feeder_code,
        customer_class,
        local_date,
        hour_of_day,
        interval_start_utc,
        known_on,
        sum(delta_kwh) as delta_kwh,
        sum(delta_minutes) as delta_minutes,
        sum(delta_spread_minutes) as delta_spread_minutes
    from bookings
    group by region_code, feeder_code, customer_class, local_date, hour_of_day, interval_start_utc, known_on
),

history as (
    select
        region_code,
        feeder_code,
        customer_class,
        local_date,
        hour_of_day,
        interval_start_utc,
        {{ forecast_step() }} as interval_minutes,
        known_on,
        lead(known_on) over by_arrival as replaced_on,
        (sum(delta_kwh) over by_arrival)::decimal(18, 6) as consumption_kwh,
        (sum(delta_minutes) over by_arrival)::bigint as measured_minutes,
        (sum(delta_spread_minutes) over by_arrival)::bigint as spread_minutes
    from steps
    window by_arrival as (
        partition by region_code, feeder_code, customer_class, interval_start_utc order by known_on
    )
)

select * from history

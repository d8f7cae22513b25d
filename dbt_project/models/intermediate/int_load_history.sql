{{ config(indexes=indexed_by([['local_date']])) }}

with hourly as (
    select * from {{ ref('int_usage_hourly_ledger') }}
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
        hourly.local_date,
        hourly.hour_of_day,
        hourly.hour_start_utc,
        greatest(hourly.known_on, places.known_from) as known_on,
        hourly.delta_kwh,
        hourly.delta_minutes
    from hourly
    inner join places
        on hourly.meter_id = places.meter_id
        and hourly.local_date >= places.first_date
        and (places.next_date is null or hourly.local_date < places.next_date)
        and (places.known_to is null or places.known_to > hourly.known_on)
    union all
    select
        places.region_code,
        places.feeder_code,
        places.customer_class,
        hourly.local_date,
        hourly.hour_of_day,
        hourly.hour_start_utc,
        places.known_to as known_on,
        -hourly.delta_kwh as delta_kwh,
        -hourly.delta_minutes as delta_minutes
    from hourly
    inner join places
        on hourly.meter_id = places.meter_id
        and hourly.local_date >= places.first_date
        and (places.next_date is null or hourly.local_date < places.next_date)
        and places.known_to > hourly.known_on
),

steps as (
    select
        region_code,
        feeder_code,
        customer_class,
        local_date,
        hour_of_day,
        hour_start_utc,
        known_on,
        sum(delta_kwh) as delta_kwh,
        sum(delta_minutes) as delta_minutes
    from bookings
    group by region_code, feeder_code, customer_class, local_date, hour_of_day, hour_start_utc, known_on
),

history as (
    select
        region_code,
        feeder_code,
        customer_class,
        local_date,
        hour_of_day,
        hour_start_utc,
        known_on,
        lead(known_on) over by_arrival as replaced_on,
        (sum(delta_kwh) over by_arrival)::decimal(18, 6) as consumption_kwh,
        (sum(delta_minutes) over by_arrival)::bigint as measured_minutes
    from steps
    window by_arrival as (
        partition by region_code, feeder_code, customer_class, hour_start_utc order by known_on
    )
)

select * from history

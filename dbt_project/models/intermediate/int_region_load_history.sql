{{ config(indexes=indexed_by([['local_date']])) }}

with hourly as (
    select * from {{ ref('int_usage_hourly_ledger') }}
),

sites as (
    select * from {{ ref('int_meter_sites') }}
),

-- What is known of a meter's place moves its use between regions on the day that it becomes known.
bookings as (
    select
        sites.region_code,
        hourly.local_date,
        hourly.hour_of_day,
        hourly.hour_start_utc,
        greatest(hourly.known_on, sites.known_from) as known_on,
        hourly.delta_kwh,
        hourly.delta_minutes
    from hourly
    inner join sites
        on hourly.meter_id = sites.meter_id
        and hourly.local_date >= sites.first_date
        and (sites.next_date is null or hourly.local_date < sites.next_date)
        and (sites.known_to is null or sites.known_to > hourly.known_on)
    union all
    select
        sites.region_code,
        hourly.local_date,
        hourly.hour_of_day,
        hourly.hour_start_utc,
        sites.known_to as known_on,
        -hourly.delta_kwh as delta_kwh,
        -hourly.delta_minutes as delta_minutes
    from hourly
    inner join sites
        on hourly.meter_id = sites.meter_id
        and hourly.local_date >= sites.first_date
        and (sites.next_date is null or hourly.local_date < sites.next_date)
        and sites.known_to > hourly.known_on
),

steps as (
    select
        region_code,
        local_date,
        hour_of_day,
        hour_start_utc,
        known_on,
        sum(delta_kwh) as delta_kwh,
        sum(delta_minutes) as delta_minutes
    from bookings
    group by region_code, local_date, hour_of_day, hour_start_utc, known_on
),

history as (
    select
        region_code,
        local_date,
        hour_of_day,
        hour_start_utc,
        known_on,
        lead(known_on) over by_arrival as replaced_on,
        (sum(delta_kwh) over by_arrival)::decimal(24, 6) as consumption_kwh,
        (sum(delta_minutes) over by_arrival)::bigint as measured_minutes
    from steps
    window by_arrival as (partition by region_code, hour_start_utc order by known_on)
)

select * from history

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    tags=['monitor'],
    indexes=indexed_by([['load_id'], ['local_date']])
) }}

with {{ usage_bookings(ref('int_checked_reads')) }},

starts as (
    select
        interval_start_utc,
        {{ to_local('interval_start_utc') }} as local_start
    from (
        select interval_start_utc from new_reads
        union
        select interval_start_utc from corrected_keys
    ) as distinct_starts
),

-- The hour is the local one, so that days end where the utility's days end also in zones with half hours.
hours as (
    select
        interval_start_utc,
        interval_start_utc - (local_start - date_trunc('hour', local_start)) as hour_start_utc,
        local_start::date as local_date,
        extract(hour from local_start)::integer as hour_of_day
    from starts
),

hourly as (
    select
        bookings.meter_id,
        hours.hour_start_utc,
        hours.local_date,
        hours.hour_of_day,
        bookings.known_on,
        bookings.load_id,
        sum(bookings.consumption_kwh)::decimal(18, 6) as delta_kwh,
        sum(bookings.measured_minutes)::integer as delta_minutes,
        sum(bookings.suspect_minutes)::integer as delta_suspect_minutes
    from bookings
    inner join hours on bookings.interval_start_utc = hours.interval_start_utc
    group by
        bookings.meter_id, hours.hour_start_utc, hours.local_date, hours.hour_of_day, bookings.known_on,
        bookings.load_id
)

select * from hourly

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_other_steps() }}',
    indexes=indexed_by([['load_id'], ['local_date']])
) }}

{%- set step = forecast_step() | int %}

-- Empty where the step is an hour: for that there is the ledger by the hour.
with {{ usage_bookings(ref('int_checked_reads'), 'interval_minutes = ' ~ step, step < 60) }},

spans as (
    select
        interval_start_utc,
        interval_minutes
    from new_reads
    union
    select
        interval_start_utc,
        interval_minutes
    from histories
),

local_spans as (
    select
        *,
        {{ to_local('interval_start_utc') }} as local_start
    from spans
),

-- The clock is the local one, as in the ledger by the hour.
begun as (
    select
        interval_start_utc,
        interval_minutes,
        date_trunc('hour', local_start) - local_start + interval_start_utc as hour_start_utc,
        extract(minute from local_start)::integer as minute_of_hour
    from local_spans
),

numbered as (
    select
        *,
        {{ each_number(
            whole_part('minute_of_hour', step),
            whole_part('minute_of_hour + interval_minutes - 1', step)
        ) }} as slot_no
    from begun
),

-- Read and interval share the minutes from .. to of the read: all of them, where it is not longer than the step.
slots as (
    select
        interval_start_utc as read_start_utc,
        interval_minutes as read_minutes,
        hour_start_utc + slot_no * {{ step }} * interval '1 minute' as interval_start_utc,
        greatest(slot_no * {{ step }} - minute_of_hour, 0) as from_minute,
        least((slot_no + 1) * {{ step }} - minute_of_hour, interval_minutes) as to_minute
    from numbered
),

local_slots as (
    select
        *,
        to_minute - from_minute < read_minutes as is_spread,
        {{ to_local('interval_start_utc') }} as local_start
    from slots
),

shared as (
    select
        bookings.meter_id,
        local_slots.interval_start_utc,
        local_slots.local_start,
        bookings.known_on,
        bookings.load_id,
        local_slots.is_spread,
        case
            when local_slots.is_spread
                then {{ part_of(
                    'bookings.consumption_kwh', 'local_slots.from_minute', 'local_slots.to_minute',
                    'local_slots.read_minutes'
                ) }}
            else bookings.consumption_kwh
        end as kwh,
        case
            when bookings.measured_minutes > 0 then local_slots.to_minute - local_slots.from_minute
            when bookings.measured_minutes < 0 then local_slots.from_minute - local_slots.to_minute
            else 0
        end as measured_minutes
    from bookings
    inner join local_slots
        on bookings.interval_start_utc = local_slots.read_start_utc
        and bookings.interval_minutes = local_slots.read_minutes
),

ledger as (
    select
        meter_id,
        interval_start_utc,
        {{ step }} as interval_minutes,
        local_start::date as local_date,
        extract(hour from local_start)::integer as hour_of_day,
        known_on,
        load_id,
        sum(kwh)::decimal(18, 6) as delta_kwh,
        sum(measured_minutes)::integer as delta_minutes,
        sum(case when is_spread then measured_minutes else 0 end)::integer as delta_spread_minutes
    from shared
    group by meter_id, interval_start_utc, local_start, known_on, load_id
)

select * from ledger

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    tags=['monitor'],
    indexes=indexed_by([['load_id'], ['local_date']])
) }}

-- `not materialized`: these are scans of the largest table, cheaper to repeat than to keep.
with reads as not materialized (
    select * from {{ ref('int_checked_reads') }}
    where channel = 'import'
),

new_reads as {% if not is_incremental() %}not materialized {% endif %}(
    select * from reads
    {% if is_incremental() -%}
        where {{ load_is_new(ref('int_checked_reads')) }}
    {%- endif %}
),

new_loads as (
    select distinct load_id from new_reads
),

-- Only a read with more than one version needs its history; nearly all have one. The later version may be booked
-- already: of two loads that landed together, the first may have been accepted last.
corrected_keys as (
    select distinct
        reads.meter_id,
        reads.interval_start_utc
    from reads
    {% if is_incremental() %}
        inner join new_reads
            on reads.meter_id = new_reads.meter_id and reads.interval_start_utc = new_reads.interval_start_utc
    {% endif %}
    where reads.version_no > 1
        {% if is_incremental() -%}
            and reads.interval_start_utc >= (select min(first_reads.interval_start_utc) from new_reads as first_reads)
        {%- endif %}
),

histories as (
    select
        reads.*,
        new_loads.load_id is not null as is_new
    from reads
    inner join corrected_keys
        on reads.meter_id = corrected_keys.meter_id and reads.interval_start_utc = corrected_keys.interval_start_utc
    left join new_loads on reads.load_id = new_loads.load_id
    where reads.interval_start_utc >= (select min(first_keys.interval_start_utc) from corrected_keys as first_keys)
),

-- What the ledger holds of a version is its step over the version before it. A version that arrives out of order
-- changes the step of the one after it, so old versions are booked again with the difference. Every new load must
-- leave a row here: by their ids the next build knows which loads are booked.
steps as (
    select
        *,
        lag(consumption_kwh, 1, 0) over by_arrival as before_kwh,
        lag(measured_minutes, 1, 0) over by_arrival as before_minutes,
        lag(suspect_minutes, 1, 0) over by_arrival as before_suspect_minutes,
        lag(consumption_kwh, 1, 0) over by_arrival_booked as booked_before_kwh,
        lag(measured_minutes, 1, 0) over by_arrival_booked as booked_before_minutes,
        lag(suspect_minutes, 1, 0) over by_arrival_booked as booked_before_suspect_minutes,
        max(case when is_new then {{ by_bytes('load_id') }} end)
            over (partition by meter_id, interval_start_utc)
            as newest_load_id
    from histories
    window
        by_arrival as (
            partition by meter_id, interval_start_utc
            order by received_at_utc, {{ by_bytes('load_id') }}, version_no
        ),
        by_arrival_booked as (
            partition by meter_id, interval_start_utc, is_new
            order by received_at_utc, {{ by_bytes('load_id') }}, version_no
        )
),

bookings as not materialized (
    select
        new_reads.meter_id,
        new_reads.interval_start_utc,
        new_reads.known_on,
        new_reads.load_id,
        new_reads.consumption_kwh,
        new_reads.measured_minutes,
        new_reads.suspect_minutes
    from new_reads
    left join corrected_keys
        on new_reads.meter_id = corrected_keys.meter_id
        and new_reads.interval_start_utc = corrected_keys.interval_start_utc
    where corrected_keys.meter_id is null
    union all
    select
        meter_id,
        interval_start_utc,
        known_on,
        case when is_new then load_id else newest_load_id end as load_id,
        case when is_new then consumption_kwh else booked_before_kwh end - before_kwh as consumption_kwh,
        case when is_new then measured_minutes else booked_before_minutes end - before_minutes as measured_minutes,
        case when is_new then suspect_minutes else booked_before_suspect_minutes end - before_suspect_minutes
            as suspect_minutes
    from steps
    where is_new or booked_before_kwh <> before_kwh or booked_before_minutes <> before_minutes
        or booked_before_suspect_minutes <> before_suspect_minutes
),

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

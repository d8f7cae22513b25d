{{ config(tags=['monitor']) }}

with meters as (
    select * from {{ ref('int_alert_meters') }}
    where watch_state = 'watched' and feeder_code is not null
        and last_read_on > complete_on - {{ recent_days() }}
),

hourly as (
    select * from {{ ref('int_usage_hourly_ledger') }}
    where local_date > (select min(meters.as_of_date) - {{ outage_days() }} from meters)
),

known as (
    select
        meters.as_of_date,
        meters.region_code,
        meters.feeder_code,
        meters.meter_id,
        hourly.hour_start_utc,
        sum(hourly.delta_minutes) > 0 as is_measured,
        sum(hourly.delta_minutes) > 0 and sum(hourly.delta_kwh) <> 0 as is_live
    from meters
    inner join hourly
        on meters.meter_id = hourly.meter_id
        and meters.as_of_date >= hourly.known_on
        and meters.as_of_date >= hourly.local_date
        and hourly.local_date > meters.complete_on - {{ outage_days() }}
    group by meters.as_of_date, meters.region_code, meters.feeder_code, meters.meter_id, hourly.hour_start_utc
),

-- A meter that often stands at zero tells nothing of the line.
steady as (
    select
        meters.as_of_date,
        meters.region_code,
        meters.feeder_code,
        meters.meter_id
    from meters
    left join known on meters.as_of_date = known.as_of_date and meters.meter_id = known.meter_id
    group by meters.as_of_date, meters.region_code, meters.feeder_code, meters.meter_id
    having 10 * count(case when known.is_live then 1 end) >= 7 * count(case when known.is_measured then 1 end)
),

feeders as (
    select
        as_of_date,
        region_code,
        feeder_code,
        count(*)::integer as meters
    from steady
    group by as_of_date, region_code, feeder_code
    having count(*) >= {{ least_feeder_meters() }}
),

watched as (
    select
        as_of_date,
        count(*) as meters
    from meters
    group by as_of_date
),

-- Hours of which a quarter of all meters tell; of others the reads may still be on their way.
told_hours as (
    select
        known.as_of_date,
        known.hour_start_utc
    from known
    inner join watched on known.as_of_date = watched.as_of_date
    where known.is_measured
    group by known.as_of_date, known.hour_start_utc, watched.meters
    having 4 * count(*) >= watched.meters
),

live as (
    select
        known.as_of_date,
        known.feeder_code,
        known.hour_start_utc,
        count(*) as live_meters
    from known
    inner join steady on known.as_of_date = steady.as_of_date and known.meter_id = steady.meter_id
    where known.is_live
    group by known.as_of_date, known.feeder_code, known.hour_start_utc
),

silent_hours as (
    select
        feeders.as_of_date,
        feeders.region_code,
        feeders.feeder_code,
        feeders.meters,
        told_hours.hour_start_utc,
        {{ to_local('told_hours.hour_start_utc') }}::date as local_date,
        {{ hours_between("timestamp '2000-01-01'", 'told_hours.hour_start_utc') }}
        - row_number() over (
            partition by feeders.as_of_date, feeders.feeder_code order by told_hours.hour_start_utc
        ) as stretch
    from feeders
    inner join told_hours on feeders.as_of_date = told_hours.as_of_date
    left join live
        on feeders.as_of_date = live.as_of_date
        and feeders.feeder_code = live.feeder_code
        and told_hours.hour_start_utc = live.hour_start_utc
    where 10 * coalesce(live.live_meters, 0) <= feeders.meters
),

outages as (
    select
        as_of_date,
        region_code,
        feeder_code,
        meters,
        stretch,
        min(hour_start_utc) as began_at_utc,
        max(hour_start_utc) + interval '1 hour' as ended_at_utc,
        min(local_date) as first_date,
        max(local_date) as last_date,
        count(*)::integer as outage_hours
    from silent_hours
    group by as_of_date, region_code, feeder_code, meters, stretch
)

select * from outages

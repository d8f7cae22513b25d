{{ config(tags=['monitor'], indexes=indexed_by([['as_of_date', 'meter_id']])) }}

with meters as (
    select * from {{ ref('int_alert_meters') }}
    where watch_state = 'watched'
),

daily as (
    select * from {{ ref('int_usage_daily_ledger') }}
    where local_date > (select min(meters.as_of_date) - 400 from meters)
),

degree_days as (
    select
        as_of_date,
        region_code,
        local_date,
        greatest(15 - temperature_c, 0)::decimal(6, 2) as heating_degrees,
        greatest(temperature_c - 20, 0)::decimal(6, 2) as cooling_degrees
    from {{ ref('int_temperature_days_as_of') }}
),

known as (
    select
        meters.as_of_date,
        meters.meter_id,
        meters.region_code,
        daily.local_date,
        min({{ days_between('daily.local_date', 'meters.complete_on') }}) as days_ago,
        extract(isodow from daily.local_date) >= 6 as is_weekend,
        sum(daily.delta_kwh)::decimal(18, 6) as kwh,
        sum(daily.delta_minutes)::integer as measured_minutes,
        sum(daily.delta_suspect_minutes)::integer as suspect_minutes
    from meters
    inner join daily
        on meters.meter_id = daily.meter_id
        and daily.known_on <= meters.as_of_date
        and daily.local_date > meters.complete_on - 365
        and daily.local_date between meters.placed_on and meters.complete_on
    group by meters.as_of_date, meters.meter_id, meters.region_code, daily.local_date
),

warmed as (
    select
        known.*,
        coalesce(degree_days.heating_degrees, 0) as heating_degrees,
        coalesce(degree_days.cooling_degrees, 0) as cooling_degrees
    from known
    left join degree_days
        on known.as_of_date = degree_days.as_of_date
        and known.region_code = degree_days.region_code
        and known.local_date = degree_days.local_date
),

-- What a degree costs this very meter: of two neighbours one heats with electricity and the other does not. A few days
-- just above the threshold tell nothing of a heat wave: damped, and no further than to the most degrees seen.
reactions as (
    select
        as_of_date,
        meter_id,
        coalesce(greatest(0, {{ slope(
            'case when cooling_degrees = 0 then kwh::decimal(12, 3) else 0 end',
            'case when cooling_degrees = 0 then heating_degrees end',
            damping=100
        ) }}), 0) as heating_kwh,
        coalesce(greatest(0, {{ slope(
            'case when heating_degrees = 0 then kwh::decimal(12, 3) else 0 end',
            'case when heating_degrees = 0 then cooling_degrees end',
            damping=100
        ) }}), 0) as cooling_kwh,
        max(heating_degrees) as most_heating_degrees,
        max(cooling_degrees) as most_cooling_degrees
    from warmed
    where days_ago >= {{ recent_days() }} and measured_minutes >= 1320
    group by as_of_date, meter_id
),

weathered as (
    select
        warmed.*,
        {{ rounded_decimal(
            'reactions.heating_kwh'
            ~ ' * least(warmed.heating_degrees, reactions.most_heating_degrees)::double precision'
            ~ ' + reactions.cooling_kwh'
            ~ ' * least(warmed.cooling_degrees, reactions.most_cooling_degrees)::double precision'
        ) }} as weather_kwh
    from warmed
    inner join reactions on warmed.as_of_date = reactions.as_of_date and warmed.meter_id = reactions.meter_id
    where warmed.days_ago < {{ alert_days() }}
),

-- Like days: of the twelve weeks before the last four, working days for working days and weekends for weekends.
like_days as (
    select
        as_of_date,
        meter_id,
        is_weekend,
        count(*)::integer as like_days,
        (percentile_disc(0.5) within group (order by kwh))::decimal(18, 6) as like_kwh,
        (percentile_disc(0.5) within group (order by kwh - weather_kwh))::decimal(18, 6) as weatherless_kwh
    from weathered
    where days_ago >= {{ recent_days() }} and measured_minutes >= 1320
    group by as_of_date, meter_id, is_weekend
),

likely as (
    select
        weathered.*,
        like_days.like_days,
        like_days.like_kwh as usual_kwh,
        greatest(
            like_days.weatherless_kwh + weathered.weather_kwh, 0.25 * like_days.like_kwh
        )::decimal(18, 6) as like_kwh
    from weathered
    inner join like_days
        on weathered.as_of_date = like_days.as_of_date
        and weathered.meter_id = like_days.meter_id
        and weathered.is_weekend = like_days.is_weekend
    where like_days.like_days >= case when weathered.is_weekend then 5 else 10 end and like_days.like_kwh > 0
),

-- Where the season took away more than half of a meter's use, little is left to judge it by.
compared as (
    select
        *,
        case
            when measured_minutes >= 1320 and 2 * like_kwh >= usual_kwh then {{ share_of('kwh', 'like_kwh') }}
        end as like_share
    from likely
),

-- What the day did to the neighbours: weather, season, holidays.
region_days as (
    select
        as_of_date,
        region_code,
        local_date,
        count(like_share)::integer as neighbours,
        (percentile_disc(0.5) within group (order by like_share))::decimal(18, 6) as day_factor
    from compared
    where like_share is not null
    group by as_of_date, region_code, local_date
),

factored as (
    select
        compared.as_of_date,
        compared.meter_id,
        compared.local_date,
        compared.days_ago,
        compared.kwh,
        compared.measured_minutes,
        compared.suspect_minutes,
        compared.like_days,
        region_days.neighbours,
        case
            when region_days.neighbours >= 5 and region_days.day_factor > 0 then region_days.day_factor
            else 1
        end as day_factor,
        compared.like_kwh,
        compared.like_share
    from compared
    left join region_days
        on compared.as_of_date = region_days.as_of_date
        and compared.region_code = region_days.region_code
        and compared.local_date = region_days.local_date
),

expected as (
    select
        as_of_date,
        meter_id,
        local_date,
        days_ago,
        kwh,
        measured_minutes,
        suspect_minutes,
        like_days,
        neighbours,
        (like_kwh * day_factor)::decimal(18, 6) as expected_kwh,
        (case
            when like_share is not null
                then {{ share_of('like_share', 'day_factor') }}
        end)::decimal(18, 6) as use_share
    from factored
)

select * from expected

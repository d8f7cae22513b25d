with as_of_days as (
    {{ as_of_days('demand') }}
),

weather as (
    select * from {{ ref('int_weather_as_of') }}
),

calendar as (
    select * from {{ ref('int_calendar_days') }}
),

region_knowledge as (
    select distinct
        region_code,
        known_from,
        known_to
    from {{ ref('int_meter_sites') }}
),

regions as (
    select distinct
        as_of_days.as_of_date,
        region_knowledge.region_code
    from as_of_days
    inner join region_knowledge
        on region_knowledge.known_from <= as_of_days.as_of_date
        and (region_knowledge.known_to is null or region_knowledge.known_to > as_of_days.as_of_date)
),

-- A week back, so that days on which nothing was built leave no hole in what had been observed.
hours as (
    select
        as_of_date,
        region_code,
        {{ each_hour(to_utc('as_of_date - 6'), to_utc('as_of_date + 8') ~ " - interval '1 hour'") }} as valid_at_utc
    from regions
),

local_hours as (
    select
        *,
        {{ to_local('valid_at_utc') }}::date as local_date
    from hours
),

joined as (
    select
        local_hours.as_of_date,
        local_hours.region_code,
        local_hours.valid_at_utc,
        local_hours.local_date,
        calendar.is_holiday,
        calendar.is_school_holiday,
        weather.temperature_c::double precision as temperature_c,
        weather.humidity_pct::double precision as humidity_pct,
        weather.wind_speed_m_s::double precision as wind_speed_m_s,
        weather.cloud_cover_pct::double precision as cloud_cover_pct
    from local_hours
    inner join calendar
        on local_hours.region_code = calendar.region_code and local_hours.local_date = calendar.local_date
    left join weather
        on local_hours.as_of_date = weather.as_of_date
        and local_hours.region_code = weather.region_code
        and date_trunc('hour', local_hours.valid_at_utc) = weather.valid_at_utc
)

select * from joined
order by as_of_date, region_code, valid_at_utc

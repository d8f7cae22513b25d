with as_of_days as (
    {{ as_of_days('demand') }}
),

weather as (
    select * from {{ ref('stg_weather') }}
    where not is_deleted
        and valid_at_utc >= (select min(as_of_days.as_of_date) - 8 from as_of_days)
        and valid_at_utc < (select max(as_of_days.as_of_date) + 10 from as_of_days)
        and known_on <= (select max(as_of_days.as_of_date) from as_of_days)
),

stations as (
    select * from {{ ref('int_station_points') }}
),

sites as (
    select distinct region_code from {{ ref('int_meter_sites') }}
),

days as (
    select listed.listed_at::date as valid_on
    from {{ day_series("date '" ~ (var('as_of_dates') | min) ~ "' - 8", "date '" ~ last_as_of_date() ~ "' + 9") }}
            as listed (listed_at)
),

-- From eight days before the cut to ten after it. Hours match by equality of days, which every engine does fast.
window_days as (
    select
        as_of_days.as_of_date,
        days.valid_on
    from as_of_days
    inner join days
        on days.valid_on >= as_of_days.as_of_date - 8
        and days.valid_on < as_of_days.as_of_date + 10
),

-- The newest issue that had arrived: the observation where the hour had passed, else the latest forecast.
-- Forecasts of hours long past could only fill a gap in the observations, so they are left out.
known as (
    select
        window_days.as_of_date,
        weather.station_code,
        weather.valid_at_utc,
        {{ latest('weather.temperature_c', 'weather.issued_at_utc') }} as temperature_c,
        {{ latest('weather.humidity_pct', 'weather.issued_at_utc') }} as humidity_pct,
        {{ latest('weather.wind_speed_m_s', 'weather.issued_at_utc') }} as wind_speed_m_s,
        {{ latest('weather.cloud_cover_pct', 'weather.issued_at_utc') }} as cloud_cover_pct
    from window_days
    inner join weather
        on window_days.valid_on = weather.valid_at_utc::date
        and window_days.as_of_date >= weather.known_on
        and (weather.replaced_on is null or window_days.as_of_date < weather.replaced_on)
    where weather.issued_at_utc >= weather.valid_at_utc or weather.valid_at_utc > window_days.as_of_date - 1
    group by window_days.as_of_date, weather.station_code, weather.valid_at_utc
),

known_stations as (
    select distinct
        as_of_date,
        station_code
    from known
),

station_weights as (
    select
        as_of_days.as_of_date,
        stations.region_code,
        stations.station_code,
        sum(stations.service_points)::integer as service_points
    from as_of_days
    inner join stations
        on stations.known_from <= as_of_days.as_of_date
        and (stations.replaced_on is null or stations.replaced_on > as_of_days.as_of_date)
    group by as_of_days.as_of_date, stations.region_code, stations.station_code
),

-- A region that names no station has the mean weather of all stations.
region_stations as (
    select
        known_stations.as_of_date,
        sites.region_code,
        known_stations.station_code,
        1 as service_points
    from sites
    cross join known_stations
    where not exists (
            select 1 from station_weights
            where station_weights.region_code = sites.region_code
                and station_weights.as_of_date = known_stations.as_of_date
        )
    union all
    select
        as_of_date,
        region_code,
        station_code,
        service_points
    from station_weights
),

regional as (
    select
        known.as_of_date,
        stations.region_code,
        known.valid_at_utc,
        {{ rounded_decimal(weighted_mean('known.temperature_c', 'stations.service_points')) }} as temperature_c,
        {{ rounded_decimal(weighted_mean('known.humidity_pct', 'stations.service_points')) }} as humidity_pct,
        {{ rounded_decimal(weighted_mean('known.wind_speed_m_s', 'stations.service_points')) }} as wind_speed_m_s,
        {{ rounded_decimal(weighted_mean('known.cloud_cover_pct', 'stations.service_points')) }} as cloud_cover_pct
    from known
    inner join region_stations as stations
        on known.as_of_date = stations.as_of_date and known.station_code = stations.station_code
    group by known.as_of_date, stations.region_code, known.valid_at_utc
)

select * from regional

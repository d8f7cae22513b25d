with as_of_days as (
    {{ as_of_days('demand') }}
),

weather as (
    select * from {{ ref('stg_weather') }}
    where not is_deleted
        and valid_at_utc >= (select min(as_of_days.as_of_date) - 16 from as_of_days)
        and valid_at_utc < (select max(as_of_days.as_of_date) + 10 from as_of_days)
        and known_on <= (select max(as_of_days.as_of_date) from as_of_days)
),

service_points as (
    select
        *,
        case when received_at_assumed then date '0001-01-01' else known_on end as known_from
    from {{ ref('stg_service_points') }}
    where station_code is not null and (replaced_on is null or replaced_on > known_on)
),

sites as (
    select distinct region_code from {{ ref('int_meter_sites') }}
),

-- The newest issue that had arrived: the observation where the hour had passed, else the latest forecast.
-- Forecasts of hours long past could only fill a gap in the observations, so they are left out.
known as (
    select
        as_of_days.as_of_date,
        weather.station_code,
        weather.valid_at_utc,
        {{ latest('weather.temperature_c', 'weather.issued_at_utc') }} as temperature_c,
        {{ latest('weather.humidity_pct', 'weather.issued_at_utc') }} as humidity_pct,
        {{ latest('weather.wind_speed_m_s', 'weather.issued_at_utc') }} as wind_speed_m_s,
        {{ latest('weather.cloud_cover_pct', 'weather.issued_at_utc') }} as cloud_cover_pct
    from as_of_days
    inner join weather
        on weather.valid_at_utc >= as_of_days.as_of_date - 16
        and weather.valid_at_utc < as_of_days.as_of_date + 10
        and weather.known_on <= as_of_days.as_of_date
        and (weather.replaced_on is null or weather.replaced_on > as_of_days.as_of_date)
    where weather.issued_at_utc >= weather.valid_at_utc or weather.valid_at_utc > as_of_days.as_of_date - 1
    group by as_of_days.as_of_date, weather.station_code, weather.valid_at_utc
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
        service_points.region_code,
        service_points.station_code,
        count(*) as service_points
    from as_of_days
    inner join service_points
        on service_points.known_from <= as_of_days.as_of_date
        and (service_points.replaced_on is null or service_points.replaced_on > as_of_days.as_of_date)
        and not service_points.is_deleted
    group by as_of_days.as_of_date, service_points.region_code, service_points.station_code
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
        region_stations.region_code,
        known.valid_at_utc,
        (sum(known.temperature_c * region_stations.service_points) / sum(region_stations.service_points))::double
            as temperature_c,
        (sum(known.humidity_pct * region_stations.service_points) / sum(region_stations.service_points))::double
            as humidity_pct,
        (sum(known.wind_speed_m_s * region_stations.service_points) / sum(region_stations.service_points))::double
            as wind_speed_m_s,
        (sum(known.cloud_cover_pct * region_stations.service_points) / sum(region_stations.service_points))::double
            as cloud_cover_pct
    from known
    inner join region_stations
        on known.as_of_date = region_stations.as_of_date and known.station_code = region_stations.station_code
    group by known.as_of_date, region_stations.region_code, known.valid_at_utc
),

smoothed as (
    select
        *,
        avg(temperature_c) over (
            partition by as_of_date, region_code order by valid_at_utc rows between 23 preceding and current row
        ) as temperature_mean_24h_c,
        avg(temperature_c) over (
            partition by as_of_date, region_code order by valid_at_utc rows between 71 preceding and current row
        ) as temperature_mean_72h_c
    from regional
)

select * from smoothed

with as_of_days as (
    {{ as_of_days('segments') }}
),

observations as (
    select * from {{ ref('stg_weather') }}
    where issued_at_utc >= valid_at_utc
        and valid_at_utc >= (select min(as_of_days.as_of_date) - 366 from as_of_days)
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

station_days as (
    select
        as_of_days.as_of_date,
        observations.station_code,
        {{ to_local('observations.valid_at_utc') }}::date as local_date,
        avg(observations.temperature_c)::decimal(18, 6) as temperature_c
    from as_of_days
    inner join observations
        on {{ in_force('observations', 'as_of_days.as_of_date') }}
        and observations.valid_at_utc >= as_of_days.as_of_date - 366
    group by
        as_of_days.as_of_date, observations.station_code, {{ to_local('observations.valid_at_utc') }}::date
),

region_stations as (
    select
        as_of_days.as_of_date,
        service_points.region_code,
        service_points.station_code
    from as_of_days
    inner join service_points
        on service_points.known_from <= as_of_days.as_of_date
        and (service_points.replaced_on is null or service_points.replaced_on > as_of_days.as_of_date)
        and not service_points.is_deleted
    group by as_of_days.as_of_date, service_points.region_code, service_points.station_code
),

region_days as (
    select
        station_days.as_of_date,
        sites.region_code,
        station_days.local_date,
        avg(station_days.temperature_c)::double as temperature_c
    from sites
    cross join station_days
    left join region_stations
        on station_days.as_of_date = region_stations.as_of_date
        and sites.region_code = region_stations.region_code
        and station_days.station_code = region_stations.station_code
    where region_stations.station_code is not null
        or not exists (
            select 1 from region_stations as named
            where named.as_of_date = station_days.as_of_date and named.region_code = sites.region_code
        )
    group by station_days.as_of_date, sites.region_code, station_days.local_date
)

select * from region_days

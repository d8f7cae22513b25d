{{ config(tags=['monitor']) }}

with as_of_days as (
    {{ as_of_days('segments') }}
),

observations as (
    select * from {{ ref('stg_weather') }}
    where issued_at_utc >= valid_at_utc
        and valid_at_utc >= (select min(as_of_days.as_of_date) - 366 from as_of_days)
),

stations as (
    select * from {{ ref('int_station_points') }}
),

sites as (
    select distinct region_code from {{ ref('int_meter_sites') }}
),

station_days as (
    select
        as_of_days.as_of_date,
        observations.station_code,
        {{ to_local('observations.valid_at_utc') }}::date as local_date,
        {{ rounded_decimal(mean('observations.temperature_c')) }} as temperature_c
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
        stations.region_code,
        stations.station_code
    from as_of_days
    inner join stations
        on stations.known_from <= as_of_days.as_of_date
        and (stations.replaced_on is null or stations.replaced_on > as_of_days.as_of_date)
    group by as_of_days.as_of_date, stations.region_code, stations.station_code
),

region_days as (
    select
        station_days.as_of_date,
        sites.region_code,
        station_days.local_date,
        {{ rounded_decimal(mean('station_days.temperature_c')) }} as temperature_c
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

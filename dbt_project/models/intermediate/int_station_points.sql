-- A version replaced on the day it arrived was never known at a day's end; a first load counts as always known.
with service_points as (
    select
        region_code,
        station_code,
        replaced_on,
        case when received_at_assumed then date '0001-01-01' else known_on end as known_from
    from {{ ref('stg_service_points') }}
    where station_code is not null and not is_deleted and (replaced_on is null or replaced_on > known_on)
),

station_points as (
    select
        region_code,
        station_code,
        known_from,
        replaced_on,
        count(*)::integer as service_points
    from service_points
    group by region_code, station_code, known_from, replaced_on
)

select * from station_points

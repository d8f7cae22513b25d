-- A version replaced on the day it arrived was never known at a day's end; else both would hold from the start.
with meters as (
    select
        *,
        case when received_at_assumed then date '0001-01-01' else known_on end as known_from
    from {{ ref('stg_meters') }}
    where replaced_on is null or replaced_on > known_on
),

service_points as (
    select
        *,
        case when received_at_assumed then date '0001-01-01' else known_on end as known_from
    from {{ ref('stg_service_points') }}
    where replaced_on is null or replaced_on > known_on
),

read_meters as (
    select
        meter_id,
        max(local_date) as last_read_on
    from {{ ref('int_usage_daily_ledger') }}
    group by meter_id
),

all_meters as (
    select meter_id from read_meters
    union
    select meter_id from meters
),

-- Days on which something new about the place of a meter became known.
news as (
    select
        meter_id,
        date '0001-01-01' as known_from
    from all_meters
    union
    select
        meter_id,
        known_from
    from meters
    union
    select
        meters.meter_id,
        service_points.known_from
    from meters
    inner join service_points on meters.service_point_id = service_points.service_point_id
    union
    select
        all_meters.meter_id,
        service_points.known_from
    from all_meters
    inner join service_points on all_meters.meter_id = service_points.service_point_id
),

knowledge as (
    select
        meter_id,
        known_from,
        lead(known_from) over (partition by meter_id order by known_from) as known_to
    from news
),

-- A meter that no table places is its own service point.
placed as (
    select
        knowledge.meter_id,
        knowledge.known_from,
        knowledge.known_to,
        coalesce(meters.service_point_id, knowledge.meter_id) as service_point_id,
        coalesce(meters.installed_on, date '0001-01-01') as installed_on,
        meters.removed_on
    from knowledge
    left join meters
        on knowledge.meter_id = meters.meter_id
        and meters.known_from <= knowledge.known_from
        and (meters.replaced_on is null or meters.replaced_on > knowledge.known_from)
        and not meters.is_deleted
),

-- The first place of a meter also holds for reads from before its installation date.
ranged as (
    select
        *,
        case
            when row_number() over by_installation = 1 then date '0001-01-01' else installed_on
        end as first_date,
        lead(installed_on) over by_installation as next_date
    from placed
    window by_installation as (
        partition by meter_id, known_from order by installed_on, {{ by_bytes('service_point_id') }}
    )
),

-- The day of the removal still belongs to the place that the meter leaves.
in_place as (
    select
        meter_id,
        known_from,
        known_to,
        service_point_id,
        first_date,
        least(next_date, removed_on + 1) as next_date,
        next_date as next_place_date
    from ranged
),

-- What a meter sends after it was taken away is no use of its former place: it is its own service point then.
out_of_place as (
    select
        in_place.meter_id,
        in_place.known_from,
        in_place.known_to,
        in_place.meter_id as service_point_id,
        in_place.next_date as first_date,
        in_place.next_place_date as next_date
    from in_place
    inner join read_meters on in_place.meter_id = read_meters.meter_id
    where in_place.next_date <= read_meters.last_read_on
        and (in_place.next_place_date is null or in_place.next_date < in_place.next_place_date)
),

stretches as (
    select
        meter_id,
        known_from,
        known_to,
        service_point_id,
        first_date,
        next_date
    from in_place
    where next_date is null or first_date < next_date
    union all
    select
        meter_id,
        known_from,
        known_to,
        service_point_id,
        first_date,
        next_date
    from out_of_place
),

sites as (
    select
        stretches.meter_id,
        stretches.service_point_id,
        coalesce(
            own_point.region_code,
            case when exists (select 1 from service_points) then 'UNKNOWN' else 'ALL' end
        ) as region_code,
        own_point.feeder_code,
        stretches.first_date,
        stretches.next_date,
        stretches.known_from,
        stretches.known_to
    from stretches
    left join service_points as own_point
        on stretches.service_point_id = own_point.service_point_id
        and own_point.known_from <= stretches.known_from
        and (own_point.replaced_on is null or own_point.replaced_on > stretches.known_from)
        and not own_point.is_deleted
)

select * from sites

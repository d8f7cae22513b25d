{{ config(tags=['monitor']) }}

-- Three local days up to that of the build: what is older is nobody's load of now, and is not even read.
with arrived as (
    select * from {{ ref('int_checked_reads') }}
    where channel = 'import'
        and interval_minutes <= 60
        and interval_start_utc >= {{ to_utc("date '" ~ last_as_of_date() ~ "' - 2") }}
        and interval_start_utc < {{ to_utc("date '" ~ last_as_of_date() ~ "' + 1") }}
        and known_on <= date '{{ last_as_of_date() }}'
),

-- Few reads have a second version, so only these are put in order.
corrected_keys as (
    select distinct
        meter_id,
        interval_start_utc
    from arrived
    where version_no > 1
),

corrected as (
    select
        arrived.*,
        row_number() over (
            partition by arrived.meter_id, arrived.interval_start_utc
            order by arrived.received_at_utc desc, {{ by_bytes('arrived.load_id') }} desc, arrived.version_no desc
        ) as versions_after
    from arrived
    inner join corrected_keys
        on arrived.meter_id = corrected_keys.meter_id
        and arrived.interval_start_utc = corrected_keys.interval_start_utc
),

reads as (
    select
        arrived.meter_id,
        arrived.interval_start_utc,
        arrived.interval_minutes,
        arrived.consumption_kwh,
        arrived.measured_minutes
    from arrived
    left join corrected_keys
        on arrived.meter_id = corrected_keys.meter_id
        and arrived.interval_start_utc = corrected_keys.interval_start_utc
    where corrected_keys.meter_id is null and arrived.measured_minutes > 0
    union all
    select
        meter_id,
        interval_start_utc,
        interval_minutes,
        consumption_kwh,
        measured_minutes
    from corrected
    where versions_after = 1 and measured_minutes > 0
),

-- A meter that reported on a day is expected on that day and on the six days after it.
reported as (
    select
        meter_id,
        interval_minutes
    from reads
    union all
    select
        meter_id,
        null::integer as interval_minutes
    from {{ ref('int_usage_daily_ledger') }}
    where local_date > date '{{ last_as_of_date() }}' - 7
        and known_on <= date '{{ last_as_of_date() }}'
        and delta_minutes > 0
),

meters as (
    select
        meter_id,
        max(interval_minutes) as interval_minutes
    from reported
    group by meter_id
),

placed as (
    select
        meters.meter_id,
        sites.region_code,
        coalesce(sites.feeder_code, case when sites.region_code = 'ALL' then 'ALL' else 'UNKNOWN' end) as feeder_code,
        meters.interval_minutes,
        sites.first_date,
        sites.next_date
    from meters
    inner join {{ ref('int_meter_sites') }} as sites on meters.meter_id = sites.meter_id
    where sites.known_from <= date '{{ last_as_of_date() }}'
        and (sites.known_to is null or sites.known_to > date '{{ last_as_of_date() }}')
),

distinct_starts as (
    select distinct interval_start_utc from reads
),

starts as (
    select
        interval_start_utc,
        {{ to_local('interval_start_utc') }} as local_start
    from distinct_starts
),

days as (
    select distinct local_start::date as local_date from starts
),

-- Expected meters by day. A feeder is added up at the pace of its slowest meter.
feeder_days as (
    select
        placed.region_code,
        placed.feeder_code,
        days.local_date,
        count(distinct placed.meter_id) as expected_meters,
        max(coalesce(max(placed.interval_minutes), 15))
            over (partition by placed.region_code, placed.feeder_code)
            as slot_minutes
    from placed
    inner join days
        on placed.first_date <= days.local_date and (placed.next_date is null or days.local_date < placed.next_date)
    group by placed.region_code, placed.feeder_code, days.local_date
),

lengths as (
    select distinct slot_minutes from feeder_days
),

slots as (
    select
        starts.interval_start_utc,
        lengths.slot_minutes,
        starts.local_start::date as local_date,
        starts.interval_start_utc
        - (extract(minute from starts.local_start)::integer % lengths.slot_minutes) * interval '1 minute'
            as slot_start_utc
    from starts
    cross join lengths
),

distinct_slots as (
    select distinct
        slot_minutes,
        slot_start_utc,
        local_date
    from slots
),

measured as (
    select
        placed.region_code,
        placed.feeder_code,
        slots.slot_start_utc,
        slots.local_date,
        sum(reads.consumption_kwh) as load_kwh,
        sum(reads.measured_minutes) as measured_minutes,
        count(distinct reads.meter_id) as reporting_meters
    from reads
    inner join placed on reads.meter_id = placed.meter_id
    inner join slots on reads.interval_start_utc = slots.interval_start_utc
    inner join feeder_days
        on placed.region_code = feeder_days.region_code
        and placed.feeder_code = feeder_days.feeder_code
        and slots.slot_minutes = feeder_days.slot_minutes
        and slots.local_date = feeder_days.local_date
    where slots.local_date >= placed.first_date and (placed.next_date is null or slots.local_date < placed.next_date)
    group by placed.region_code, placed.feeder_code, slots.slot_start_utc, slots.local_date
),

loads as (
    select
        feeder_days.region_code,
        feeder_days.feeder_code,
        distinct_slots.slot_start_utc as interval_start_utc,
        feeder_days.slot_minutes::integer as interval_minutes,
        coalesce(measured.load_kwh, 0)::decimal(18, 6) as load_kwh,
        coalesce(measured.measured_minutes, 0)::integer as measured_minutes,
        feeder_days.expected_meters::integer as expected_meters,
        coalesce(measured.reporting_meters, 0)::integer as reporting_meters
    from feeder_days
    inner join distinct_slots
        on feeder_days.slot_minutes = distinct_slots.slot_minutes
        and feeder_days.local_date = distinct_slots.local_date
    left join measured
        on feeder_days.region_code = measured.region_code
        and feeder_days.feeder_code = measured.feeder_code
        and distinct_slots.slot_start_utc = measured.slot_start_utc
)

select * from loads

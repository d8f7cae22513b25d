{{ config(indexes=indexed_by([['local_date']])) }}

with daily as (
    select * from {{ ref('int_usage_daily_ledger') }}
),

places as (
    select * from {{ ref('int_load_places') }}
),

reported as (
    select
        meter_id,
        local_date,
        min(known_on) as known_on
    from daily
    where delta_minutes > 0
    group by meter_id, local_date
),

-- A meter that reported on a day is expected on that day and on the six days after it.
expected as (
    select
        reported.meter_id,
        reported.local_date + shifts.days_after as local_date,
        min(reported.known_on) as known_on
    from reported
    cross join (values (0), (1), (2), (3), (4), (5), (6)) as shifts (days_after)
    group by reported.meter_id, reported.local_date + shifts.days_after
),

meter_days as (
    select
        meter_id,
        local_date,
        known_on,
        1 as expected_meters,
        0 as reporting_meters
    from expected
    union all
    select
        meter_id,
        local_date,
        known_on,
        0 as expected_meters,
        1 as reporting_meters
    from reported
),

bookings as (
    select
        places.region_code,
        places.feeder_code,
        places.customer_class,
        meter_days.local_date,
        greatest(meter_days.known_on, places.known_from) as known_on,
        meter_days.expected_meters,
        meter_days.reporting_meters
    from meter_days
    inner join places
        on meter_days.meter_id = places.meter_id
        and meter_days.local_date >= places.first_date
        and (places.next_date is null or meter_days.local_date < places.next_date)
        and (places.known_to is null or places.known_to > meter_days.known_on)
    union all
    select
        places.region_code,
        places.feeder_code,
        places.customer_class,
        meter_days.local_date,
        places.known_to as known_on,
        -meter_days.expected_meters as expected_meters,
        -meter_days.reporting_meters as reporting_meters
    from meter_days
    inner join places
        on meter_days.meter_id = places.meter_id
        and meter_days.local_date >= places.first_date
        and (places.next_date is null or meter_days.local_date < places.next_date)
        and places.known_to > meter_days.known_on
),

ledger as (
    select
        region_code,
        feeder_code,
        customer_class,
        local_date,
        known_on,
        sum(expected_meters)::integer as delta_expected_meters,
        sum(reporting_meters)::integer as delta_reporting_meters
    from bookings
    group by region_code, feeder_code, customer_class, local_date, known_on
)

select * from ledger

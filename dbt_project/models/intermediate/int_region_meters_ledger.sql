{{ config(indexes=indexed_by([['local_date']])) }}

with daily as (
    select * from {{ ref('int_usage_daily_ledger') }}
),

sites as (
    select * from {{ ref('int_meter_sites') }}
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
        sites.region_code,
        meter_days.local_date,
        greatest(meter_days.known_on, sites.known_from) as known_on,
        meter_days.expected_meters,
        meter_days.reporting_meters
    from meter_days
    inner join sites
        on meter_days.meter_id = sites.meter_id
        and meter_days.local_date >= sites.first_date
        and (sites.next_date is null or meter_days.local_date < sites.next_date)
        and (sites.known_to is null or sites.known_to > meter_days.known_on)
    union all
    select
        sites.region_code,
        meter_days.local_date,
        sites.known_to as known_on,
        -meter_days.expected_meters as expected_meters,
        -meter_days.reporting_meters as reporting_meters
    from meter_days
    inner join sites
        on meter_days.meter_id = sites.meter_id
        and meter_days.local_date >= sites.first_date
        and (sites.next_date is null or meter_days.local_date < sites.next_date)
        and sites.known_to > meter_days.known_on
),

ledger as (
    select
        region_code,
        local_date,
        known_on,
        sum(expected_meters)::integer as delta_expected_meters,
        sum(reporting_meters)::integer as delta_reporting_meters
    from bookings
    group by region_code, local_date, known_on
)

select * from ledger

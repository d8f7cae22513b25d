with as_of_days as (
    {{ customer_days() }}
),

daily as (
    select * from {{ ref('int_usage_daily_ledger') }}
),

sites as (
    select * from {{ ref('int_meter_sites') }}
),

contracts as (
    select * from {{ ref('int_contracts_as_of') }}
),

steps as (
    select
        meter_id,
        local_date,
        known_on,
        sum(delta_kwh) as delta_kwh,
        sum(delta_peak_kwh) as delta_peak_kwh,
        sum(delta_night_kwh) as delta_night_kwh,
        sum(delta_daytime_kwh) as delta_daytime_kwh,
        sum(delta_minutes) as delta_minutes,
        sum(delta_suspect_minutes) as delta_suspect_minutes
    from daily
    where local_date > (select min(as_of_days.as_of_date) - 455 from as_of_days)
    group by meter_id, local_date, known_on
),

history as (
    select
        meter_id,
        local_date,
        known_on,
        lead(known_on) over by_arrival as replaced_on,
        sum(delta_kwh) over by_arrival as kwh,
        sum(delta_peak_kwh) over by_arrival as peak_kwh,
        sum(delta_night_kwh) over by_arrival as night_kwh,
        sum(delta_daytime_kwh) over by_arrival as daytime_kwh,
        sum(delta_minutes) over by_arrival as measured_minutes,
        sum(delta_suspect_minutes) over by_arrival as suspect_minutes
    from steps
    window by_arrival as (partition by meter_id, local_date order by known_on)
),

-- Fifteen months: a quarter, and the same quarter a year before.
meter_days as (
    select
        as_of_days.as_of_date,
        history.*
    from as_of_days
    inner join history
        on history.local_date > as_of_days.as_of_date - 455
        and history.local_date <= as_of_days.as_of_date
        and history.known_on <= as_of_days.as_of_date
        and (history.replaced_on is null or history.replaced_on > as_of_days.as_of_date)
    where history.measured_minutes > 0
),

-- Who was supplied at a service point, first and last day included; without contracts, the service point itself.
supply as (
    select
        as_of_date,
        service_point_id,
        customer_id,
        start_on as first_date,
        {{ last_day_of_stay('as_of_date, service_point_id') }} as last_date
    from contracts
    union all
    select distinct
        as_of_days.as_of_date,
        sites.service_point_id,
        sites.service_point_id as customer_id,
        date '0001-01-01' as first_date,
        date '9999-12-31' as last_date
    from as_of_days
    cross join sites
    where not exists (select 1 from contracts)
),

customer_days as (
    select
        meter_days.as_of_date,
        supply.customer_id,
        meter_days.local_date,
        sum(meter_days.kwh)::decimal(18, 6) as kwh,
        sum(meter_days.peak_kwh)::decimal(18, 6) as peak_kwh,
        sum(meter_days.night_kwh)::decimal(18, 6) as night_kwh,
        sum(meter_days.daytime_kwh)::decimal(18, 6) as daytime_kwh,
        sum(meter_days.measured_minutes)::integer as measured_minutes,
        sum(meter_days.suspect_minutes)::integer as suspect_minutes
    from meter_days
    inner join sites
        on meter_days.meter_id = sites.meter_id
        and meter_days.local_date >= sites.first_date
        and (sites.next_date is null or meter_days.local_date < sites.next_date)
        and sites.known_from <= meter_days.as_of_date
        and (sites.known_to is null or sites.known_to > meter_days.as_of_date)
    inner join supply
        on meter_days.as_of_date = supply.as_of_date
        and sites.service_point_id = supply.service_point_id
        and meter_days.local_date between supply.first_date and supply.last_date
    group by meter_days.as_of_date, supply.customer_id, meter_days.local_date
)

select * from customer_days

{{ config(tags=['monitor'], indexes=indexed_by([['as_of_date', 'meter_id']])) }}

with as_of_days as (
    {{ as_of_days('alerts') }}
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

reported as (
    select
        as_of_days.as_of_date,
        daily.meter_id,
        daily.local_date,
        sum(daily.delta_kwh) <> 0 as is_live
    from as_of_days
    inner join daily
        on as_of_days.as_of_date >= daily.known_on
        and as_of_days.as_of_date >= daily.local_date
    group by as_of_days.as_of_date, daily.meter_id, daily.local_date
    having sum(daily.delta_minutes) > 0
),

reporting as (
    select
        as_of_date,
        local_date,
        count(*) as meters
    from reported
    where local_date > as_of_date - {{ alert_days() }}
    group by as_of_date, local_date
),

usual as (
    select
        *,
        max(meters) over (partition by as_of_date order by local_date rows between 7 preceding and current row)
            as most_meters
    from reporting
),

-- The newest day on which at least a quarter of the meters have reported: reads of later days may be on their way.
complete as (
    select
        as_of_date,
        max(local_date) as complete_on
    from usual
    where 4 * meters >= most_meters
    group by as_of_date
),

-- A stay goes on over renewals of the contract.
stays as (
    select
        as_of_date,
        service_point_id,
        customer_id,
        start_on,
        {{ last_day_of_stay('as_of_date, service_point_id') }} as last_date,
        tariff_code,
        min(start_on) over (partition by as_of_date, service_point_id, customer_id) as moved_in_on
    from contracts
),

supplies as (
    select * from stays
    where as_of_date between start_on and last_date
),

placed as (
    select
        as_of_days.as_of_date,
        sites.meter_id,
        sites.service_point_id,
        sites.region_code,
        sites.feeder_code,
        case when exists (select 1 from contracts) then supplies.customer_id else sites.service_point_id end
            as customer_id,
        supplies.tariff_code,
        greatest(sites.first_date, coalesce(supplies.moved_in_on, sites.first_date)) as placed_on
    from as_of_days
    inner join sites
        on as_of_days.as_of_date >= sites.first_date
        and (sites.next_date is null or as_of_days.as_of_date < sites.next_date)
        and as_of_days.as_of_date >= sites.known_from
        and (sites.known_to is null or as_of_days.as_of_date < sites.known_to)
    left join supplies
        on as_of_days.as_of_date = supplies.as_of_date and sites.service_point_id = supplies.service_point_id
),

counted as (
    select
        placed.as_of_date,
        placed.meter_id,
        count(reported.local_date)::integer as history_days,
        min(reported.local_date) as first_read_on,
        max(reported.local_date) as last_read_on,
        max(case when reported.is_live then reported.local_date end) as last_live_on
    from placed
    left join reported
        on placed.as_of_date = reported.as_of_date
        and placed.meter_id = reported.meter_id
        and placed.placed_on <= reported.local_date
    group by placed.as_of_date, placed.meter_id
),

meters as (
    select
        placed.as_of_date,
        placed.meter_id,
        placed.service_point_id,
        placed.region_code,
        placed.feeder_code,
        placed.customer_id,
        placed.tariff_code,
        placed.placed_on,
        counted.history_days,
        counted.first_read_on,
        counted.last_read_on,
        counted.last_live_on,
        complete.complete_on,
        case
            when placed.customer_id is null then 'not supplied'
            when counted.history_days < {{ least_history_days() }} then 'not enough history'
            else 'watched'
        end as watch_state
    from placed
    inner join counted on placed.as_of_date = counted.as_of_date and placed.meter_id = counted.meter_id
    inner join complete on placed.as_of_date = complete.as_of_date
)

select * from meters

with as_of_days as (
    {{ as_of_days('segments') }}
),

hourly as (
    select * from {{ ref('int_usage_hourly_ledger') }}
    where local_date > (select min(as_of_days.as_of_date) - 56 from as_of_days)
),

sites as (
    select * from {{ ref('int_meter_sites') }}
),

customers as (
    select * from {{ ref('int_customers_as_of') }}
),

contracts as (
    select * from {{ ref('int_contracts_as_of') }}
),

calendar as (
    select * from {{ ref('int_calendar_days') }}
),

-- The meters at the service points that a customer has at the cut, since the contract began and while they hung there.
customer_meters as (
    select
        customers.as_of_date,
        customers.customer_id,
        customers.region_code,
        sites.meter_id,
        greatest(sites.first_date, coalesce(contracts.start_on, date '0001-01-01')) as first_date,
        sites.next_date
    from customers
    inner join as_of_days on customers.as_of_date = as_of_days.as_of_date
    left join contracts
        on customers.as_of_date = contracts.as_of_date
        and customers.customer_id = contracts.customer_id
        and contracts.end_on is null
    inner join sites
        on coalesce(contracts.service_point_id, customers.customer_id) = sites.service_point_id
        and sites.known_from <= customers.as_of_date
        and (sites.known_to is null or sites.known_to > customers.as_of_date)
    where customers.is_active
),

-- Days are matched before meters: a day lies in the windows of two dates, a meter in those of all.
window_days as (
    select distinct
        as_of_days.as_of_date,
        calendar.local_date
    from as_of_days
    inner join calendar
        on calendar.local_date > as_of_days.as_of_date - 56
        and calendar.local_date <= as_of_days.as_of_date
    where calendar.is_working_day
),

meter_hours as (
    select
        window_days.as_of_date,
        hourly.meter_id,
        hourly.local_date,
        hourly.hour_of_day,
        hourly.delta_kwh
    from hourly
    inner join window_days
        on hourly.local_date = window_days.local_date and hourly.known_on <= window_days.as_of_date
),

profile_hours as (
    select
        customer_meters.as_of_date,
        customer_meters.customer_id,
        meter_hours.hour_of_day,
        sum(meter_hours.delta_kwh) as kwh
    from meter_hours
    inner join customer_meters
        on meter_hours.as_of_date = customer_meters.as_of_date
        and meter_hours.meter_id = customer_meters.meter_id
        and meter_hours.local_date >= customer_meters.first_date
        and (customer_meters.next_date is null or meter_hours.local_date < customer_meters.next_date)
    inner join calendar
        on customer_meters.region_code = calendar.region_code
        and meter_hours.local_date = calendar.local_date
        and calendar.is_working_day
    group by customer_meters.as_of_date, customer_meters.customer_id, meter_hours.hour_of_day
),

profiles as (
    select
        as_of_date,
        customer_id,
    {% for hour in range(24) -%}
        (sum(case when hour_of_day = {{ hour }} then kwh else 0 end))::double precision
        / nullif((sum(kwh))::double precision, 0) as workday_h{{ '%02d' % hour }}{{ ',' if not loop.last }}
    {% endfor %}
    from profile_hours
    group by as_of_date, customer_id
)

select * from profiles

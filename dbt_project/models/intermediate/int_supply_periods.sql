with sites as (
    select * from {{ ref('int_meter_sites') }}
    where known_to is null
),

contracts as (
    select * from {{ ref('stg_crm_contracts') }}
    where replaced_on is null and not is_deleted
),

stays as (
    select
        service_point_id,
        customer_id,
        start_on,
        {{ last_day_of_stay('service_point_id') }} as last_date
    from contracts
),

contract_periods as (
    select
        sites.meter_id,
        stays.service_point_id,
        stays.customer_id,
        greatest(sites.first_date, stays.start_on) as first_date,
        least(coalesce(sites.next_date - 1, date '9999-12-31'), stays.last_date) as last_date
    from sites
    inner join stays on sites.service_point_id = stays.service_point_id
),

-- Without contracts, a service point is a customer of its own.
own_periods as (
    select
        meter_id,
        service_point_id,
        service_point_id as customer_id,
        first_date,
        coalesce(next_date - 1, date '9999-12-31') as last_date
    from sites
    where not exists (select 1 from contracts)
),

periods as (
    select * from contract_periods
    where first_date <= last_date
    union all
    select * from own_periods
)

select * from periods

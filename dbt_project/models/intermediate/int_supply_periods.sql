with sites as (
    select * from {{ ref('int_meter_sites') }}
    where known_to is null
),

contracts as (
    select * from {{ ref('stg_crm_contracts') }}
    where replaced_on is null and not is_deleted
),

contract_periods as (
    select
        sites.meter_id,
        contracts.service_point_id,
        contracts.customer_id,
        greatest(sites.first_date, contracts.start_on) as first_date,
        least(coalesce(sites.next_date - 1, date '9999-12-31'), coalesce(contracts.end_on, date '9999-12-31'))
            as last_date
    from sites
    inner join contracts on sites.service_point_id = contracts.service_point_id
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

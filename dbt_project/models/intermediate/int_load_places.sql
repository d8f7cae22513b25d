-- A first load counts as always known, as the places of meters do.
with contracts as (
    select
        *,
        case when received_at_assumed then date '0001-01-01' else known_on end as known_from
    from {{ ref('stg_crm_contracts') }}
    where not is_deleted and (replaced_on is null or replaced_on > known_on)
),

customers as (
    select
        *,
        case when received_at_assumed then date '0001-01-01' else known_on end as known_from
    from {{ ref('stg_crm_customers') }}
    where not is_deleted and (replaced_on is null or replaced_on > known_on)
),

snapshots as (
    select * from {{ ref('crm_customers_snapshot') }}
),

sites as (
    select * from {{ ref('int_meter_sites') }}
),

-- Days on which something new about the customer of a service point became known.
news as (
    select
        service_point_id,
        date '0001-01-01' as known_from
    from sites
    union
    select
        service_point_id,
        known_from
    from contracts
    union
    select
        contracts.service_point_id,
        customers.known_from
    from contracts
    inner join customers on contracts.customer_id = customers.customer_id
    union
    select
        contracts.service_point_id,
        {{ to_local('snapshots.dbt_valid_from') }}::date as known_from
    from contracts
    inner join snapshots on contracts.customer_id = snapshots.customer_id
),

-- Of the contracts known by then the one that began last.
newest_first as (
    select
        news.service_point_id,
        news.known_from,
        coalesce(
            case
                when customers.customer_id is not null
                    then {{ attribute_known('crm_customers', 'customer_class', 'customers', 'snapshots') }}
            end,
            'unknown'
        ) as customer_class,
        row_number() over (
            partition by news.service_point_id, news.known_from
            order by contracts.start_on desc nulls last, {{ by_bytes('contracts.contract_id') }} desc
        ) as contract_no
    from news
    left join contracts
        on news.service_point_id = contracts.service_point_id
        and contracts.known_from <= news.known_from
        and (contracts.replaced_on is null or contracts.replaced_on > news.known_from)
    left join customers
        on contracts.customer_id = customers.customer_id
        and customers.known_from <= news.known_from
        and (customers.replaced_on is null or customers.replaced_on > news.known_from)
    left join snapshots
        on contracts.customer_id = snapshots.customer_id
        and {{ seen_on('snapshots', 'news.known_from') }}
),

changes as (
    select
        service_point_id,
        known_from,
        customer_class,
        lag(customer_class) over (partition by service_point_id order by known_from) as class_before
    from newest_first
    where contract_no = 1
),

classes as (
    select
        service_point_id,
        known_from,
        customer_class,
        lead(known_from) over (partition by service_point_id order by known_from) as known_to
    from changes
    where class_before is null or class_before <> customer_class
),

places as (
    select
        sites.meter_id,
        sites.region_code,
        coalesce(sites.feeder_code, case when sites.region_code = 'ALL' then 'ALL' else 'UNKNOWN' end) as feeder_code,
        classes.customer_class,
        sites.first_date,
        sites.next_date,
        greatest(sites.known_from, classes.known_from) as known_from,
        least(sites.known_to, classes.known_to) as known_to
    from sites
    inner join classes
        on sites.service_point_id = classes.service_point_id
        and (sites.known_to is null or classes.known_from < sites.known_to)
        and (classes.known_to is null or sites.known_from < classes.known_to)
)

select * from places

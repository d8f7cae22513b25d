with as_of_days as (
    {{ customer_days() }}
),

customers as (
    select * from {{ ref('stg_crm_customers') }}
),

snapshots as (
    select * from {{ ref('crm_customers_snapshot') }}
),

contracts as (
    select * from {{ ref('int_contracts_as_of') }}
),

contract_versions as (
    select * from {{ ref('stg_crm_contracts') }}
),

sites as (
    select * from {{ ref('int_meter_sites') }}
),

service_points as (
    select
        as_of_days.as_of_date,
        sites.service_point_id,
        min({{ by_bytes('sites.region_code') }}) as region_code
    from as_of_days
    inner join sites
        on sites.known_from <= as_of_days.as_of_date
        and (sites.known_to is null or sites.known_to > as_of_days.as_of_date)
    group by as_of_days.as_of_date, sites.service_point_id
),

-- The CRM's customers; where there is no CRM, each service point is a customer of its own.
known as (
    select
        as_of_days.as_of_date,
        customers.customer_id,
        {{ attribute_known('crm_customers', 'customer_class', 'customers', 'snapshots') }} as customer_class,
        customers.joined_on,
        case when customers.left_on <= as_of_days.as_of_date then customers.left_on end as left_on,
        {{ attribute_known('crm_customers', 'consent_marketing', 'customers', 'snapshots') }} as consent_marketing,
        {{ attribute_known('crm_customers', 'personalisation', 'customers', 'snapshots') }} as personalisation,
        {{ static_attributes(
            'crm_customers',
            ['customer_class', 'joined_on', 'left_on', 'personalisation', 'consent_marketing', 'consent_analytics'],
            'customers'
        ) }} as attributes
    from as_of_days
    inner join customers
        on {{ in_force('customers', 'as_of_days.as_of_date') }}
        and customers.joined_on <= as_of_days.as_of_date
    left join snapshots
        on customers.customer_id = snapshots.customer_id
        and {{ seen_on('snapshots', 'as_of_days.as_of_date') }}
    union all
    select
        as_of_date,
        service_point_id as customer_id,
        'unknown' as customer_class,
        null as joined_on,
        null as left_on,
        null as consent_marketing,
        null as personalisation,
        null as attributes
    from service_points
    where not exists (select 1 from customers)
),

contract_counts as (
    select
        as_of_date,
        customer_id,
        count(case when end_on is null then contract_id end) as active_contracts,
        count(case when end_on is null and announced_end_on is null then contract_id end) as staying_contracts,
        count(distinct case when end_on is not null then service_point_id end) as former_service_points
    from contracts
    group by as_of_date, customer_id
),

-- Whoever ever had a contract and has none left, since it was deleted or given to another, is no customer any more.
ever_contracted as (
    select distinct
        as_of_days.as_of_date,
        contract_versions.customer_id
    from as_of_days
    inner join contract_versions
        on contract_versions.known_on <= as_of_days.as_of_date
        and contract_versions.start_on <= as_of_days.as_of_date
),

newest_first as (
    select
        *,
        row_number() over (
            partition by as_of_date, customer_id order by start_on desc, {{ by_bytes('contract_id') }} desc
        ) as contract_no
    from contracts
    where end_on is null
),

described as (
    select
        known.as_of_date,
        known.customer_id,
        known.customer_class,
        known.joined_on,
        known.consent_marketing,
        known.personalisation,
        known.attributes,
        coalesce(service_points.region_code, 'UNKNOWN') as region_code,
        current_contracts.contract_id,
        current_contracts.start_on as contract_start_on,
        current_contracts.tariff_code,
        current_contracts.contracted_kw,
        current_contracts.term_months,
        coalesce(contract_counts.former_service_points, 0) > 0
        and current_contracts.start_on > known.as_of_date - 180 as has_moved_in_180d,
        known.left_on is null
        and (
            coalesce(contract_counts.customer_id, ever_contracted.customer_id) is null
            or coalesce(contract_counts.active_contracts, 0) > 0
        ) as is_active,
        coalesce(contract_counts.active_contracts > 0 and contract_counts.staying_contracts = 0, false)
            as has_announced_leave
    from known
    left join contract_counts
        on known.as_of_date = contract_counts.as_of_date and known.customer_id = contract_counts.customer_id
    left join ever_contracted
        on known.as_of_date = ever_contracted.as_of_date and known.customer_id = ever_contracted.customer_id
    left join newest_first as current_contracts
        on known.as_of_date = current_contracts.as_of_date
        and known.customer_id = current_contracts.customer_id
        and current_contracts.contract_no = 1
    left join service_points
        on known.as_of_date = service_points.as_of_date
        and coalesce(current_contracts.service_point_id, known.customer_id) = service_points.service_point_id
)

select * from described

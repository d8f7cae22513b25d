with customers as (
    select * from {{ ref('stg_crm_customers') }}
    where replaced_on is null and not is_deleted
),

contracts as (
    select * from {{ ref('stg_crm_contracts') }}
    where replaced_on is null and not is_deleted
),

last_contracts as (
    select
        customer_id,
        end_reason,
        row_number() over (
            partition by customer_id order by start_on desc, {{ by_bytes('contract_id') }} desc
        ) as newest_first
    from contracts
    where end_on is not null
),

-- An end that is announced and lies ahead is not yet a departure. A rebuild of an older day takes none away: labels of
-- later days are made of them.
departures as (
    select
        customers.customer_id,
        customers.left_on,
        last_contracts.end_reason
    from customers
    left join last_contracts
        on customers.customer_id = last_contracts.customer_id and last_contracts.newest_first = 1
    where customers.left_on <= date '{{ [var('today'), last_as_of_date()] | max }}'
)

select * from departures
order by customer_id

with customers as (
    select * from {{ ref('int_customers_as_of') }}
    where as_of_date = date '{{ last_as_of_date() }}'
),

contracts as (
    select * from {{ ref('int_contracts_as_of') }}
    where as_of_date = date '{{ last_as_of_date() }}' and end_on is null
),

supplied as (
    select
        customer_id,
        count(distinct service_point_id)::integer as service_points
    from contracts
    group by customer_id
),

described as (
    select
        customers.customer_id,
        customers.customer_class,
        customers.region_code,
        customers.joined_on,
        customers.is_active,
        coalesce(supplied.service_points, case when customers.joined_on is null then 1 else 0 end) as service_points,
        customers.contract_id,
        customers.contract_start_on,
        customers.tariff_code,
        customers.as_of_date
    from customers
    left join supplied on customers.customer_id = supplied.customer_id
)

select * from described
order by customer_id

{{ config(pre_hook=['{{ delete_days() }}', '{{ delete_days_before(2) }}']) }}

with as_of_days as (
    {{ as_of_days('customer_usage') }}
),

customers as (
    select
        customers_as_of.as_of_date,
        customers_as_of.customer_id,
        coalesce(customers_as_of.customer_class, 'unknown') as customer_class,
        customers_as_of.region_code,
        dense_rank() over (
            partition by customers_as_of.as_of_date order by {{ by_bytes('customers_as_of.customer_id') }}
        )::integer as customer_no
    from {{ ref('int_customers_as_of') }} as customers_as_of
    inner join as_of_days on customers_as_of.as_of_date = as_of_days.as_of_date
    where customers_as_of.is_active
),

usage_days as (
    select * from {{ ref('int_customer_days_as_of') }}
    where local_date > as_of_date - 400
),

-- A customer of whom nothing is known has one row that says so.
joined as (
    select
        customers.as_of_date,
        customers.customer_no,
        customers.customer_id,
        customers.customer_class,
        customers.region_code,
        coalesce(usage_days.local_date, customers.as_of_date) as local_date,
        usage_days.kwh::double precision as consumption_kwh,
        usage_days.measured_minutes
    from customers
    left join usage_days
        on customers.as_of_date = usage_days.as_of_date and customers.customer_id = usage_days.customer_id
)

select * from joined
order by as_of_date, customer_no, local_date

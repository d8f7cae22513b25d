{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_days() }}',
    on_schema_change='append_new_columns'
) }}

with scores as (
    select * from {{ source('scores', 'churn_scores') }}
    where as_of_date in ({{ listed(var('as_of_dates')) }})
),

ranked as (
    select
        *,
        percent_rank() over (
            partition by as_of_date order by churn_probability desc, {{ by_bytes('customer_id') }} asc
        ) as share_above
    from scores
),

-- The share of customers that a team can act on: the first tenth is called, the next fifth is written to.
graded as (
    select
        as_of_date,
        customer_id,
        churn_probability,
        case when share_above < 0.1 then 'high' when share_above < 0.3 then 'middle' else 'low' end as churn_risk,
        reason_1,
        reason_2,
        reason_3,
        model_version
    from ranked
)

select * from graded
order by as_of_date, customer_id

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_days() }}',
    on_schema_change='append_new_columns'
) }}

with features as (
    select * from {{ ref('features_segments') }}
    where as_of_date in ({{ listed(var('as_of_dates')) }})
),

churn_scores as (
    select * from {{ ref('publish_churn_scores') }}
    where as_of_date in ({{ listed(var('as_of_dates')) }})
),

load_shapes as (
    select * from {{ source('scores', 'load_shapes') }}
    where as_of_date in ({{ listed(var('as_of_dates')) }})
),

rules as (
    select * from {{ ref('segment_rules') }}
),

actions as (
    select * from {{ ref('segment_actions') }}
),

-- Levels are thirds: of one's own class for use and peak share, since a shop is no large household; of all for value.
thirds as (
    select
        *,
        ntile(3) over (
            partition by as_of_date, customer_class, annual_kwh is null
            order by annual_kwh, {{ by_bytes('customer_id') }}
        ) as usage_third,
        ntile(3) over (
            partition by as_of_date, customer_class, peak_share is null
            order by peak_share, {{ by_bytes('customer_id') }}
        ) as peak_third,
        ntile(3) over (
            partition by as_of_date, annual_value is null order by annual_value, {{ by_bytes('customer_id') }}
        ) as value_third
    from features
),

levels as (
    select
        thirds.as_of_date,
        thirds.customer_id,
        thirds.customer_class,
        thirds.region_code,
        {{ third_name('thirds.usage_third', 'thirds.annual_kwh') }} as usage_level,
        coalesce(load_shapes.load_shape, 'unknown') as load_shape,
        {{ third_name('thirds.peak_third', 'thirds.peak_share') }} as peak_level,
        {{ third_name('thirds.value_third', 'thirds.annual_value') }} as value_band,
        coalesce(churn_scores.churn_risk, 'unknown') as churn_risk,
        churn_scores.churn_probability,
        thirds.annual_kwh,
        thirds.peak_share,
        thirds.annual_value
    from thirds
    left join load_shapes
        on thirds.as_of_date = load_shapes.as_of_date and thirds.customer_id = load_shapes.customer_id
    left join churn_scores
        on thirds.as_of_date = churn_scores.as_of_date and thirds.customer_id = churn_scores.customer_id
),

-- The first rule that fits decides.
matched as (
    select
        levels.*,
        rules.segment_code,
        row_number() over (partition by levels.as_of_date, levels.customer_id order by rules.priority) as first_match
    from levels
    inner join rules
        on levels.customer_class like rules.customer_class
        and levels.usage_level like rules.usage_level
        and levels.load_shape like rules.load_shape
        and levels.peak_level like rules.peak_level
        and levels.value_band like rules.value_band
        and levels.churn_risk like rules.churn_risk
),

segments as (
    select
        matched.as_of_date,
        matched.customer_id,
        matched.customer_class,
        matched.region_code,
        matched.segment_code,
        actions.segment_name,
        matched.usage_level,
        matched.load_shape,
        matched.peak_level,
        matched.value_band,
        matched.churn_risk,
        matched.churn_probability,
        matched.annual_kwh,
        matched.peak_share,
        matched.annual_value,
        actions.recommended_action
    from matched
    inner join actions on matched.segment_code = actions.segment_code
    where matched.first_match = 1
)

select * from segments
order by as_of_date, customer_id

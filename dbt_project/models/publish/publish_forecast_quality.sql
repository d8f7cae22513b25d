{{ config(materialized='table') }}

with forecasts as (
    select * from {{ source('scores', 'demand_forecasts') }}
    where horizon_hours > 0
        and as_of_date > date '{{ last_as_of_date() }}' - 60
        and as_of_date <= date '{{ last_as_of_date() }}'
),

loads as (
    select * from {{ ref('load_intervals') }}
    where is_complete
        and local_date > date '{{ last_as_of_date() }}' - 60
        and local_date <= date '{{ last_as_of_date() }}'
),

scored as (
    select
        forecasts.as_of_date as issued_on,
        forecasts.level,
        forecasts.region_code,
        forecasts.feeder_code,
        forecasts.customer_class,
        {{ days_between('forecasts.as_of_date', 'loads.local_date') }}::integer as days_ahead,
        loads.interval_minutes,
        {{ rounded_decimal('loads.load_kwh') }} as load_kwh,
        {{ rounded_decimal('forecasts.p50_kwh') }} as p50_kwh,
        {{ rounded_decimal('forecasts.p50_kwh - loads.load_kwh') }} as missed_kwh,
        {{ rounded_decimal('forecasts.naive_kwh - loads.load_kwh') }} as naive_missed_kwh,
        (loads.load_kwh between forecasts.p10_kwh and forecasts.p90_kwh)::integer as is_in_80,
        (loads.load_kwh between forecasts.p05_kwh and forecasts.p95_kwh)::integer as is_in_90,
        coalesce(forecasts.basis = 'champion', false)::integer as is_by_champion
    from forecasts
    inner join loads
        on forecasts.level = loads.level
        and forecasts.region_code = loads.region_code
        and forecasts.feeder_code = loads.feeder_code
        and forecasts.customer_class = loads.customer_class
        and forecasts.valid_at_utc = loads.valid_at_utc
        and forecasts.interval_minutes = loads.interval_minutes
),

quality as (
    select
        issued_on,
        level,
        region_code,
        feeder_code,
        customer_class,
        days_ahead,
        {{ whole_part('sum(interval_minutes)', 60) }}::integer as known_hours,
        {{ rounded(
            'sum(abs(missed_kwh))::double precision / nullif(sum(abs(load_kwh)), 0)::double precision'
        ) }} as wape,
        {{ rounded(
            'sum(abs(naive_missed_kwh))::double precision '
            ~ '/ nullif(sum(case when naive_missed_kwh is not null then abs(load_kwh) end), 0)::double precision'
        ) }} as wape_naive,
        {{ rounded(
            'sum(missed_kwh)::double precision / nullif(sum(abs(load_kwh)), 0)::double precision'
        ) }} as bias,
        {{ rounded(mean('is_in_80')) }} as coverage_80,
        {{ rounded(mean('is_in_90')) }} as coverage_90,
        {{ rounded(
            'max(p50_kwh)::double precision / nullif(max(load_kwh), 0)::double precision - 1'
        ) }} as peak_error,
        {{ rounded(mean('is_by_champion')) }} as champion_share,
        max(interval_minutes) as interval_minutes
    from scored
    group by issued_on, level, region_code, feeder_code, customer_class, days_ahead
)

select * from quality
order by issued_on, level, region_code, feeder_code, customer_class, days_ahead

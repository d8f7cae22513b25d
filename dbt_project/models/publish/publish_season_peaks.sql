{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_days() }}',
    on_schema_change='append_new_columns'
) }}

with seasons as (
    select
        as_of_date,
        level,
        region_code,
        feeder_code,
        customer_class,
        season_first_date,
        season_last_date,
        so_far_kw,
        last_year_kw,
        mean_kw,
        p05_kw,
        p10_kw,
        p20_kw,
        p30_kw,
        p40_kw,
        p50_kw,
        p60_kw,
        p70_kw,
        p80_kw,
        p90_kw,
        p95_kw,
        likely_first_date,
        likely_last_date,
        limit_kw,
        overload_probability,
        expected_overload_kw,
        model_version
    from {{ source('scores', 'season_peaks') }}
    where as_of_date in ({{ listed(var('as_of_dates')) }})
)

select * from seasons
order by as_of_date, level, region_code, feeder_code, customer_class, season_first_date

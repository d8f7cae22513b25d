{{ config(materialized='table', tags=['monitor']) }}

with loads as (
    select * from {{ ref('load_now') }}
),

-- Of all forecasts for an hour the newest.
forecasts as (
    select
        region_code,
        feeder_code,
        valid_at_utc,
        p50_kwh,
        lead(as_of_date) over (partition by region_code, feeder_code, valid_at_utc order by as_of_date) as replaced_on
    from {{ source('scores', 'demand_forecasts') }}
    where level = 'feeder'
        and valid_at_utc > (select min(first_loads.interval_start_utc) - interval '1 hour' from loads as first_loads)
        and as_of_date <= date '{{ last_as_of_date() }}'
),

expected as (
    select
        loads.*,
        case
            when loads.completeness >= 0.5 then loads.load_kwh::double precision / loads.completeness
        end as full_load_kwh,
        {{ rounded('forecasts.p50_kwh * loads.interval_minutes / 60') }} as forecast_kwh
    from loads
    left join forecasts
        on loads.region_code = forecasts.region_code
        and loads.feeder_code = forecasts.feeder_code
        and loads.interval_start_utc >= forecasts.valid_at_utc
        and loads.interval_start_utc < forecasts.valid_at_utc + interval '1 hour'
        and forecasts.replaced_on is null
),

compared as (
    select
        region_code,
        feeder_code,
        interval_start_utc,
        interval_minutes,
        is_last,
        load_kwh,
        expected_meters,
        reporting_meters,
        completeness,
        forecast_kwh,
        case
            when forecast_kwh > 0
                then {{ rounded('100 * (full_load_kwh - forecast_kwh) / forecast_kwh') }}
        end as deviation_pct
    from expected
)

select * from compared
order by region_code, feeder_code, interval_start_utc

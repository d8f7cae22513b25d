{{ config(materialized='table', tags=['monitor']) }}

with loads as (
    select * from {{ ref('load_now') }}
),

-- Of all forecasts for an interval the newest, of one step alone: those of another would count twice.
forecasts as (
    select
        region_code,
        feeder_code,
        valid_at_utc,
        interval_minutes,
        p50_kwh,
        lead(as_of_date) over (partition by region_code, feeder_code, valid_at_utc order by as_of_date) as replaced_on
    from {{ source('scores', 'demand_forecasts') }}
    where level = 'feeder'
        and interval_minutes = {{ forecast_step() }}
        and valid_at_utc > (select min(first_loads.interval_start_utc) - interval '1 hour' from loads as first_loads)
        and as_of_date <= date '{{ last_as_of_date() }}'
),

-- An interval of the load lies in one of the forecasts, or holds several.
foreseen as (
    select
        loads.region_code,
        loads.feeder_code,
        loads.interval_start_utc,
        sum({{ rounded_decimal(
            'forecasts.p50_kwh * least(loads.interval_minutes, forecasts.interval_minutes) / forecasts.interval_minutes'
        ) }})::double precision as forecast_kwh
    from loads
    inner join forecasts
        on loads.region_code = forecasts.region_code
        and loads.feeder_code = forecasts.feeder_code
        and loads.interval_start_utc < forecasts.valid_at_utc + forecasts.interval_minutes * interval '1 minute'
        and loads.interval_start_utc + loads.interval_minutes * interval '1 minute' > forecasts.valid_at_utc
        and forecasts.replaced_on is null
    group by loads.region_code, loads.feeder_code, loads.interval_start_utc, loads.interval_minutes
    having sum(least(loads.interval_minutes, forecasts.interval_minutes)) >= loads.interval_minutes
),

expected as (
    select
        loads.*,
        case
            when loads.completeness >= 0.5 then loads.load_kwh::double precision / loads.completeness
        end as full_load_kwh,
        foreseen.forecast_kwh
    from loads
    left join foreseen
        on loads.region_code = foreseen.region_code
        and loads.feeder_code = foreseen.feeder_code
        and loads.interval_start_utc = foreseen.interval_start_utc
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

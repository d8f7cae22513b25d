-- What lies above a group's own mean of the day is what could be moved to another hour of it.
with history as (
    select * from {{ ref('int_load_history') }}
    where replaced_on is null
        and local_date > date '{{ last_as_of_date() }}' - 28
        and local_date <= date '{{ last_as_of_date() }}'
        and measured_minutes > 0
),

meters as (
    select
        region_code,
        feeder_code,
        customer_class,
        local_date,
        sum(delta_expected_meters) as expected_meters
    from {{ ref('int_load_meters_ledger') }}
    where local_date > date '{{ last_as_of_date() }}' - 28 and local_date <= date '{{ last_as_of_date() }}'
    group by region_code, feeder_code, customer_class, local_date
),

loads as (
    select
        history.region_code,
        history.feeder_code,
        history.customer_class,
        history.hour_of_day,
        {{ rounded_decimal(
            'history.consumption_kwh::double precision * '
            ~ reporting_scale('history.measured_minutes', 'meters.expected_meters')
        ) }} as load_kwh,
        history.interval_minutes
    from history
    inner join meters
        on history.region_code = meters.region_code
        and history.feeder_code = meters.feeder_code
        and history.customer_class = meters.customer_class
        and history.local_date = meters.local_date
),

hours as (
    select
        region_code,
        feeder_code,
        customer_class,
        hour_of_day,
        {{ rounded_decimal(mean('load_kwh') ~ ' * ' ~ (60 // forecast_step() | int)) }} as mean_kw
    from loads
    group by region_code, feeder_code, customer_class, hour_of_day
),

beside_the_day as (
    select
        *,
        {{ rounded_decimal(mean('mean_kw', ' over (partition by region_code, feeder_code, customer_class)')) }}
            as mean_of_day_kw
    from hours
),

shiftable as (
    select
        region_code,
        feeder_code,
        customer_class,
        hour_of_day,
        mean_kw::decimal(18, 6) as mean_kw,
        greatest(mean_kw - mean_of_day_kw, 0)::decimal(18, 6) as shiftable_kw
    from beside_the_day
)

select * from shiftable
order by region_code, feeder_code, customer_class, hour_of_day

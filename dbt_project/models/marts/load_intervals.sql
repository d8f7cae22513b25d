{# What stood here while there were hours alone. #}
{{ config(pre_hook='drop table if exists {{ this.schema }}.load_hourly') }}

-- What is known now, of every level at once: an interval of one level is scaled up by the meters of that level.
with history as (
    select * from {{ ref('int_load_history') }}
    where replaced_on is null
),

meters as (
    select
        region_code,
        feeder_code,
        customer_class,
        local_date,
        sum(delta_expected_meters) as expected_meters,
        sum(delta_reporting_meters) as reporting_meters
    from {{ ref('int_load_meters_ledger') }}
    group by region_code, feeder_code, customer_class, local_date
),

days as (
    select distinct
        local_date,
        interval_start_utc
    from history
),

intervals as (
    select
        meters.region_code,
        meters.feeder_code,
        meters.customer_class,
        days.interval_start_utc,
        meters.local_date,
        coalesce(history.consumption_kwh, 0) as consumption_kwh,
        coalesce(history.measured_minutes, 0) as measured_minutes,
        meters.expected_meters,
        meters.reporting_meters
    from meters
    inner join days on meters.local_date = days.local_date
    left join history
        on meters.region_code = history.region_code
        and meters.feeder_code = history.feeder_code
        and meters.customer_class = history.customer_class
        and days.interval_start_utc = history.interval_start_utc
),

levels as (
    {{ load_levels('intervals', ['consumption_kwh', 'measured_minutes', 'expected_meters', 'reporting_meters']) }}
),

loads as (
    select
        level,
        region_code,
        feeder_code,
        customer_class,
        interval_start_utc as valid_at_utc,
        {{ forecast_step() }} as interval_minutes,
        local_date,
        consumption_kwh::double precision as consumption_kwh,
        expected_meters::integer as expected_meters,
        reporting_meters::integer as reporting_meters,
        case
            when 2 * measured_minutes >= {{ forecast_step() }} * expected_meters and expected_meters > 0
                then {{ rounded(
                    'consumption_kwh::double precision * ' ~ reporting_scale('measured_minutes', 'expected_meters')
                ) }}
        end as load_kwh,
        100 * measured_minutes >= 95 * {{ forecast_step() }} * expected_meters as is_complete
    from levels
)

select * from loads
order by level, region_code, feeder_code, customer_class, valid_at_utc

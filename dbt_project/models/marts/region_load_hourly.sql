with history as (
    select * from {{ ref('int_region_load_history') }}
    where replaced_on is null
),

meters_ledger as (
    select * from {{ ref('int_region_meters_ledger') }}
),

meters as (
    select
        region_code,
        local_date,
        sum(delta_expected_meters)::integer as expected_meters,
        sum(delta_reporting_meters)::integer as reporting_meters
    from meters_ledger
    group by region_code, local_date
),

loads as (
    select
        history.region_code,
        history.hour_start_utc as valid_at_utc,
        history.local_date,
        history.consumption_kwh::double precision as consumption_kwh,
        meters.expected_meters,
        meters.reporting_meters,
        case
            when history.measured_minutes >= 30 * meters.expected_meters and meters.expected_meters > 0
                then {{ rounded(
                    'history.consumption_kwh::double precision * '
                    ~ reporting_scale('history.measured_minutes', 'meters.expected_meters')
                ) }}
        end as load_kwh,
        coalesce(history.measured_minutes >= 57 * meters.expected_meters, false) as is_complete
    from history
    left join meters on history.region_code = meters.region_code and history.local_date = meters.local_date
)

select * from loads
order by region_code, valid_at_utc

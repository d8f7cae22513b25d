with as_of_days as (
    {{ as_of_days('demand') }}
),

history as (
    select * from {{ ref('int_region_load_history') }}
),

meters_ledger as (
    select * from {{ ref('int_region_meters_ledger') }}
),

-- Six weeks are what the features of one issue day look back on.
loads as (
    select
        as_of_days.as_of_date,
        history.region_code,
        history.local_date,
        history.hour_of_day,
        history.hour_start_utc,
        history.consumption_kwh,
        history.measured_minutes
    from as_of_days
    inner join history
        on history.local_date > as_of_days.as_of_date - 42
        and history.local_date <= as_of_days.as_of_date
        and history.known_on <= as_of_days.as_of_date
        and (history.replaced_on is null or history.replaced_on > as_of_days.as_of_date)
),

meters as (
    select
        as_of_days.as_of_date,
        meters_ledger.region_code,
        meters_ledger.local_date,
        sum(meters_ledger.delta_expected_meters)::integer as expected_meters
    from as_of_days
    inner join meters_ledger
        on meters_ledger.local_date > as_of_days.as_of_date - 42
        and meters_ledger.local_date <= as_of_days.as_of_date
        and meters_ledger.known_on <= as_of_days.as_of_date
    group by as_of_days.as_of_date, meters_ledger.region_code, meters_ledger.local_date
),

-- Missing reads are scaled up; with fewer than half of them there is no load to speak of.
scaled as (
    select
        loads.as_of_date,
        loads.region_code,
        loads.local_date,
        loads.hour_of_day,
        loads.hour_start_utc,
        meters.expected_meters,
        {{ rounded_decimal(
            'loads.consumption_kwh::double precision * '
            ~ reporting_scale('loads.measured_minutes', 'meters.expected_meters')
        ) }} as load_kwh
    from loads
    inner join meters
        on loads.as_of_date = meters.as_of_date
        and loads.region_code = meters.region_code
        and loads.local_date = meters.local_date
    where loads.measured_minutes >= 30 * meters.expected_meters and meters.expected_meters > 0
)

select * from scaled

{{ config(materialized='view') }}

with readings as (
    select * from {{ ref('int_register_differences') }}
),

-- Each hour of reads falls to the first reading of the register at or behind its end. A reading within an hour has no
-- sum of intervals, and none is made up.
moments as (
    select
        meter_id,
        read_at_utc as at_utc,
        read_at_utc,
        null::decimal(18, 6) as delta_kwh,
        null::integer as delta_minutes
    from readings
    where channel = 'import' and not is_misread
    union all
    select
        meter_id,
        hour_start_utc + interval '1 hour' as at_utc,
        null::timestamp as read_at_utc,
        delta_kwh,
        delta_minutes
    from {{ ref('int_usage_hourly_ledger') }}
    where meter_id in (select readings.meter_id from readings)
),

assigned as (
    select
        meter_id,
        delta_kwh,
        delta_minutes,
        min(read_at_utc) over (
            partition by meter_id order by at_utc range between current row and unbounded following
        ) as read_at_utc
    from moments
),

interval_sums as (
    select
        meter_id,
        read_at_utc,
        sum(delta_kwh)::decimal(18, 6) as interval_kwh,
        sum(delta_minutes) as measured_minutes
    from assigned
    where delta_kwh is not null
    group by meter_id, read_at_utc
),

compared as (
    select
        readings.*,
        case
            when interval_sums.measured_minutes
                = {{ minutes_between('readings.previous_read_at_utc', 'readings.read_at_utc') }}
                and date_trunc('hour', readings.previous_read_at_utc) = readings.previous_read_at_utc
                and date_trunc('hour', readings.read_at_utc) = readings.read_at_utc
                then interval_sums.interval_kwh
        end as interval_kwh
    from readings
    left join interval_sums
        on readings.meter_id = interval_sums.meter_id
        and readings.read_at_utc = interval_sums.read_at_utc
        and readings.channel = 'import'
        and not readings.is_misread
),

judged as (
    select
        *,
        coalesce(
            abs(counted_kwh - interval_kwh) > greatest(sum_check_share * counted_kwh, sum_check_energy_kwh), false
        ) as sum_check
    from compared
),

named as (
    select
        *,
        {{ broken_rules(register_rules()) }} as broken_rules
    from judged
),

checks as (
    select
        meter_id,
        channel,
        read_at_utc,
        local_date,
        register_kwh,
        previous_read_at_utc,
        counted_kwh,
        interval_kwh::decimal(18, 6) as interval_kwh,
        case when broken_rules = '' then 'measured' else 'suspect' end as quality_code,
        nullif(broken_rules, '') as broken_rules
    from named
)

select * from checks

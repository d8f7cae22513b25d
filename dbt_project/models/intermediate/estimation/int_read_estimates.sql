{{ config(pre_hook='{{ join_by_hash() }}', indexes=indexed_by([['meter_id', 'interval_start_utc']])) }}

with intervals as (
    select * from {{ ref('int_gap_intervals') }}
),

registers as (
    select
        meter_id,
        read_at_utc,
        previous_read_at_utc,
        counted_kwh
    from {{ ref('int_register_differences') }}
    where channel = 'import' and not is_misread
        and meter_id in (select gaps.meter_id from {{ ref('int_read_gaps') }} as gaps)
),

moments as (
    select
        meter_id,
        interval_start_utc,
        interval_start_utc as at_utc,
        1 as is_after,
        null::timestamp as before_utc,
        null::timestamp as after_utc
    from intervals
    where meter_id in (select registers.meter_id from registers)
    union all
    select
        meter_id,
        interval_start_utc,
        interval_start_utc + interval_minutes * interval '1 minute' as at_utc,
        -1 as is_after,
        null::timestamp as before_utc,
        null::timestamp as after_utc
    from intervals
    where meter_id in (select registers.meter_id from registers)
    union all
    select
        meter_id,
        null::timestamp as interval_start_utc,
        read_at_utc as at_utc,
        0 as is_after,
        read_at_utc as before_utc,
        read_at_utc as after_utc
    from registers
),

surrounded as (
    select
        meter_id,
        interval_start_utc,
        is_after,
        max(before_utc) over (partition by meter_id order by at_utc, is_after rows unbounded preceding) as before_utc,
        min(after_utc) over (
            partition by meter_id order by at_utc, is_after rows between current row and unbounded following
        ) as after_utc
    from moments
),

bracketed as (
    select
        meter_id,
        interval_start_utc,
        max(case when is_after = 1 then before_utc end) as before_utc,
        max(case when is_after = -1 then after_utc end) as after_utc
    from surrounded
    where interval_start_utc is not null
    group by meter_id, interval_start_utc
),

brackets as (
    select
        bracketed.meter_id,
        bracketed.before_utc,
        bracketed.after_utc,
        sum(intervals.estimated_kwh) as estimated_kwh,
        sum(intervals.interval_minutes) as estimated_minutes
    from bracketed
    inner join intervals
        on bracketed.meter_id = intervals.meter_id and bracketed.interval_start_utc = intervals.interval_start_utc
    where bracketed.before_utc is not null and bracketed.after_utc is not null
    group by bracketed.meter_id, bracketed.before_utc, bracketed.after_utc
),

bracket_dates as (
    select
        meter_id,
        before_utc,
        after_utc,
        before_utc::date + {{ each_number('0', 'after_utc::date - before_utc::date') }} as date_utc
    from brackets
),

read_versions as (
    select
        reads.meter_id,
        bracket_dates.before_utc,
        reads.consumption_kwh,
        reads.measured_minutes,
        {{ newest_first(['reads.meter_id', 'reads.interval_start_utc']) }} as age
    from {{ ref('int_checked_reads') }} as reads
    inner join bracket_dates
        on reads.meter_id = bracket_dates.meter_id
        and reads.interval_start_utc::date = bracket_dates.date_utc
        and reads.interval_start_utc >= bracket_dates.before_utc
        and reads.interval_start_utc < bracket_dates.after_utc
    where reads.channel = 'import'
        and reads.interval_start_utc >= (select min(first_brackets.before_utc) from brackets as first_brackets)
),

measured as (
    select
        meter_id,
        before_utc,
        sum(consumption_kwh) as measured_kwh,
        sum(measured_minutes) as measured_minutes
    from read_versions
    where age = 1
    group by meter_id, before_utc
),

-- What the register counted and no read has; only where reads and estimates fill the time between the two readings.
differences as (
    select
        brackets.meter_id,
        brackets.before_utc,
        brackets.estimated_kwh,
        brackets.estimated_minutes,
        registers.counted_kwh - coalesce(measured.measured_kwh, 0) as missing_kwh
    from brackets
    inner join registers
        on brackets.meter_id = registers.meter_id
        and brackets.after_utc = registers.read_at_utc
        and brackets.before_utc = registers.previous_read_at_utc
    left join measured on brackets.meter_id = measured.meter_id and brackets.before_utc = measured.before_utc
    where brackets.estimated_minutes + coalesce(measured.measured_minutes, 0)
        = {{ minutes_between('brackets.before_utc', 'brackets.after_utc') }}
),

-- Shares of the sum so far, rounded, so that the parts add up to the whole: what rounding leaves falls to the last.
shared as (
    select
        intervals.meter_id,
        intervals.interval_start_utc,
        bracketed.before_utc,
        differences.missing_kwh,
        case
            when differences.estimated_kwh > 0
                then sum(intervals.estimated_kwh) over so_far / differences.estimated_kwh::double precision
            else sum(intervals.interval_minutes) over so_far / differences.estimated_minutes::double precision
        end as share_so_far
    from intervals
    inner join bracketed
        on intervals.meter_id = bracketed.meter_id and intervals.interval_start_utc = bracketed.interval_start_utc
    inner join differences
        on bracketed.meter_id = differences.meter_id and bracketed.before_utc = differences.before_utc
    where differences.missing_kwh >= 0
    window so_far as (
        partition by intervals.meter_id, bracketed.before_utc order by intervals.interval_start_utc
        rows unbounded preceding
    )
),

counted as (
    select
        *,
        {{ rounded_decimal('missing_kwh * share_so_far') }} as counted_kwh
    from shared
),

prorated as (
    select
        meter_id,
        interval_start_utc,
        counted_kwh - lag(counted_kwh, 1, 0) over (
            partition by meter_id, before_utc order by interval_start_utc
        ) as prorated_kwh
    from counted
),

estimates as (
    select
        intervals.meter_id,
        intervals.channel,
        intervals.interval_start_utc,
        intervals.interval_minutes,
        intervals.local_date,
        intervals.hour_start_utc,
        intervals.hour_of_day,
        coalesce(prorated.prorated_kwh, intervals.estimated_kwh)::decimal(18, 6) as estimated_kwh,
        intervals.method,
        prorated.prorated_kwh is not null as is_prorated,
        intervals.gap_minutes
    from intervals
    left join prorated
        on intervals.meter_id = prorated.meter_id and intervals.interval_start_utc = prorated.interval_start_utc
)

select * from estimates

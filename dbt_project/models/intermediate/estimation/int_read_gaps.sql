{{ config(pre_hook='{{ join_by_hash() }}', indexes=indexed_by([['meter_id']])) }}

-- Days are judged by the ledger; reads are looked at only on days that are not whole, and on the last one before days
-- without any.
with daily as (
    {{ days_as_known_now() }}
),

calendar as (
    select
        local_date,
        {{ to_utc('local_date') }} as start_utc,
        {{ to_utc('local_date + 1') }} as end_utc
    from (select distinct local_date from daily) as dates
),

meter_days as (
    select
        daily.meter_id,
        daily.local_date,
        calendar.start_utc,
        calendar.end_utc,
        daily.measured_minutes >= {{ minutes_between('calendar.start_utc', 'calendar.end_utc') }} as is_whole,
        lead(daily.local_date) over (partition by daily.meter_id order by daily.local_date) as next_date
    from daily
    inner join calendar on daily.local_date = calendar.local_date
),

meters as (
    select
        meter_id,
        min(local_date) as first_date,
        max(local_date) as last_date,
        max(case when is_whole then local_date end) as last_whole_date
    from meter_days
    group by meter_id
),

places as (
    select
        meter_id,
        service_point_id,
        installed_on,
        removed_on,
        lead(installed_on) over (partition by meter_id order by installed_on, {{ by_bytes('service_point_id') }})
            as next_installed_on
    from {{ ref('stg_meters') }}
    where replaced_on is null and not is_deleted
),

-- The next meter of the point ends the silence of one that nobody reported as removed.
successors as (
    select
        meters.meter_id,
        min(next_places.installed_on) as replaced_on
    from meters
    inner join places on meters.meter_id = places.meter_id
    inner join places as next_places
        on places.service_point_id = next_places.service_point_id
        and next_places.meter_id <> meters.meter_id
        and next_places.installed_on >= meters.last_date
    group by meters.meter_id
),

-- A day is due when half of the meters that still report have reported it whole.
newest as (
    select percentile_disc(0.5) within group (order by last_whole_date) as due_date
    from meters
    where last_date >= (select max(last_dates.last_date) from meters as last_dates) - {{ var('silence_days') }}
),

due as (
    select
        meters.meter_id,
        meters.first_date,
        meters.last_date,
        least(newest.due_date, meters.last_date + {{ var('silence_days') }}, successors.replaced_on - 1) as due_date
    from meters
    cross join newest
    left join successors on meters.meter_id = successors.meter_id
),

judged as (
    select
        meter_days.*,
        not meter_days.is_whole
        or coalesce(meter_days.next_date, due.due_date + 1) > meter_days.local_date + 1 as is_looked_at
    from meter_days
    inner join due on meter_days.meter_id = due.meter_id
),

-- By dates of UTC, so that reads are found without a local time for each of them.
looked_at as (
    select
        meter_id,
        start_utc,
        end_utc,
        start_utc::date as date_utc
    from judged
    where is_looked_at
    union all
    select
        meter_id,
        start_utc,
        end_utc,
        (end_utc - interval '1 minute')::date as date_utc
    from judged
    where is_looked_at and (end_utc - interval '1 minute')::date > start_utc::date
),

versions as (
    select
        reads.meter_id,
        reads.interval_start_utc,
        reads.interval_minutes,
        reads.measured_minutes,
        {{ newest_first(['reads.meter_id', 'reads.interval_start_utc']) }} as age
    from {{ ref('int_checked_reads') }} as reads
    inner join looked_at
        on reads.meter_id = looked_at.meter_id
        and reads.interval_start_utc::date = looked_at.date_utc
        and reads.interval_start_utc >= looked_at.start_utc
        and reads.interval_start_utc < looked_at.end_utc
    where reads.channel = 'import'
        and reads.interval_start_utc >= (select min(first_days.start_utc) from looked_at as first_days)
),

-- All that is no gap: what was measured, the time in which the meter hung nowhere, and the end of what is due.
blocks as (
    select
        meter_id,
        start_utc,
        end_utc,
        null::integer as interval_minutes
    from judged
    where not is_looked_at
    union all
    select
        meter_id,
        interval_start_utc as start_utc,
        interval_start_utc + interval_minutes * interval '1 minute' as end_utc,
        interval_minutes
    from versions
    where age = 1 and measured_minutes > 0
    union all
    select
        places.meter_id,
        {{ to_utc('places.removed_on + 1') }} as start_utc,
        coalesce({{ to_utc('places.next_installed_on') }}, timestamp '9999-01-01') as end_utc,
        null::integer as interval_minutes
    from places
    inner join due on places.meter_id = due.meter_id
    where places.removed_on >= due.first_date
        and (places.next_installed_on is null or places.next_installed_on > places.removed_on + 1)
    union all
    select
        meter_id,
        {{ to_utc('due_date + 1') }} as start_utc,
        {{ to_utc('due_date + 1') }} as end_utc,
        null::integer as interval_minutes
    from due
    where due_date > last_date
),

stretches as (
    select
        meter_id,
        max(end_utc) over (
            partition by meter_id order by start_utc, end_utc rows between unbounded preceding and 1 preceding
        ) as gap_start_utc,
        start_utc as gap_end_utc,
        coalesce(
            lag(interval_minutes) over (partition by meter_id order by start_utc, end_utc),
            interval_minutes,
            max(interval_minutes) over (partition by meter_id),
            60
        ) as interval_minutes
    from blocks
),

measured as (
    select
        *,
        {{ minutes_between('gap_start_utc', 'gap_end_utc') }} as gap_minutes
    from stretches
    where gap_end_utc > gap_start_utc
),

rejected as (
    select distinct
        measured.meter_id,
        measured.gap_start_utc
    from measured
    inner join {{ ref('int_read_findings') }} as findings
        on measured.meter_id = findings.meter_id
        and findings.interval_start_utc >= measured.gap_start_utc
        and findings.interval_start_utc < measured.gap_end_utc
    where findings.channel = 'import' and findings.is_rejected
),

gaps as (
    select
        measured.meter_id,
        'import' as channel,
        measured.gap_start_utc,
        measured.gap_end_utc,
        gcd(measured.gap_minutes, measured.interval_minutes)::integer as interval_minutes,
        measured.gap_minutes,
        rejected.meter_id is not null as is_rejected
    from measured
    left join rejected
        on measured.meter_id = rejected.meter_id and measured.gap_start_utc = rejected.gap_start_utc
)

select * from gaps

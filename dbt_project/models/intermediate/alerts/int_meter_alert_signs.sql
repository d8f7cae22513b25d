{{ config(tags=['monitor']) }}

with meters as (
    select * from {{ ref('int_alert_meters') }}
),

days as (
    select * from {{ ref('int_alert_days') }}
),

outages as (
    select * from {{ ref('int_feeder_outages') }}
),

findings as (
    select * from {{ ref('int_read_findings') }}
    where channel = 'import' and local_date > (select min(meters.as_of_date) - {{ recent_days() }} from meters)
),

-- A meter's own habits, from the days that it is judged by.
habits as (
    select
        as_of_date,
        meter_id,
        (percentile_disc(0.25) within group (order by use_share))::decimal(18, 6) as low_share,
        (percentile_disc(0.75) within group (order by use_share))::decimal(18, 6) as high_share,
        count(case when kwh = 0 then 1 end) as zero_days
    from days
    where days_ago >= {{ recent_days() }} and use_share is not null
    group by as_of_date, meter_id
),

daily_needs as (
    select
        as_of_date,
        meter_id,
        {{ rounded_decimal(mean('expected_kwh')) }} as expected_daily_kwh,
        max(like_days) as like_days,
        max(neighbours) as neighbours
    from days
    group by as_of_date, meter_id
),

judged as (
    select
        days.*,
        case
            when days.kwh = 0 and habits.zero_days = 0 then 'zero'
            when days.use_share < least(0.55, 0.7 * habits.low_share) then 'low'
            when days.use_share > greatest(1.6, 1.4 * habits.high_share) then 'high'
            else 'usual'
        end as day_state
    from days
    inner join habits on days.as_of_date = habits.as_of_date and days.meter_id = habits.meter_id
    where days.use_share is not null
),

numbered as (
    select
        *,
        row_number() over (partition by as_of_date, meter_id order by local_date)
        - row_number() over (partition by as_of_date, meter_id, day_state order by local_date) as stretch
    from judged
),

runs as (
    select
        as_of_date,
        meter_id,
        day_state,
        min(local_date) as first_date,
        max(local_date) as last_date,
        count(*)::integer as run_days,
        sum(kwh)::decimal(18, 6) as measured_kwh,
        sum(expected_kwh)::decimal(18, 6) as expected_kwh
    from numbered
    where day_state <> 'usual'
    group by as_of_date, meter_id, day_state, stretch
    having min(days_ago) < {{ recent_days() }}
),

run_alerts as (
    select
        as_of_date,
        meter_id,
        case when day_state = 'high' then 'high_use' else 'vacancy' end as alert_type,
        first_date,
        last_date,
        run_days as evidence_days,
        measured_kwh,
        expected_kwh,
        {{ share_of('measured_kwh', 'expected_kwh') }} as strength
    from runs
    where (day_state = 'high' and run_days >= 5)
        or (day_state = 'low' and run_days >= 4)
),

-- A meter that never stood still before is as dead at zero as without reads.
last_signs as (
    select
        meters.as_of_date,
        meters.meter_id,
        meters.feeder_code,
        meters.complete_on,
        case when habits.zero_days = 0 then meters.last_live_on else meters.last_read_on end as heard_until
    from meters
    left join habits on meters.as_of_date = habits.as_of_date and meters.meter_id = habits.meter_id
    where meters.watch_state = 'watched'
),

-- The meters of a feeder that was without supply are silent for that reason: they count from its end on.
silences as (
    select
        last_signs.as_of_date,
        last_signs.meter_id,
        last_signs.complete_on,
        greatest(last_signs.heard_until, coalesce(max(outages.last_date), last_signs.heard_until)) as heard_until
    from last_signs
    left join outages
        on last_signs.as_of_date = outages.as_of_date
        and last_signs.feeder_code = outages.feeder_code
        and outages.first_date <= last_signs.heard_until + 1
        and outages.last_date >= last_signs.heard_until
    group by last_signs.as_of_date, last_signs.meter_id, last_signs.complete_on, last_signs.heard_until
),

silent_alerts as (
    select
        silences.as_of_date,
        silences.meter_id,
        'dead_meter' as alert_type,
        silences.heard_until + 1 as first_date,
        silences.complete_on as last_date,
        (silences.complete_on - silences.heard_until)::integer as evidence_days,
        0::decimal(18, 6) as measured_kwh,
        (daily_needs.expected_daily_kwh * (silences.complete_on - silences.heard_until))::decimal(18, 6)
            as expected_kwh,
        0::decimal(18, 6) as strength
    from silences
    left join daily_needs
        on silences.as_of_date = daily_needs.as_of_date and silences.meter_id = daily_needs.meter_id
    where silences.complete_on - silences.heard_until >= 4
),

suspect_alerts as (
    select
        as_of_date,
        meter_id,
        'fault' as alert_type,
        min(local_date) as first_date,
        max(local_date) as last_date,
        count(*)::integer as evidence_days,
        sum(kwh)::decimal(18, 6) as measured_kwh,
        sum(expected_kwh)::decimal(18, 6) as expected_kwh,
        0::decimal(18, 6) as strength
    from days
    where suspect_minutes >= 60 and days_ago < {{ recent_days() }}
    group by as_of_date, meter_id
    having count(*) >= 3
),

backward_reads as (
    select
        meters.as_of_date,
        meters.meter_id,
        findings.local_date,
        findings.interval_start_utc,
        min(findings.consumption_kwh) as kwh
    from meters
    inner join findings
        on meters.meter_id = findings.meter_id
        and meters.as_of_date >= findings.known_on
        and findings.local_date > meters.complete_on - {{ recent_days() }}
        and findings.local_date between meters.placed_on and meters.complete_on
    where meters.watch_state = 'watched'
        and (findings.broken_rules like '%negative%' or findings.broken_rules like '%export_on_import%')
        and findings.consumption_kwh < 0
    group by meters.as_of_date, meters.meter_id, findings.local_date, findings.interval_start_utc
),

reverse_alerts as (
    select
        as_of_date,
        meter_id,
        'reverse_energy' as alert_type,
        min(local_date) as first_date,
        max(local_date) as last_date,
        count(distinct local_date)::integer as evidence_days,
        sum(kwh)::decimal(18, 6) as measured_kwh,
        0::decimal(18, 6) as expected_kwh,
        0::decimal(18, 6) as strength
    from backward_reads
    group by as_of_date, meter_id
    having count(distinct local_date) >= 2
),

typical as (
    select
        meters.as_of_date,
        meters.feeder_code,
        sum(daily_needs.expected_daily_kwh)::decimal(18, 6) as expected_daily_kwh
    from meters
    inner join daily_needs on meters.as_of_date = daily_needs.as_of_date and meters.meter_id = daily_needs.meter_id
    group by meters.as_of_date, meters.feeder_code
),

-- An outage is an alert of the feeder, whose code stands where the meter's would.
outage_alerts as (
    select
        outages.as_of_date,
        outages.feeder_code as meter_id,
        'outage' as alert_type,
        outages.first_date,
        max(outages.last_date) as last_date,
        sum(outages.outage_hours)::integer as evidence_days,
        0::decimal(18, 6) as measured_kwh,
        {{ rounded_decimal('sum(typical.expected_daily_kwh * outages.outage_hours)::double precision / 24') }}
            as expected_kwh,
        0::decimal(18, 6) as strength
    from outages
    left join typical on outages.as_of_date = typical.as_of_date and outages.feeder_code = typical.feeder_code
    group by outages.as_of_date, outages.feeder_code, outages.first_date
),

signs as (
    select * from run_alerts
    union all
    select
        as_of_date,
        meter_id,
        alert_type,
        first_date,
        last_date,
        evidence_days,
        measured_kwh,
        expected_kwh,
        strength
    from {{ ref('int_meter_use_falls') }}
    union all
    select * from silent_alerts
    union all
    select * from suspect_alerts
    union all
    select * from reverse_alerts
    union all
    select * from outage_alerts
),

judged_signs as (
    select
        signs.*,
        daily_needs.like_days,
        daily_needs.neighbours,
        {{ alert_prior('signs.alert_type', 'signs.evidence_days', 'signs.strength') }} as prior_confidence
    from signs
    left join daily_needs on signs.as_of_date = daily_needs.as_of_date and signs.meter_id = daily_needs.meter_id
)

select * from judged_signs

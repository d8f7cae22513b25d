with meters as (
    select * from {{ ref('int_alert_meters') }}
),

days as (
    select * from {{ ref('int_alert_days') }}
),

outages as (
    select * from {{ ref('int_feeder_outages') }}
),

hourly as (
    select * from {{ ref('int_usage_hourly_ledger') }}
    where local_date > (select min(meters.as_of_date) - {{ recent_days() }} from meters)
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
        case
            when day_state = 'zero' then 'dead_meter'
            when day_state = 'high' then 'high_use'
            else 'vacancy'
        end as alert_type,
        first_date,
        last_date,
        run_days as evidence_days,
        measured_kwh,
        expected_kwh,
        {{ share_of('measured_kwh', 'expected_kwh') }} as strength
    from runs
    where (day_state = 'zero' and run_days >= 3)
        or (day_state = 'high' and run_days >= 5)
        or (day_state = 'low' and run_days >= 4)
),

-- Weeks of the calendar, so that what began in one is still dated so a week later. A median forgets a few odd days.
weeks as (
    select
        days.as_of_date,
        days.meter_id,
        date_trunc('week', days.local_date)::date as week_start_on,
        min({{ days_between("date_trunc('week', days.local_date)", "date_trunc('week', meters.complete_on)") }})
        / 7 as weeks_ago,
        (percentile_disc(0.5) within group (order by days.use_share))::decimal(18, 6) as week_share
    from days
    inner join meters on days.as_of_date = meters.as_of_date and days.meter_id = meters.meter_id
    where days.use_share is not null
    group by days.as_of_date, days.meter_id, date_trunc('week', days.local_date)::date
    having count(*) >= 4
),

-- Every week that could be the first of a lower use, with the eight weeks before it.
splits as (
    select
        weeks.as_of_date,
        weeks.meter_id,
        first_weeks.weeks_ago as first_week,
        {{ rounded_decimal(mean('case when weeks.weeks_ago <= first_weeks.weeks_ago then weeks.week_share end')) }}
            as share_after,
        {{ rounded_decimal(mean('case when weeks.weeks_ago > first_weeks.weeks_ago then weeks.week_share end')) }}
            as share_before,
        {{ share_of(
            'max(case when weeks.weeks_ago <= first_weeks.weeks_ago then weeks.week_share end)',
            'min(case when weeks.weeks_ago > first_weeks.weeks_ago then weeks.week_share end)'
        ) }} as gap_share
    from weeks
    inner join (values (3), (4), (5), (6), (7), (8), (9), (10), (11)) as first_weeks (weeks_ago)
        on weeks.weeks_ago <= first_weeks.weeks_ago + 8
    group by weeks.as_of_date, weeks.meter_id, first_weeks.weeks_ago
    having count(case when weeks.weeks_ago <= first_weeks.weeks_ago then 1 end) >= 3
        and count(case when weeks.weeks_ago > first_weeks.weeks_ago then 1 end) >= 4
),

falls as (
    select
        *,
        row_number() over (
            partition by as_of_date, meter_id order by gap_share * share_after / share_before, first_week
        ) as clearest_first
    from splits
    where (gap_share < 0.95 and share_after < 0.85 * share_before)
        or (first_week >= 8 and gap_share < 1.1 and share_after < 0.72 * share_before)
),

-- The days since: from the first low one of about that week on, against what was usual before.
fallen_days as (
    select
        falls.as_of_date,
        falls.meter_id,
        falls.gap_share,
        falls.share_after,
        falls.share_before,
        meters.complete_on,
        days.days_ago,
        days.local_date,
        days.kwh,
        (days.expected_kwh * falls.share_before)::decimal(18, 6) as expected_kwh,
        min(case when 2 * days.use_share < falls.share_after + falls.share_before then days.local_date end)
            over (partition by falls.as_of_date, falls.meter_id) as first_date
    from falls
    inner join meters on falls.as_of_date = meters.as_of_date and falls.meter_id = meters.meter_id
    inner join days
        on falls.as_of_date = days.as_of_date
        and falls.meter_id = days.meter_id
        and days.local_date >= date_trunc('week', meters.complete_on)::date - 7 * falls.first_week - 6
    where falls.clearest_first = 1 and days.use_share is not null
),

-- A step is a matter of the meter; what comes little by little is one of the home, unless it goes further than saving
-- does. It must still go on: a journey that is just over has left low weeks too.
fall_alerts as (
    select
        as_of_date,
        meter_id,
        case
            when share_after >= 0.72 * share_before then 'low_use'
            when gap_share < 0.9 then 'tamper_suspected'
            else 'drift'
        end as alert_type,
        first_date,
        complete_on as last_date,
        count(*)::integer as evidence_days,
        sum(kwh)::decimal(18, 6) as measured_kwh,
        sum(expected_kwh)::decimal(18, 6) as expected_kwh,
        gap_share as strength
    from fallen_days
    where local_date >= first_date
    group by as_of_date, meter_id, first_date, complete_on, gap_share, share_after, share_before
    having sum(case when days_ago < 3 then kwh end) < 0.85 * sum(case when days_ago < 3 then expected_kwh end)
),

-- The meters of a feeder that was without supply are silent for that reason: they count from its end on.
silences as (
    select
        meters.as_of_date,
        meters.meter_id,
        meters.complete_on,
        greatest(meters.last_read_on, coalesce(max(outages.last_date), meters.last_read_on)) as heard_until
    from meters
    left join outages
        on meters.as_of_date = outages.as_of_date
        and meters.feeder_code = outages.feeder_code
        and outages.first_date <= meters.last_read_on + 1
        and outages.last_date >= meters.last_read_on
    where meters.watch_state = 'watched'
    group by meters.as_of_date, meters.meter_id, meters.complete_on, meters.last_read_on
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

backward_hours as (
    select
        meters.as_of_date,
        meters.meter_id,
        hourly.local_date,
        sum(hourly.delta_kwh)::decimal(18, 6) as kwh
    from meters
    inner join hourly
        on meters.meter_id = hourly.meter_id
        and meters.as_of_date >= hourly.known_on
        and hourly.local_date > meters.complete_on - {{ recent_days() }}
        and hourly.local_date between meters.placed_on and meters.complete_on
    where meters.watch_state = 'watched'
    group by meters.as_of_date, meters.meter_id, hourly.local_date, hourly.hour_start_utc
    having sum(hourly.delta_kwh) < 0
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
    from backward_hours
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
    select * from fall_alerts
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

{{ config(tags=['monitor']) }}

with meters as (
    select * from {{ ref('int_alert_meters') }}
),

days as (
    select * from {{ ref('int_alert_days') }}
),

-- Weeks of the calendar, so that what began in one is still dated so a week later.
dated as (
    select
        days.as_of_date,
        days.meter_id,
        days.use_share,
        date_trunc('week', days.local_date)::date as week_on,
        date_trunc('week', meters.complete_on)::date as newest_week_on
    from days
    inner join meters on days.as_of_date = meters.as_of_date and days.meter_id = meters.meter_id
    where days.use_share is not null
),

-- A median forgets a few odd days.
weeks as (
    select
        as_of_date,
        meter_id,
        floor({{ days_between('week_on', 'newest_week_on') }} / 7.0)::integer as weeks_ago,
        (percentile_disc(0.5) within group (order by use_share))::decimal(18, 6) as week_share
    from dated
    group by as_of_date, meter_id, week_on, newest_week_on
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
)

select * from fall_alerts

{{ config(tags=['monitor']) }}

with meters as (
    select
        alert_meters.*,
        prices.price_per_kwh
    from {{ ref('int_alert_meters') }} as alert_meters
    left join {{ ref('int_prices_as_of') }} as prices
        on alert_meters.as_of_date = prices.as_of_date
        and alert_meters.tariff_code = prices.tariff_code
        and alert_meters.region_code = prices.region_code
),

signs as (
    select
        *,
        {{ alert_priority('alert_type') }} as priority
    from {{ ref('int_meter_alert_signs') }}
),

outages as (
    select * from {{ ref('int_feeder_outages') }}
),

events as (
    select
        *,
        {{ to_local('recorded_at') }}::date as recorded_on
    from {{ source('reference', 'meter_alert_events') }}
),

as_of_days as (
    select
        as_of_date,
        max(complete_on) as complete_on
    from meters
    group by as_of_date
),

-- Meters that stood still with their feeder, and not longer, are no dead ones.
explained as (
    select distinct
        signs.as_of_date,
        signs.meter_id,
        signs.alert_type,
        signs.first_date
    from signs
    inner join meters on signs.as_of_date = meters.as_of_date and signs.meter_id = meters.meter_id
    inner join outages
        on meters.as_of_date = outages.as_of_date
        and meters.feeder_code = outages.feeder_code
        and signs.first_date between outages.first_date - 1 and outages.last_date
        and signs.last_date < outages.last_date + 3
    where signs.alert_type in ('dead_meter', 'vacancy')
),

-- What one meter shows is told once: the graver thing, where two overlap.
told as (
    select signs.*
    from signs
    left join signs as graver
        on signs.as_of_date = graver.as_of_date
        and signs.meter_id = graver.meter_id
        and signs.priority > graver.priority
        and signs.last_date >= graver.first_date
        and signs.first_date <= graver.last_date
    left join explained
        on signs.as_of_date = explained.as_of_date
        and signs.meter_id = explained.meter_id
        and signs.alert_type = explained.alert_type
        and signs.first_date = explained.first_date
    where graver.meter_id is null and explained.meter_id is null
),

newest_events as (
    select
        as_of_days.as_of_date,
        events.*,
        row_number() over (partition by as_of_days.as_of_date, events.alert_id order by events.event_id desc) as age
    from as_of_days
    inner join events on as_of_days.as_of_date >= events.recorded_on
),

-- An alert that somebody acted on keeps the first day by which it is known, though newer reads may move it a little.
known_alerts as (
    select
        told.*,
        newest_events.first_date as known_first_date,
        newest_events.state as known_state,
        newest_events.finding as known_finding,
        newest_events.recorded_on,
        row_number() over (
            partition by told.as_of_date, told.meter_id, told.alert_type, told.first_date
            order by newest_events.event_id desc nulls last
        ) as newest_first
    from told
    left join newest_events
        on told.as_of_date = newest_events.as_of_date
        and told.meter_id = newest_events.meter_id
        and told.alert_type = newest_events.alert_type
        and newest_events.age = 1
        and newest_events.first_date between told.first_date - 21 and told.last_date
        and (newest_events.state <> 'closed' or told.first_date <= newest_events.recorded_on)
),

-- Closed stays closed, unless the thing goes on for long: then it is a new alert.
stated as (
    select
        *,
        case
            when known_state is null then first_date
            when known_state = 'closed' and last_date > recorded_on + {{ closed_days() }} then recorded_on + 1
            else known_first_date
        end as alert_first_date,
        case
            when known_state is null or (known_state = 'closed' and last_date > recorded_on + {{ closed_days() }})
                then 'open'
            else known_state
        end as state,
        case when last_date <= recorded_on + {{ closed_days() }} then known_finding end as finding
    from known_alerts
    where newest_first = 1
),

findings as (
    select
        as_of_date,
        alert_type,
        count(*)::integer as findings,
        count(case when finding <> 'nothing_found' then 1 end)::integer as confirmed
    from newest_events
    where age = 1 and state = 'closed'
    group by as_of_date, alert_type
),

feeders as (
    select
        as_of_date,
        region_code,
        feeder_code,
        max(meters) as meters
    from outages
    group by as_of_date, region_code, feeder_code
),

placed as (
    select
        stated.as_of_date,
        stated.meter_id,
        stated.alert_type,
        stated.alert_first_date as first_date,
        stated.last_date,
        stated.last_date >= as_of_days.complete_on - 2 as is_current,
        stated.evidence_days,
        stated.expected_kwh,
        stated.measured_kwh,
        stated.state,
        stated.finding,
        stated.prior_confidence,
        coalesce(findings.findings, 0) as findings,
        coalesce(findings.confirmed, 0) as confirmed,
        stated.like_days,
        coalesce(feeders.meters, stated.neighbours) as neighbours,
        meters.service_point_id,
        coalesce(meters.region_code, feeders.region_code) as region_code,
        coalesce(meters.feeder_code, feeders.feeder_code) as feeder_code,
        meters.customer_id,
        meters.price_per_kwh
    from stated
    inner join as_of_days on stated.as_of_date = as_of_days.as_of_date
    left join meters on stated.as_of_date = meters.as_of_date and stated.meter_id = meters.meter_id
    left join feeders
        on stated.as_of_date = feeders.as_of_date and stated.meter_id = feeders.feeder_code
        and stated.alert_type = 'outage'
    left join findings on stated.as_of_date = findings.as_of_date and stated.alert_type = findings.alert_type
),

candidates as (
    select
        as_of_date,
        md5(meter_id || '|' || alert_type || '|' || first_date::varchar) as alert_id,
        meter_id,
        service_point_id,
        region_code,
        feeder_code,
        customer_id,
        alert_type,
        first_date,
        last_date,
        is_current,
        {{ rounded_decimal(
            '(' ~ prior_weight() ~ ' * prior_confidence + confirmed)::double precision / (' ~ prior_weight() ~ ' + findings)'
        ) }} as confidence,
        expected_kwh,
        measured_kwh,
        {{ energy_at_stake('alert_type', 'expected_kwh', 'measured_kwh') }} as energy_at_stake_kwh,
        price_per_kwh,
        '{"days": ' || evidence_days::varchar || ', "expected_kwh": ' || {{ json_number('expected_kwh') }}
        || ', "measured_kwh": ' || {{ json_number('measured_kwh') }}
        || ', "like_days": ' || coalesce(like_days::varchar, 'null')
        || ', "neighbours": ' || coalesce(neighbours::varchar, 'null') || '}' as evidence,
        evidence_days,
        state,
        finding,
        'watched' as watch_state
    from placed
),

recent as (
    select
        as_of_date,
        meter_id,
        sum(expected_kwh)::decimal(18, 6) as expected_kwh,
        sum(kwh)::decimal(18, 6) as measured_kwh
    from {{ ref('int_alert_days') }}
    where days_ago < {{ recent_days() }} and use_share is not null
    group by as_of_date, meter_id
),

-- What no rule suspects the model may: with the energy of the last four weeks.
quiet as (
    select
        meters.*,
        recent.expected_kwh,
        recent.measured_kwh
    from meters
    left join candidates on meters.as_of_date = candidates.as_of_date and meters.meter_id = candidates.meter_id
    left join recent on meters.as_of_date = recent.as_of_date and meters.meter_id = recent.meter_id
    where candidates.meter_id is null
),

everything as (
    select * from candidates
    union all
    select
        as_of_date,
        null as alert_id,
        meter_id,
        service_point_id,
        region_code,
        feeder_code,
        customer_id,
        'none' as alert_type,
        null as first_date,
        complete_on as last_date,
        false as is_current,
        null::decimal(18, 6) as confidence,
        expected_kwh,
        measured_kwh,
        null::decimal(18, 6) as energy_at_stake_kwh,
        price_per_kwh,
        null as evidence,
        null as evidence_days,
        null as state,
        null as finding,
        watch_state
    from quiet
)

select * from everything

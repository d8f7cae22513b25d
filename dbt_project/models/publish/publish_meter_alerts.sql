{{ config(
    materialized='incremental',
    incremental_strategy='append',
    tags=['monitor'],
    pre_hook='{{ delete_days() }}',
    on_schema_change='append_new_columns'
) }}

with candidates as (
    select * from {{ ref('meter_alert_candidates') }}
    where as_of_date in ({{ listed(var('as_of_dates')) }})
),

advices as (
    select * from {{ ref('alert_advice') }}
),

scores as (
    select * from {{ source('scores', 'meter_alert_scores') }}
    where alert_type is not null and confidence is not null
),

-- What the model says of a meter, and since when it has said so.
scored as (
    select
        newest.as_of_date,
        newest.meter_id,
        newest.alert_type,
        {{ rounded_decimal('newest.confidence') }} as confidence,
        newest.evidence,
        min(earlier.as_of_date) as first_date
    from scores as newest
    inner join scores as earlier
        on newest.meter_id = earlier.meter_id
        and newest.alert_type = earlier.alert_type
        and newest.as_of_date - 28 <= earlier.as_of_date
        and newest.as_of_date >= earlier.as_of_date
        and earlier.confidence >= {{ least_confidence() }}
    where newest.as_of_date in ({{ listed(var('as_of_dates')) }})
        and newest.confidence >= {{ least_confidence() }}
    group by newest.as_of_date, newest.meter_id, newest.alert_type, newest.confidence, newest.evidence
),

-- Where rules and model see the same thing, the surer one decides how sure it is.
seen_by_rules as (
    select
        candidates.as_of_date,
        candidates.alert_id,
        candidates.meter_id,
        candidates.service_point_id,
        candidates.feeder_code,
        candidates.customer_id,
        candidates.alert_type,
        candidates.first_date,
        candidates.last_date,
        candidates.is_current,
        candidates.evidence_days,
        greatest(candidates.confidence, coalesce(scored.confidence, candidates.confidence)) as confidence,
        candidates.expected_kwh,
        candidates.measured_kwh,
        candidates.energy_at_stake_kwh,
        candidates.price_per_kwh,
        candidates.evidence,
        candidates.state,
        candidates.finding,
        candidates.watched_meters
    from candidates
    left join scored
        on candidates.as_of_date = scored.as_of_date
        and candidates.meter_id = scored.meter_id
        and candidates.alert_type = scored.alert_type
    where candidates.alert_type <> 'none'
),

seen_by_model as (
    select
        candidates.as_of_date,
        md5(candidates.meter_id || '|' || scored.alert_type || '|' || scored.first_date::varchar) as alert_id,
        candidates.meter_id,
        candidates.service_point_id,
        candidates.feeder_code,
        candidates.customer_id,
        scored.alert_type,
        -- The first score is of a day whose reads are still to come; what it saw is in those before.
        least(scored.first_date, candidates.last_date) as first_date,
        candidates.last_date,
        true as is_current,
        {{ days_between('scored.first_date', 'scored.as_of_date') }}::integer + 1 as evidence_days,
        scored.confidence,
        candidates.expected_kwh,
        candidates.measured_kwh,
        {{ energy_at_stake('scored.alert_type', 'candidates.expected_kwh', 'candidates.measured_kwh') }}
            as energy_at_stake_kwh,
        candidates.price_per_kwh,
        scored.evidence,
        'open' as state,
        null as finding,
        candidates.watched_meters
    from candidates
    inner join scored on candidates.as_of_date = scored.as_of_date and candidates.meter_id = scored.meter_id
    where candidates.alert_type = 'none' and candidates.watch_state = 'watched'
),

seen as (
    select * from seen_by_rules
    union all
    select * from seen_by_model
),

-- What a false alarm costs the budget: a finding says it, else the chance says how much of one to expect.
priced as (
    select
        seen.*,
        advices.audience,
        advices.advice,
        advices.advice_without_price,
        case
            when seen.finding = 'nothing_found' then 1
            when seen.state <> 'open' then 0
            else 1 - seen.confidence
        end as expected_false_alarms
    from seen
    inner join advices on seen.alert_type = advices.alert_type
    where seen.confidence >= {{ least_confidence() }} or seen.state <> 'open'
),

-- Crews and customers have half of the budget each, so that the one's many alerts do not use up the other's.
budgeted as (
    select
        *,
        sum(expected_false_alarms) over (
            partition by as_of_date, audience
            order by case when state = 'open' then 1 else 0 end asc, confidence desc, alert_id asc
            rows between unbounded preceding and current row
        ) as false_alarms_so_far,
        {{ var('false_alarms_per_100_meters') }} * watched_meters / 200.0 as allowed_false_alarms
    from priced
),

kept as (
    select
        *,
        (energy_at_stake_kwh * price_per_kwh)::decimal(18, 2) as money_at_stake
    from budgeted
    where is_current and (false_alarms_so_far <= allowed_false_alarms or state <> 'open')
),

alerts as (
    select
        as_of_date,
        alert_id,
        alert_type,
        audience,
        meter_id,
        service_point_id,
        feeder_code,
        customer_id,
        first_date,
        last_date,
        confidence::double precision as confidence,
        expected_kwh,
        measured_kwh,
        energy_at_stake_kwh,
        money_at_stake,
        evidence,
        {{ filled_in('case when money_at_stake is null then advice_without_price else advice end', {
            'meter': 'meter_id',
            'feeder': 'feeder_code',
            'first_date': 'first_date::varchar',
            'last_date': 'last_date::varchar',
            'days': 'evidence_days::varchar',
            'expected_kwh': whole('expected_kwh'),
            'measured_kwh': whole('measured_kwh'),
            'energy_kwh': whole('energy_at_stake_kwh'),
            'money': "money_at_stake::varchar || ' " ~ var('currency') ~ "'"
        }) }} as advice,
        state,
        finding
    from kept
)

select * from alerts
order by as_of_date, alert_id

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    tags=['monitor'],
    pre_hook='{{ delete_days() }}',
    on_schema_change='append_new_columns'
) }}

with candidates as (
    select * from {{ ref('int_meter_alert_candidates') }}
),

-- People travel, and a home that stands empty is no alarm; everything else is.
counted as (
    select
        as_of_date,
        count(case when watch_state = 'watched' and meter_id <> coalesce(feeder_code, '') then 1 end) as watched_meters,
        count(case
            when alert_type not in ('none', 'vacancy') and state = 'open' and last_date > as_of_date - 30 then 1
        end) as alarms
    from candidates
    group by as_of_date
),

flooded as (
    select
        candidates.as_of_date,
        candidates.alert_id,
        candidates.meter_id,
        candidates.service_point_id,
        candidates.region_code,
        candidates.feeder_code,
        candidates.customer_id,
        candidates.watch_state,
        candidates.alert_type,
        candidates.first_date,
        candidates.last_date,
        candidates.is_current,
        candidates.evidence_days,
        candidates.confidence,
        candidates.expected_kwh,
        candidates.measured_kwh,
        candidates.energy_at_stake_kwh,
        candidates.price_per_kwh,
        candidates.evidence,
        candidates.state,
        candidates.finding,
        counted.watched_meters::integer as watched_meters,
        {{ share_of('counted.alarms', alarm_limit('counted.watched_meters')) }} as flood_share
    from candidates
    inner join counted on candidates.as_of_date = counted.as_of_date
)

select * from flooded
order by as_of_date, meter_id, alert_type, first_date

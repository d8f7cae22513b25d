{{ config(materialized='view') }}

with versions as (
    select
        *,
        {{ newest_first(['meter_id', 'channel', 'interval_start_utc']) }} as age
    from {{ ref('int_checked_reads') }}
),

findings as (
    select * from {{ ref('int_read_findings') }}
    where is_rejected
),

-- What was sent, also where it was rejected; a deleted read is no read.
reads as (
    select
        versions.*,
        coalesce(findings.consumption_kwh, versions.consumption_kwh)::decimal(18, 6) as original_kwh
    from versions
    left join findings
        on versions.load_id = findings.load_id
        and versions.meter_id = findings.meter_id
        and versions.channel = findings.channel
        and versions.interval_start_utc = findings.interval_start_utc
        and versions.version_no = findings.version_no
    where versions.age = 1 and (versions.measured_minutes > 0 or versions.is_rejected)
),

estimates as (
    select * from {{ ref('int_read_estimates') }}
),

validated as (
    select
        coalesce(reads.meter_id, estimates.meter_id) as meter_id,
        coalesce(reads.channel, estimates.channel) as channel,
        coalesce(reads.interval_start_utc, estimates.interval_start_utc) as interval_start_utc,
        coalesce(estimates.interval_minutes, reads.interval_minutes) as interval_minutes,
        (case
            when estimates.meter_id is not null then estimates.estimated_kwh
            when not reads.is_rejected then reads.consumption_kwh
        end)::decimal(18, 6) as consumption_kwh,
        reads.original_kwh,
        case
            when estimates.meter_id is not null then 'estimated'
            when reads.is_rejected then 'suspect'
            else reads.quality_code
        end as quality_code,
        reads.broken_rules
    from reads
    full outer join estimates
        on reads.meter_id = estimates.meter_id
        and reads.channel = estimates.channel
        and reads.interval_start_utc = estimates.interval_start_utc
)

select * from validated

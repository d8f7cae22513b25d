{{ config(materialized='view') }}

with findings as (
    select * from {{ ref('int_read_checks') }}
    where broken_rules is not null
),

first_edits as (
    select
        meter_id,
        channel,
        interval_start_utc,
        min(received_at_utc) as received_at_utc,
        min(known_on) as known_on
    from {{ ref('int_read_checks') }}
    where quality_code = 'edited'
    group by meter_id, channel, interval_start_utc
),

-- A version that comes after an edit and is none itself is counted as if it had come a moment before: the edit stays
-- in force, and a ledger that has booked the one of them nets it against the other.
checked as (
    select
        reads.meter_id,
        reads.channel,
        reads.interval_start_utc,
        reads.interval_minutes,
        reads.quality_code,
        reads.quality_reason,
        (case when findings.is_rejected then 0 else reads.consumption_kwh end)::decimal(18, 6) as consumption_kwh,
        case when findings.is_rejected then 0 else reads.measured_minutes end as measured_minutes,
        case when findings.is_rejected then reads.interval_minutes else reads.suspect_minutes end as suspect_minutes,
        case
            when reads.quality_code <> 'edited' and reads.received_at_utc >= first_edits.received_at_utc
                then first_edits.received_at_utc - interval '1 microsecond'
            else reads.received_at_utc
        end as received_at_utc,
        case
            when reads.quality_code <> 'edited' and reads.received_at_utc >= first_edits.received_at_utc
                then first_edits.known_on
            else reads.known_on
        end as known_on,
        reads.load_id,
        reads.version_no,
        findings.broken_rules,
        coalesce(findings.is_rejected, false) as is_rejected
    from {{ ref('stg_meter_reads') }} as reads
    left join findings
        on reads.load_id = findings.load_id
        and reads.meter_id = findings.meter_id
        and reads.channel = findings.channel
        and reads.interval_start_utc = findings.interval_start_utc
        and reads.version_no = findings.version_no
    left join first_edits
        on reads.meter_id = first_edits.meter_id
        and reads.channel = first_edits.channel
        and reads.interval_start_utc = first_edits.interval_start_utc
)

select * from checked

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=indexed_by([['load_id'], ['meter_id', 'local_date']])
) }}

-- The one pass over all reads; every rule starts from its rows. An edit is not judged.
with reads as not materialized (
    select * from {{ ref('stg_meter_reads') }}
    {% if is_incremental() -%}
        where {{ load_is_new(ref('stg_meter_reads')) }}
    {%- endif %}
),

starts as (
    select
        interval_start_utc,
        {{ to_local('interval_start_utc') }} as local_start
    from (select distinct interval_start_utc from reads) as distinct_starts
),

hours as (
    select
        interval_start_utc,
        local_start::date as local_date,
        extract(hour from local_start) < 12 as is_morning,
        extract(hour from local_start) between 6 and 17 as is_day
    from starts
),

-- Every load leaves rows here, also one of deletions alone: by their ids the next build knows which loads it has.
days as (
    select
        reads.meter_id,
        reads.channel,
        hours.local_date,
        reads.load_id,
        max(reads.received_at_utc) as received_at_utc,
        sum(case when reads.measured_minutes > 0 then 1 else 0 end)::integer as reads,
        sum(reads.measured_minutes)::integer as measured_minutes,
        sum(reads.consumption_kwh)::decimal(18, 6) as kwh,
        min(reads.consumption_kwh)::decimal(18, 6) as min_kwh,
        max(reads.consumption_kwh)::decimal(18, 6) as max_kwh,
        sum(case when reads.consumption_kwh = 0 then 1 else 0 end)::integer as zero_reads,
        sum(case when reads.consumption_kwh < 0 then 1 else 0 end)::integer as negative_reads,
        sum(case when hours.is_morning then reads.consumption_kwh else 0 end)::decimal(18, 6) as morning_kwh,
        sum(case when hours.is_day then reads.consumption_kwh else 0 end)::decimal(18, 6) as day_kwh,
        min(reads.interval_minutes) as shortest_minutes,
        max(reads.interval_minutes) as longest_minutes,
        min(reads.interval_start_utc) as first_start_utc,
        max(reads.interval_start_utc) as last_start_utc,
        max(reads.version_no) as latest_version_no,
        count(reads.quality_reason)::integer as reasons,
        sum(case when reads.quality_code = 'edited' then 1 else 0 end)::integer as edits
    from reads
    inner join hours on reads.interval_start_utc = hours.interval_start_utc
    group by reads.meter_id, reads.channel, hours.local_date, reads.load_id
),

meter_days as (
    select
        *,
        {{ to_local('received_at_utc') }}::date as known_on
    from days
)

select * from meter_days

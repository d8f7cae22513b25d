{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=indexed_by([['load_id'], ['meter_id', 'interval_start_utc']])
) }}
{%- set is_new = load_is_new(ref('int_meter_days')) if is_incremental() else 'true' %}

with new_days as (
    select * from {{ ref('int_meter_days') }}
    where {{ is_new }}
),

new_reads as not materialized (
    select * from {{ ref('stg_meter_reads') }}
    where {{ is_new }}
),

limits as (
    {{ class_limits() }}
),

classes as (
    {{ meter_classes() }}
),

-- Days on which some rule may be broken; the reads of all others are not looked at again.
noticed_days as (
    select
        new_days.meter_id,
        new_days.channel,
        new_days.load_id,
        new_days.local_date,
        new_days.first_start_utc,
        new_days.last_start_utc,
        new_days.reads as reads_of_day,
        new_days.negative_reads,
        limits.*
    from new_days
    left join classes
        on new_days.meter_id = classes.meter_id
        and new_days.local_date between classes.first_date and classes.last_date
    left join limits as own on classes.customer_class = own.customer_class
    inner join limits on coalesce(own.customer_class, '*') = limits.customer_class
    where new_days.reasons > 0
        or new_days.edits > 0
        or new_days.negative_reads > 0
        or new_days.latest_version_no > 1
        or new_days.shortest_minutes <> new_days.longest_minutes
),

installations as (
    select
        meter_id,
        min(installed_on) as installed_on
    from {{ ref('stg_meters') }}
    where replaced_on is null and not is_deleted
    group by meter_id
),

noticed_reads as (
    select
        noticed_days.*,
        reads.interval_start_utc,
        reads.interval_minutes,
        reads.version_no,
        reads.received_at_utc,
        reads.known_on,
        reads.consumption_kwh,
        reads.measured_minutes,
        reads.quality_code as landed_code,
        coalesce(reads.quality_reason, '') as reason,
        reads.consumption_kwh * 60 / reads.interval_minutes as power_kw,
        installations.installed_on,
        count(*) over (
            partition by reads.load_id, reads.meter_id, reads.channel, reads.interval_start_utc
        ) as deliveries,
        count(*) over (
            partition by reads.load_id, reads.meter_id, reads.channel, noticed_days.local_date, reads.interval_minutes
        ) as alike
    from new_reads as reads
    inner join noticed_days
        on reads.load_id = noticed_days.load_id
        and reads.meter_id = noticed_days.meter_id
        and reads.channel = noticed_days.channel
        and reads.interval_start_utc between noticed_days.first_start_utc and noticed_days.last_start_utc
    left join installations on reads.meter_id = installations.meter_id
),

-- What the landing saw, with the whole file and the meter's capacity at hand, is taken over in the field's words.
judged as (
    select
        *,
        reason = 'wrong interval' or alike * 2 < reads_of_day as interval_size,
        deliveries > 1 as duplicate,
        reason = 'spike' and (customer_class = '*' or power_kw > spike_power_kw) as spike,
        consumption_kwh < 0 as negative,
        channel = 'import' and consumption_kwh < 0
        and negative_reads * interval_minutes >= export_on_import_duration_minutes as export_on_import,
        reason = 'outside installation' and local_date < installed_on as before_installation,
        reason = 'outside installation' and local_date >= installed_on as after_removal,
        reason = 'unknown meter' as unknown_meter
    from noticed_reads
    where landed_code <> 'edited' and measured_minutes > 0
),

named as (
    select
        *,
        {{ broken_rules() }} as broken_rules,
        {{ is_rejected() }} as is_rejected
    from judged
),

checks as (
    select
        meter_id,
        channel,
        interval_start_utc,
        interval_minutes,
        load_id,
        version_no,
        known_on,
        received_at_utc,
        local_date,
        consumption_kwh,
        broken_rules,
        is_rejected,
        'suspect' as quality_code
    from named
    where broken_rules <> ''
    union all
    select
        meter_id,
        channel,
        interval_start_utc,
        interval_minutes,
        load_id,
        version_no,
        known_on,
        received_at_utc,
        local_date,
        consumption_kwh,
        null as broken_rules,
        false as is_rejected,
        'edited' as quality_code
    from noticed_reads
    where landed_code = 'edited'
    -- A row for each load that was looked at, since most find nothing: by these the next build knows them.
    union all
    select distinct
        null as meter_id,
        null as channel,
        null::timestamp as interval_start_utc,
        null::integer as interval_minutes,
        load_id,
        null::integer as version_no,
        null::date as known_on,
        null::timestamp as received_at_utc,
        null::date as local_date,
        null::decimal(18, 6) as consumption_kwh,
        null as broken_rules,
        false as is_rejected,
        null as quality_code
    from new_days
)

select * from checks

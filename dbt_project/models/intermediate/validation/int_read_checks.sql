{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ join_by_hash() }}',
    indexes=indexed_by([['load_id'], ['meter_id', 'interval_start_utc']])
) }}
{%- set enough_days = 7 %}
{%- set whole_minutes = 21 * 60 %}
{%- set is_new = load_is_new(ref('int_meter_days')) if is_incremental() else 'true' %}

with new_days as (
    select * from {{ ref('int_meter_days') }}
    where {{ is_new }}
),

new_reads as not materialized (
    select * from {{ ref('stg_meter_reads') }}
    where {{ is_new }}
),

levels as (
    {{ meter_levels(91) }}
),

limits as (
    {{ class_limits(read_rules()) }}
),

classes as (
    {{ meter_classes() }}
),

-- A day that is known nearly whole is compared with the days before it, if those are enough to tell.
compared_days as (
    select
        new_days.load_id,
        new_days.reads as reads_of_day,
        new_days.negative_reads,
        new_days.first_start_utc,
        new_days.last_start_utc,
        new_days.reasons + new_days.edits + new_days.negative_reads > 0
        or new_days.latest_version_no > 1
        or new_days.shortest_minutes <> new_days.longest_minutes as tells_itself,
        levels.*,
        limits.*,
        levels.days_before >= {{ enough_days }} as has_history,
        levels.minutes >= {{ whole_minutes }} and levels.days_before >= {{ enough_days }} as is_comparable,
        classes.meter_id is not null or (select count(any_class.meter_id) from classes as any_class) = 0 as is_supplied
    from new_days
    inner join levels
        on new_days.meter_id = levels.meter_id
        and new_days.channel = levels.channel
        and new_days.local_date = levels.local_date
    {{ join_limits('new_days') }}
),

flagged_days as (
    select
        *,
        has_history
        and peak_kw > spike_power_kw
        and peak_kw > spike_times_usual * usual_peak_kw as has_spike,
        is_comparable and like_days_before >= 3
        and mean_kw > high_times_usual * usual_kw
        and mean_kw > highest_kw
        and (mean_kw - usual_kw) * 24 > high_energy_kwh as is_high,
        is_comparable and like_days_before >= 3 and is_live
        and mean_kw < low_share * usual_kw
        and mean_kw < lowest_kw
        and usual_kw * 24 > low_energy_kwh as is_low,
        is_comparable and is_live and {{ slipped('mean_kw', 'usual_kw') }}
        and {{ slipped('peak_kw', 'usual_peak_kw') }}
        and (low_kw > 2 * usual_low_kw or usual_low_kw = 0 or mean_kw < usual_kw)
        -- A home that comes back from holidays uses ten times as much as in the weeks before, but no more than ever.
        and (mean_kw < usual_kw or mean_kw > 3 * weeks_kw) as is_slipped,
        minutes >= {{ whole_minutes }} and not is_live
        and live_days > 0 and live_days_before >= {{ enough_days }}
        and local_date - live_on >= zero_run_run_days
        and live_usual_kw * 24 > zero_run_energy_kwh as is_zero,
        mean_kw > 100 * usual_kw or 100 * mean_kw < usual_kw as is_beyond_a_home,
        live_peak_kw >= zero_run_share * live_usual_peak_kw and is_supplied as fell_at_once,
        minutes >= {{ whole_minutes }} and is_same and is_live
        and local_date - changed_on + 1 >= stuck_run_days
        and changed_varied_days >= {{ enough_days }}
        and abs(low_kw) > stuck_times_usual * abs(changed_usual_low_kw) as is_stuck,
        -- A clock turns the shape of the day and leaves the energy, and how pronounced the shape is, as they were.
        month_days >= 28
        and 10 * week_shape_kwh > week_kwh
        and 10 * month_shape_kwh > month_kwh
        and 4 * week_kwh between month_kwh / 1.5 and month_kwh * 1.5
        and week_shape_kwh * month_kwh between month_shape_kwh * week_kwh / 1.25 and month_shape_kwh * week_kwh * 1.25
        and profile_match < cos(2 * pi() * clock_drift_shift_hours / 24) as is_shifted
    from compared_days
),

-- The reads of all other days are not looked at again.
noticed_days as materialized (
    select * from flagged_days
    where tells_itself or has_spike or is_high or is_low or is_slipped or is_zero or is_stuck or is_shifted
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
        reads.consumption_kwh::double precision * 60 / reads.interval_minutes as power_kw,
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
        reason = 'spike' and (customer_class = '*' or power_kw > spike_power_kw)
        or has_spike and power_kw > spike_power_kw and power_kw > spike_times_usual * usual_peak_kw as spike,
        is_high and not is_slipped and not has_spike as high,
        is_low and not is_slipped as low,
        is_zero as zero_run,
        is_stuck as stuck,
        is_slipped as unit_slip,
        is_shifted and not is_zero as clock_drift,
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
        {{ broken_rules(read_rules()) }} as broken_rules,
        {{ is_rejected(only_if={'zero_run': 'fell_at_once', 'unit_slip': 'is_beyond_a_home'}) }} as is_rejected
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

{{ config(indexes=indexed_by([['meter_id']])) }}

with limits as (
    {{ class_limits(register_rules()) }}
),

classes as (
    {{ meter_classes() }}
),

versions as (
    select
        *,
        {{ newest_first(['meter_id', 'channel', 'read_at_utc']) }} as age
    from {{ ref('stg_register_reads') }}
),

beside as (
    select
        meter_id,
        channel,
        read_at_utc,
        {{ to_local('read_at_utc') }}::date as local_date,
        register_kwh,
        lag(register_kwh) over by_time as before_kwh,
        lead(register_kwh) over by_time as after_kwh
    from versions
    where age = 1 and register_kwh is not null
    window by_time as (partition by meter_id, channel order by read_at_utc)
),

-- Where the readings on both sides agree with each other, the one between them that does not is wrong.
marked as (
    select
        *,
        coalesce(
            before_kwh <= after_kwh and (register_kwh < before_kwh or register_kwh > after_kwh), false
        ) as is_misread
    from beside
),

in_order as (
    select
        *,
        case when not is_misread then lag(read_at_utc) over by_time end as previous_read_at_utc,
        case when not is_misread then lag(register_kwh) over by_time end as previous_kwh
    from marked
    window by_time as (partition by meter_id, channel, is_misread order by read_at_utc)
),

limited as (
    select
        in_order.*,
        limits.register_rollover_share,
        limits.register_rollover_energy_kwh,
        limits.sum_check_share,
        limits.sum_check_energy_kwh,
        {{ register_range_kwh('in_order.previous_kwh') }} as range_kwh
    from in_order
    {{ join_limits('in_order') }}
),

stepped as (
    select
        *,
        register_kwh < previous_kwh as is_back,
        previous_kwh >= register_rollover_energy_kwh
        and previous_kwh >= register_rollover_share * range_kwh
        and register_kwh <= (1 - register_rollover_share) * range_kwh as is_at_the_end
    from limited
),

differences as (
    select
        meter_id,
        channel,
        read_at_utc,
        local_date,
        register_kwh::decimal(18, 6) as register_kwh,
        previous_read_at_utc,
        previous_kwh::decimal(18, 6) as previous_kwh,
        is_misread,
        is_misread or coalesce(is_back and not is_at_the_end and after_kwh is null, false) as negative,
        coalesce(is_back and is_at_the_end, false) as register_rollover,
        coalesce(is_back and not is_at_the_end and after_kwh is not null, false) as meter_change,
        (case
            when not is_back then register_kwh - previous_kwh
            when is_at_the_end then register_kwh + range_kwh - previous_kwh
        end)::decimal(18, 6) as counted_kwh,
        sum_check_share::decimal(18, 6) as sum_check_share,
        sum_check_energy_kwh::decimal(18, 6) as sum_check_energy_kwh
    from stepped
)

select * from differences

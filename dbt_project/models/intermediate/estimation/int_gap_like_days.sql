{{ config(pre_hook='{{ join_by_hash() }}', indexes=indexed_by([['meter_id']])) }}

with daily as (
    {{ days_as_known_now() }}
),

gaps as (
    select
        meter_id,
        {{ to_local('gap_start_utc') }}::date as first_date,
        {{ to_local("(gap_end_utc - interval '1 minute')") }}::date as last_date
    from {{ ref('int_read_gaps') }}
    where gap_minutes > {{ var('short_gap_minutes') }}
),

gap_days as (
    select distinct
        meter_id,
        first_date + {{ each_number('0', 'last_date - first_date') }} as local_date
    from gaps
),

sites as (
    select
        meter_id,
        {{ latest('region_code', 'first_date') }} as region_code
    from {{ ref('int_meter_sites') }}
    where known_to is null
    group by meter_id
),

own_holidays as (
    select
        region_code,
        holiday_on
    from {{ ref('stg_holidays') }}
    where replaced_on is null and not is_deleted
),

holidays as (
    select * from own_holidays
    union
    select
        region_code,
        holiday_on
    from {{ source('reference', 'public_holidays') }}
    where not exists (select 1 from own_holidays)
),

regions as (
    select distinct region_code from sites
),

dates as (
    select local_date from daily
    union
    select local_date from gap_days
),

calendar as (
    select
        regions.region_code,
        dates.local_date,
        {{ minutes_of_day('dates.local_date') }} as day_minutes,
        extract(isodow from dates.local_date) > 5 or count(holidays.holiday_on) > 0 as is_rest_day
    from dates
    cross join regions
    left join holidays
        on dates.local_date = holidays.holiday_on and holidays.region_code in ('*', regions.region_code)
    group by regions.region_code, dates.local_date
),

whole_days as (
    select
        daily.meter_id,
        sites.region_code,
        daily.local_date,
        calendar.is_rest_day,
        calendar.day_minutes,
        daily.consumption_kwh
    from daily
    inner join sites on daily.meter_id = sites.meter_id
    inner join calendar
        on sites.region_code = calendar.region_code
        and daily.local_date = calendar.local_date
        and daily.measured_minutes >= calendar.day_minutes
),

usual as (
    select
        meter_id,
        {{ mean('consumption_kwh') }} as usual_kwh
    from whole_days
    group by meter_id
    having sum(consumption_kwh) > 0
),

-- A day beside the meter's own mean day; every meter counts alike, and none more than four of them.
relative_days as (
    select
        whole_days.meter_id,
        whole_days.region_code,
        whole_days.local_date,
        {{ rounded_decimal(
            'greatest(0, least(4, whole_days.consumption_kwh::double precision / usual.usual_kwh'
            ~ ' * 1440 / whole_days.day_minutes))'
        ) }} as relative_use
    from whole_days
    inner join usual on whole_days.meter_id = usual.meter_id
),

neighbours as (
    select
        region_code,
        local_date,
        sum(relative_use) as relative_use,
        count(*) as meters
    from relative_days
    group by region_code, local_date
),

marked as (
    select
        whole_days.meter_id,
        whole_days.local_date,
        whole_days.is_rest_day,
        1 as is_like
    from whole_days
    where whole_days.meter_id in (select gap_days.meter_id from gap_days)
    union all
    select
        gap_days.meter_id,
        gap_days.local_date,
        calendar.is_rest_day,
        0 as is_like
    from gap_days
    inner join sites on gap_days.meter_id = sites.meter_id
    inner join calendar on sites.region_code = calendar.region_code and gap_days.local_date = calendar.local_date
),

-- Whole days of one kind are numbered, so that those next to a gap are found by their numbers, however long it is.
numbered as (
    select
        *,
        sum(is_like) over (
            partition by meter_id, is_rest_day order by local_date, is_like rows unbounded preceding
        ) as like_no
    from marked
),

steps as (
    select {{ each_number('1 - ' ~ var('like_days_each_side'), var('like_days_each_side')) }} as step
),

pairs as (
    select
        numbered.meter_id,
        numbered.local_date,
        like_days.local_date as like_date
    from numbered
    cross join steps
    inner join numbered as like_days
        on numbered.meter_id = like_days.meter_id
        and numbered.is_rest_day = like_days.is_rest_day
        and numbered.like_no + steps.step = like_days.like_no
        and like_days.is_like = 1
    where numbered.is_like = 0
),

-- What the neighbours used on the day beside what they used on the like day, without the meter itself.
compared as (
    select
        pairs.*,
        on_day.meters as neighbours,
        on_day.relative_use::double precision / on_day.meters as day_use,
        (on_like.relative_use - own.relative_use)::double precision / nullif(on_like.meters - 1, 0) as like_use
    from pairs
    inner join sites on pairs.meter_id = sites.meter_id
    left join neighbours as on_day
        on sites.region_code = on_day.region_code and pairs.local_date = on_day.local_date
    left join neighbours as on_like
        on sites.region_code = on_like.region_code and pairs.like_date = on_like.local_date
    left join relative_days as own on pairs.meter_id = own.meter_id and pairs.like_date = own.local_date
),

-- The fewer the neighbours, the less their day says about the meter's.
scaled as (
    select
        meter_id,
        local_date,
        like_date,
        (case
            when day_use > 0 and like_use > 0
                then {{ rounded_decimal(
                    '1 + (least(3, greatest(0.333, day_use / like_use)) - 1) * neighbours / (neighbours + '
                    ~ var('neighbours_for_half') ~ ')'
                ) }}
            else 1
        end)::decimal(18, 6) as scale
    from compared
)

select * from scaled

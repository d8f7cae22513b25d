{{ config(pre_hook=['{{ delete_days() }}', '{{ delete_days_before(7) }}']) }}

with as_of_days as (
    {{ as_of_days('demand_days') }}
),

calendar as (
    select * from {{ ref('int_calendar_days') }}
),

region_knowledge as (
    select distinct
        region_code,
        known_from,
        known_to
    from {{ ref('int_meter_sites') }}
),

days as (
    select distinct
        as_of_days.as_of_date,
        calendar.region_code,
        calendar.local_date,
        calendar.is_holiday,
        calendar.is_school_holiday
    from as_of_days
    inner join calendar
        on calendar.local_date > as_of_days.as_of_date - 400
        and calendar.local_date <= as_of_days.as_of_date + 400
    inner join region_knowledge
        on calendar.region_code = region_knowledge.region_code
        and region_knowledge.known_from <= as_of_days.as_of_date
        and (region_knowledge.known_to is null or region_knowledge.known_to > as_of_days.as_of_date)
)

select * from days
order by as_of_date, region_code, local_date

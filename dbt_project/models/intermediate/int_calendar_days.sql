with own_holidays as (
    select distinct
        stg_holidays.region_code,
        stg_holidays.holiday_on
    from {{ ref('stg_holidays') }} as stg_holidays
    where {{ in_force('stg_holidays', "date '" ~ last_as_of_date() ~ "'") }}
),

public_holidays as (
    select
        region_code,
        holiday_on
    from {{ source('reference', 'public_holidays') }}
    where not exists (select 1 from own_holidays)
),

holidays as (
    select * from own_holidays
    union all
    select * from public_holidays
),

school_holidays as (
    select
        stg_school_holidays.region_code,
        stg_school_holidays.first_on,
        stg_school_holidays.last_on
    from {{ ref('stg_school_holidays') }} as stg_school_holidays
    where {{ in_force('stg_school_holidays', "date '" ~ last_as_of_date() ~ "'") }}
),

regions as (
    select distinct region_code from {{ ref('int_meter_sites') }}
),

days as (
    select listed.listed_at::date as local_date
    from {{ day_series("date '" ~ (var('as_of_dates') | min) ~ "' - 400", "date '" ~ last_as_of_date() ~ "' + 400") }}
            as listed (listed_at)
),

flagged as (
    select
        regions.region_code,
        days.local_date,
        extract(isodow from days.local_date)::integer as day_of_week,
        coalesce(count(holidays.holiday_on) > 0, false) as is_holiday,
        count(school_holidays.first_on) > 0 as is_school_holiday
    from days
    cross join regions
    left join holidays
        on days.local_date = holidays.holiday_on and holidays.region_code in ('*', regions.region_code)
    left join school_holidays
        on days.local_date between school_holidays.first_on and school_holidays.last_on
        and school_holidays.region_code in ('*', regions.region_code)
    group by regions.region_code, days.local_date
),

calendar as (
    select
        region_code,
        local_date,
        day_of_week,
        is_holiday,
        is_school_holiday,
        coalesce(lead(is_holiday) over (partition by region_code order by local_date), false) as is_holiday_eve,
        day_of_week <= 5 and not is_holiday as is_working_day
    from flagged
)

select * from calendar

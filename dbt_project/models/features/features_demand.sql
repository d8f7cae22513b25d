with as_of_days as (
    {{ as_of_days('demand') }}
),

loads as (
    select * from {{ ref('int_region_load_as_of') }}
),

weather as (
    select * from {{ ref('int_weather_as_of') }}
),

calendar as (
    select * from {{ ref('int_calendar_days') }}
),

-- A day can be forecast once four weeks before it are known.
region_levels as (
    select
        as_of_date,
        region_code,
        max(local_date) as last_known_on,
        count(distinct local_date) as known_days,
        {{ mean('case when local_date > as_of_date - 8 then load_kwh end') }} as load_mean_7d_kwh
    from loads
    group by as_of_date, region_code
),

last_days as (
    select
        loads.as_of_date,
        loads.region_code,
        {{ mean('loads.load_kwh') }} as load_last_known_day_mean_kwh,
        max(loads.expected_meters)::integer as active_meters
    from loads
    inner join region_levels
        on loads.as_of_date = region_levels.as_of_date
        and loads.region_code = region_levels.region_code
        and loads.local_date = region_levels.last_known_on
    group by loads.as_of_date, loads.region_code
),

-- How hot or cold the week behind load_mean_7d_kwh was: the same hours of the same days.
week_weather as (
    select
        loads.as_of_date,
        loads.region_code,
        {{ mean('case when weather.temperature_c is not null then greatest(weather.temperature_c - 20, 0) end') }}
            as cooling_degrees_mean_7d,
        {{ mean('case when weather.temperature_c is not null then greatest(15 - weather.temperature_c, 0) end') }}
            as heating_degrees_mean_7d
    from loads
    inner join weather
        on loads.as_of_date = weather.as_of_date
        and loads.region_code = weather.region_code
        and date_trunc('hour', loads.hour_start_utc) = weather.valid_at_utc
    where loads.local_date > loads.as_of_date - 8
    group by loads.as_of_date, loads.region_code
),

hours as (
    select
        region_levels.as_of_date,
        region_levels.region_code,
        region_levels.load_mean_7d_kwh,
        {{ to_utc('region_levels.as_of_date + 1') }} as cut_utc,
        {{ each_hour(
            to_utc('region_levels.as_of_date + 1'), to_utc('region_levels.as_of_date + 8') ~ " - interval '1 hour'"
        ) }} as valid_at_utc
    from region_levels
    inner join as_of_days on region_levels.as_of_date = as_of_days.as_of_date
    where region_levels.known_days >= 28
),

local_hours as (
    select
        *,
        {{ to_local('valid_at_utc') }}::date as local_date,
        extract(hour from {{ to_local('valid_at_utc') }})::integer as hour_of_day
    from hours
),

-- By the local clock, so that the hour of a week ago is the same hour also across a clock change.
clock_loads as (
    select
        as_of_date,
        region_code,
        local_date,
        hour_of_day,
        {{ rounded_decimal(mean('load_kwh')) }} as load_kwh,
        min(hour_start_utc) as hour_start_utc
    from loads
    group by as_of_date, region_code, local_date, hour_of_day
),

lagged as (
    select
        local_hours.as_of_date,
        local_hours.region_code,
        local_hours.valid_at_utc,
        max(case when weeks.weeks_ago = 1 then clock_loads.load_kwh end) as load_same_hour_1w_kwh,
        max(case when weeks.weeks_ago = 2 then clock_loads.load_kwh end) as load_same_hour_2w_kwh,
        {{ mean('case when weeks.weeks_ago <= 4 then clock_loads.load_kwh end') }} as load_same_hour_mean_4w_kwh,
        min(case when clock_loads.load_kwh is not null then weeks.weeks_ago end) as naive_weeks_ago
    from local_hours
    cross join (values (1), (2), (3), (4), (5)) as weeks (weeks_ago)
    left join clock_loads
        on local_hours.as_of_date = clock_loads.as_of_date
        and local_hours.region_code = clock_loads.region_code
        and local_hours.hour_of_day = clock_loads.hour_of_day
        and local_hours.local_date - 7 * weeks.weeks_ago = clock_loads.local_date
    group by local_hours.as_of_date, local_hours.region_code, local_hours.valid_at_utc
),

joined as (
    select
        local_hours.as_of_date,
        local_hours.region_code,
        local_hours.valid_at_utc,
        {{ hours_between('local_hours.cut_utc', 'local_hours.valid_at_utc') }} + 1 as horizon_hours,
        local_hours.local_date,
        local_hours.hour_of_day,
        calendar.day_of_week,
        extract(doy from local_hours.local_date)::integer as day_of_year,
        calendar.is_holiday,
        calendar.is_holiday_eve,
        calendar.is_working_day,
        weather.temperature_c::double precision as temperature_c,
        weather.temperature_mean_24h_c::double precision as temperature_mean_24h_c,
        weather.temperature_mean_72h_c::double precision as temperature_mean_72h_c,
        weather.humidity_pct::double precision as humidity_pct,
        weather.wind_speed_m_s::double precision as wind_speed_m_s,
        weather.cloud_cover_pct::double precision as cloud_cover_pct,
        case
            when weather.temperature_c is not null then greatest(weather.temperature_c - 20, 0)::double precision
        end as cooling_degrees,
        case
            when weather.temperature_c is not null then greatest(15 - weather.temperature_c, 0)::double precision
        end as heating_degrees,
        naive_loads.load_kwh::double precision as naive_kwh,
        lagged.load_same_hour_1w_kwh::double precision as load_same_hour_1w_kwh,
        lagged.load_same_hour_2w_kwh::double precision as load_same_hour_2w_kwh,
        {{ rounded('lagged.load_same_hour_mean_4w_kwh') }} as load_same_hour_mean_4w_kwh,
        {{ rounded('local_hours.load_mean_7d_kwh') }} as load_mean_7d_kwh,
        {{ rounded('last_days.load_last_known_day_mean_kwh') }} as load_last_known_day_mean_kwh,
        naive_weather.temperature_c::double precision as temperature_same_hour_1w_c,
        {{ rounded('week_weather.cooling_degrees_mean_7d') }} as cooling_degrees_mean_7d,
        {{ rounded('week_weather.heating_degrees_mean_7d') }} as heating_degrees_mean_7d,
        last_days.active_meters
    from local_hours
    inner join lagged
        on local_hours.as_of_date = lagged.as_of_date
        and local_hours.region_code = lagged.region_code
        and local_hours.valid_at_utc = lagged.valid_at_utc
    inner join last_days
        on local_hours.as_of_date = last_days.as_of_date and local_hours.region_code = last_days.region_code
    inner join calendar
        on local_hours.region_code = calendar.region_code and local_hours.local_date = calendar.local_date
    left join week_weather
        on local_hours.as_of_date = week_weather.as_of_date and local_hours.region_code = week_weather.region_code
    left join clock_loads as naive_loads
        on local_hours.as_of_date = naive_loads.as_of_date
        and local_hours.region_code = naive_loads.region_code
        and local_hours.hour_of_day = naive_loads.hour_of_day
        and local_hours.local_date - 7 * lagged.naive_weeks_ago = naive_loads.local_date
    left join weather
        on local_hours.as_of_date = weather.as_of_date
        and local_hours.region_code = weather.region_code
        and date_trunc('hour', local_hours.valid_at_utc) = weather.valid_at_utc
    left join weather as naive_weather
        on naive_loads.as_of_date = naive_weather.as_of_date
        and naive_loads.region_code = naive_weather.region_code
        and date_trunc('hour', naive_loads.hour_start_utc) = naive_weather.valid_at_utc
)

select * from joined
order by as_of_date, region_code, valid_at_utc

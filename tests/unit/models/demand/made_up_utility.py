"""A made-up utility of two regions whose load follows calendar and temperature, with features as dbt shapes them."""

import numpy as np
import pandas as pd

AS_OF_DATE = "2026-07-15"
FIRST_DATE = "2025-08-01"

LOADS = """
    create or replace table marts.region_load_hourly as
    with hours as (
        select
            region_code, size, valid_at_utc, temperature_c, noise,
            valid_at_utc::date as local_date, extract(hour from valid_at_utc) as hour, isodow(valid_at_utc) as weekday
        from weather, (values ('north', 900.0), ('south', 300.0)) as regions (region_code, size)
    )

    select
        region_code, valid_at_utc, local_date, true as is_complete,
        round(
            size * (1 + 0.3 * sin((hour - 9) / 24 * 6.2832) - if(weekday >= 6, 0.15, 0))
            * (1 + 0.05 * greatest(0, temperature_c - 20) + 0.015 * greatest(0, 15 - temperature_c))
            * (1 + 0.03 * noise), 6
        ) as load_kwh
    from hours
"""

FEATURES = """
    create or replace table features.features_demand as
    with grid as (
        select
            region_code, valid_at_utc, loads.local_date, issued.as_of_date,
            date_diff('hour', issued.as_of_date + interval 1 day, valid_at_utc) + 1 as horizon_hours,
            -- same hour of the latest week whose reads have arrived; the day of issue itself has not
            valid_at_utc - interval 1 week * if(loads.local_date - issued.as_of_date = 7, 2, 1) as naive_at_utc
        from marts.region_load_hourly as loads
        inner join issued on loads.local_date between issued.as_of_date + 1 and issued.as_of_date + 7
    ),

    recent as (
        select issued.as_of_date, region_code,
            avg(load_kwh) as load_mean_7d_kwh,
            avg(load_kwh) filter (where local_date = issued.as_of_date - 1) as load_last_known_day_mean_kwh
        from marts.region_load_hourly as loads
        inner join issued on loads.local_date between issued.as_of_date - 7 and issued.as_of_date - 1
        group by issued.as_of_date, region_code
    ),

    recent_weather as (
        select issued.as_of_date,
            avg(greatest(0, temperature_c - 20)) as cooling_degrees_mean_7d,
            avg(greatest(0, 15 - temperature_c)) as heating_degrees_mean_7d
        from weather
        inner join issued on valid_at_utc::date between issued.as_of_date - 7 and issued.as_of_date - 1
        group by issued.as_of_date
    )

    select
        grid.as_of_date, grid.region_code, grid.valid_at_utc, grid.horizon_hours::integer as horizon_hours,
        grid.local_date,
        extract(hour from grid.valid_at_utc) as hour_of_day, isodow(grid.valid_at_utc) as day_of_week,
        dayofyear(grid.valid_at_utc) as day_of_year, false as is_holiday, false as is_holiday_eve,
        isodow(grid.valid_at_utc) < 6 as is_working_day,
        ahead.temperature_c + ahead.forecast_error * sqrt(grid.horizon_hours / 168) as forecast_c,
        round(forecast_c, 6) as temperature_c,
        ahead.temperature_mean_24h_c, ahead.temperature_mean_72h_c,
        60.0 as humidity_pct, 3.0 as wind_speed_m_s, 50.0 as cloud_cover_pct,
        greatest(0, forecast_c - 20) as cooling_degrees,
        greatest(0, 15 - forecast_c) as heating_degrees,
        naive.load_kwh as naive_kwh, naive.load_kwh as load_same_hour_1w_kwh, earlier.load_kwh as load_same_hour_2w_kwh,
        (naive.load_kwh + earlier.load_kwh) / 2 as load_same_hour_mean_4w_kwh,
        recent_weather.cooling_degrees_mean_7d, recent_weather.heating_degrees_mean_7d,
        recent.load_mean_7d_kwh, recent.load_last_known_day_mean_kwh,
        week_ago.temperature_c as temperature_same_hour_1w_c, 100 as active_meters
    from grid
    inner join weather as ahead on grid.valid_at_utc = ahead.valid_at_utc
    inner join weather as week_ago on grid.naive_at_utc = week_ago.valid_at_utc
    inner join recent on grid.as_of_date = recent.as_of_date and grid.region_code = recent.region_code
    inner join recent_weather on grid.as_of_date = recent_weather.as_of_date
    inner join marts.region_load_hourly as naive
        on grid.region_code = naive.region_code and grid.naive_at_utc = naive.valid_at_utc
    inner join marts.region_load_hourly as earlier
        on grid.region_code = earlier.region_code and grid.naive_at_utc - interval 1 week = earlier.valid_at_utc
"""


def weather() -> pd.DataFrame:
    """Hours with seasons, days and spells of warm and cold weather that last a few days."""
    random = np.random.default_rng(5)
    hours = pd.date_range(FIRST_DATE, "2026-07-23", freq="h", inclusive="left", unit="us")
    spell = pd.Series(random.normal(size=len(hours))).ewm(halflife=48).mean().to_numpy() * 40
    season = 12 - 11 * np.cos(2 * np.pi * (hours.dayofyear.to_numpy() - 20) / 365)
    temperature = pd.Series(season + spell + 5 * np.sin(2 * np.pi * (hours.hour.to_numpy() - 9) / 24))
    return pd.DataFrame(
        {
            "valid_at_utc": hours,
            "temperature_c": temperature.round(6),
            "temperature_mean_24h_c": temperature.rolling(24, min_periods=1).mean().round(6),
            "temperature_mean_72h_c": temperature.rolling(72, min_periods=1).mean().round(6),
            "forecast_error": pd.Series(random.normal(size=len(hours))).ewm(halflife=12).mean().to_numpy() * 6,
            "noise": random.normal(size=len(hours)),
        }
    )

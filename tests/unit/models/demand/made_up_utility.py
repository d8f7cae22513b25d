"""A made-up utility of two regions and three feeders whose load follows calendar and temperature, as dbt shapes it."""

import numpy as np
import pandas as pd

AS_OF_DATE = "2026-07-15"
FIRST_DATE = "2025-08-01"
FEEDERS = {"north": ("N1", "N2"), "south": ("S1",)}
CLASSES = ("household", "shop")
SERIES = 1 + len(FEEDERS) + sum(len(feeders) for feeders in FEEDERS.values()) + len(CLASSES)


def loads(minutes: int = 60, timezone: str = "UTC") -> str:
    """Return the query that makes the loads of intervals of so many minutes, by the clock of a zone."""
    return f"""
    create or replace table features.features_demand_loads as
    with intervals as (
        select *, (valid_at_utc + to_minutes({minutes} * part)) as interval_start_utc
        from weather, range({60 // minutes}) as parts (part)
    ),

    clock as (
        select *, (interval_start_utc at time zone 'UTC') at time zone '{timezone}' as local_start from intervals
    ),

    hours as (
        select
            region_code, feeder_code, customer_class, size * {minutes} / 60 as size, interval_start_utc,
            temperature_c, noise, local_start::date as local_date, extract(hour from local_start) as whole_hour,
            whole_hour + extract(minute from local_start) / 60 as hour, isodow(local_start) as weekday
        from clock, (values
            ('north', 'N1', 'household', 500.0), ('north', 'N1', 'shop', 200.0), ('north', 'N2', 'household', 200.0),
            ('south', 'S1', 'household', 220.0), ('south', 'S1', 'shop', 80.0)
        ) as leaves (region_code, feeder_code, customer_class, size)
    )

    select
        region_code, feeder_code, customer_class, local_date, whole_hour::integer as hour_of_day,
        interval_start_utc, {minutes} as interval_minutes, local_date + 1 as known_on, null::date as replaced_on,
        (
            size * (1 + 0.3 * sin((hour - 9) / 24 * 6.2832) - if(weekday >= 6, 0.15, 0))
            * (1 + 0.05 * greatest(0, temperature_c - 20) + 0.015 * greatest(0, 15 - temperature_c))
            * (1 + 0.03 * noise)
        )::decimal(18, 6) as consumption_kwh,
        {10 * minutes} as measured_minutes, 0 as spread_minutes
    from hours
    """


METERS = """
    create or replace table features.features_demand_meters as
    select distinct region_code, feeder_code, customer_class, local_date, known_on,
        10 as delta_expected_meters, 10 as delta_reporting_meters
    from features.features_demand_loads
"""

CONDITIONS = """
    create or replace table features.features_demand as
    select
        issued.as_of_date, region_code, weather.valid_at_utc, weather.valid_at_utc::date as local_date,
        false as is_holiday, false as is_school_holiday,
        round(temperature_c + case
            when valid_at_utc < issued.as_of_date + interval 1 day then 0
            else forecast_error * sqrt(date_diff('hour', issued.as_of_date + interval 1 day, valid_at_utc) / 168)
        end, 6) as temperature_c,
        60.0 as humidity_pct, 3.0 as wind_speed_m_s, 50.0 as cloud_cover_pct
    from issued
    inner join weather
        on weather.valid_at_utc >= issued.as_of_date - interval 6 day
        and weather.valid_at_utc < issued.as_of_date + interval 8 day
    cross join (values ('north'), ('south')) as regions (region_code)
"""

DAYS = """
    create or replace table features.features_demand_days as
    select issued.as_of_date, region_code, local_date::date as local_date, false as is_holiday,
        false as is_school_holiday
    from issued, (values ('north'), ('south')) as regions (region_code),
        range(date '2025-08-01', date '2027-09-30', interval 1 day) as days (local_date)
    where local_date > issued.as_of_date - 400 and local_date <= issued.as_of_date + 400
"""

CUSTOMERS, NEW_CUSTOMER, UNKNOWN_CUSTOMER = 40, 39, 40
USAGE = f"""
    create or replace table features.features_customer_usage as
    with customers as (
        select
            number::integer as customer_no, printf('C%06d', number) as customer_id,
            if(number % 5 = 0, 'shop', 'household') as customer_class,
            if(number % 2 = 0, 'north', 'south') as region_code
        from range(1, {CUSTOMERS + 1}) as numbers (number)
    ),

    days as (
        select
            customer_no, valid_at_utc::date as local_date,
            (1 + customer_no % 7) * exp(0.4 * noise) * if(isodow(valid_at_utc) >= 6, 1.2, 1.0) as kwh
        from customers
        inner join weather on extract(hour from valid_at_utc) = customer_no % 24
    )

    select
        date '{AS_OF_DATE}' as as_of_date, customers.*, local_date, round(kwh, 6) as consumption_kwh,
        if(kwh is not null, 1440, null) as measured_minutes
    from customers
    left join days
        on customers.customer_no = days.customer_no and local_date < date '{AS_OF_DATE}'
        and customers.customer_no != {UNKNOWN_CUSTOMER}
        and (customers.customer_no != {NEW_CUSTOMER} or local_date >= date '{AS_OF_DATE}' - 3)
"""

LABELS = """
    create or replace table marts.load_intervals as
    with levels as (
        select
            case
                when grouping(feeder_code) = 0 then 'feeder'
                when grouping(region_code) = 0 then 'region'
                when grouping(customer_class) = 0 then 'customer_class'
                else 'total'
            end as level,
            coalesce(region_code, '*') as region_code, coalesce(feeder_code, '*') as feeder_code,
            coalesce(customer_class, '*') as customer_class, interval_start_utc as valid_at_utc, local_date,
            any_value(interval_minutes) as interval_minutes,
            sum(consumption_kwh)::double as load_kwh
        from features.features_demand_loads
        group by grouping sets (
            (interval_start_utc, local_date), (region_code, interval_start_utc, local_date),
            (region_code, feeder_code, interval_start_utc, local_date), (customer_class, interval_start_utc, local_date)
        )
    )

    select *, true as is_complete from levels
"""

LIMITS = """
    create or replace table marts.feeder_limits as
    select * from (values
        ('north', 'N1', date '2020-01-01', null::date, 1150.0::decimal(18, 6)),
        ('south', 'S1', date '2020-01-01', null::date, 100.0::decimal(18, 6))
    ) as limits (region_code, feeder_code, valid_from, valid_to, limit_kw)
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
            "forecast_error": pd.Series(random.normal(size=len(hours))).ewm(halflife=12).mean().to_numpy() * 6,
            "noise": random.normal(size=len(hours)),
        }
    )

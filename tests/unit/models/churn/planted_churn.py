"""A utility of one SQL statement: churn features on a grid of days, and departures that follow two of them."""

from dataclasses import dataclass
from datetime import date, timedelta

from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from meterwise.warehouse.duckdb import opened

LAST_DAY = date(2026, 7, 15)
GRID = [LAST_DAY - timedelta(days=90 + 28 * step) for step in range(32)]

FEATURES_SQL = """
create or replace table features.features_churn as
with days as (select unnest($days::date[]) as as_of_date),
customers as (
    select
        i,
        printf('C%05d', i) as customer_id,
        date '2021-01-01' + cast(hash(i, 1) % 900 as integer) as joined_on,
        (hash(i, 2) % 1000) / 1000.0 as dice_gap
    from range($customers) r(i)
),
base as (
    select
        c.*, d.as_of_date,
        round((hash(c.i, d.as_of_date, 3) % 1000) / 1000.0, 3) as dice_complaint,
        dense_rank() over (order by d.as_of_date) as step
    from customers c cross join days d
)
select
    b.as_of_date,
    b.customer_id,
    case when i % 10 < 8 then 'household' when i % 10 = 8 then 'shop' else 'factory' end as customer_class,
    'R' || (i % 3) as region_code,
    cast(null as varchar) as tariff_code,
    cast(null as varchar) as tariff_kind,
    cast(null as varchar) as personalisation,
    b.as_of_date - joined_on as tenure_days,
    (b.as_of_date - joined_on) % 365 as contract_age_days,
    365 - (b.as_of_date - joined_on) % 365 as days_to_term_end,
    cast(null as double) as contracted_kw,
    0 as late_payments_180d, 0 as late_payments_365d, 0.0 as mean_days_late_365d, 0 as failed_payments_365d,
    case when dice_complaint < 0.08 then 1 when dice_complaint < 0.10 then 2 else 0 end as complaints_90d,
    case when dice_complaint < 0.15 then 1 else 0 end as complaints_365d,
    0 as contacts_90d, 0 as campaign_contacts_365d, 0 as offers_accepted_365d,
    cast(null as integer) as days_since_last_contact,
    round(40 * dice_gap - 15 + (hash(i, b.as_of_date, 4) % 100) / 50.0, 2) as price_gap_pct,
    0.0 as price_change_180d_pct, cast(null as double) as price_change_ahead_pct,
    case when b.as_of_date > $last_day::date - 390 then 200 + 100 * (hash(i, 5) % 10) / 10.0 end as kwh_30d,
    cast(null as double) as kwh_90d, cast(null as double) as kwh_90d_year_ago, cast(null as double) as kwh_trend_ratio,
    cast(null as double) as mean_daily_kwh_365d, 0.25 as peak_share_90d, 0.2 as night_share_90d,
    0.3 as weekend_share_90d, 0.0 as suspect_share_90d, 90 as days_known_90d,
    cast(null as boolean) as consent_marketing, false as has_moved_in_180d,
    '{"owner''s flats": "2", "building": "' || case when i % 2 = 0 then 'flat' else 'house' end || '"}' as attributes
from base as b
order by b.as_of_date, b.customer_id
"""

# The hazard of each 28 days follows price gap and complaints; drawn once per customer and step.
DEPARTURES_SQL = """
create or replace table marts.customer_departures as
with risks as (
    select
        customer_id, as_of_date,
        1 / (1 + exp(-(-5.0 + 0.07 * price_gap_pct + 1.3 * complaints_90d))) as hazard,
        (hash(customer_id, as_of_date, 6) % 100000) / 100000.0 as dice,
        cast(hash(customer_id, as_of_date, 7) % 28 as integer) + 1 as days
    from features.features_churn
)
select customer_id, min(as_of_date + days) as left_on, 'switch' as end_reason
from risks where dice < hazard group by customer_id
"""


@dataclass(frozen=True)
class PlantedUtility:
    """Where the planted utility lies."""

    settings: Settings
    warehouse: Warehouse
    days: list[date]

    @property
    def last_day(self) -> str:
        return LAST_DAY.isoformat()


def plant(settings: Settings, customers: int, days: list[date]) -> PlantedUtility:
    """Fill the tables that the churn model reads; customers who left have no features any more."""
    warehouse = Warehouse(settings)
    with opened(settings) as connection:
        connection.execute("create schema if not exists features; create schema if not exists marts")
        values = {"days": [LAST_DAY, *days], "customers": customers, "last_day": LAST_DAY}
        connection.execute(FEATURES_SQL, values)
        connection.execute(DEPARTURES_SQL)
        connection.execute(
            "delete from features.features_churn as f using marts.customer_departures as d "
            "where d.customer_id = f.customer_id and d.left_on <= f.as_of_date"
        )
    return PlantedUtility(settings, warehouse, days)

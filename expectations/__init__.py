"""What data must look like at each hand-over. File name = table name. Checks inside the warehouse belong to dbt."""

from collections.abc import Sequence
from importlib import import_module

from meterwise.validation import HandOver, Verdict, validate

LANDED = {
    "crm": ("crm_customers", "crm_contracts"),
    "meter_reads": ("meter_reads",),
    "weather": ("weather",),
}
"""Raw tables that are checked after a domain has landed."""

PUBLISHED = ("customer_segments", "churn_scores", "demand_forecasts", "customer_usage_daily")
"""Tables of the publish layer that are checked before delivery."""


def hand_over(table_name: str) -> HandOver:
    """Return what the table must look like; the module of this folder is named after the table.

    Raises:
        ModuleNotFoundError: No file of this folder has the table's name.
    """
    found: HandOver = import_module(f"expectations.{table_name}").HAND_OVER
    return found


def check(table_name: str, as_of_date: str, load_ids: Sequence[str] = ()) -> Verdict:
    """Check one table of one day.

    Raises:
        DataQualityError: The hand-over is refused.
    """
    return validate(hand_over(table_name), as_of_date, load_ids)

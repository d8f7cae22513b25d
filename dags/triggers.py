"""What started a run: for which days, since when they are asked for, and how the days travel on with an asset.

Whether there is anything to do is decided in ``meterwise.planning``.
"""

from datetime import datetime
from typing import Any

from airflow.sdk import Asset, get_current_context

from meterwise.planning import days_asked_for


def days() -> list[str]:
    """Return the days this run is for: the parameter, those of the assets that triggered it, or its own day."""
    context = get_current_context()
    travelled = [day for event in _triggering_events() for day in event.extra.get("as_of_dates", [])]
    return days_asked_for(context["params"]["as_of_date"], travelled, context["dag_run"].run_after)


def asked_at() -> datetime | None:
    """Return when the newest of the events happened that started this run; None where no asset did."""
    return max((event.timestamp for event in _triggering_events()), default=None)


def _triggering_events() -> list[Any]:
    by_asset = get_current_context().get("triggering_asset_events", {})
    return [event for of_asset in by_asset.values() for event in of_asset]


def hand_on(asset: Asset, as_of_dates: list[str]) -> None:
    """Let the days travel with the event of an asset that the task makes."""
    get_current_context()["outlet_events"][asset].extra = {"as_of_dates": as_of_dates}


def is_scheduled() -> bool:
    """Tell whether the clock alone started this run: no person, no asset, no other DAG, no backfill."""
    return get_current_context()["dag_run"].run_type == "scheduled" and not _triggering_events()

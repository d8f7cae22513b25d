"""What started a run: for which days, since when they are asked for, how the days travel on, and what it starts.

Whether there is anything to do is decided in ``meterwise.planning``.
"""

import logging
from datetime import datetime
from importlib import import_module
from typing import Any

from airflow.sdk import Asset, get_current_context

from meterwise.planning import days_asked_for

log = logging.getLogger("meterwise")


def days() -> list[str]:
    """Return the days this run is for: the parameter, those of the assets that triggered it, or its own day."""
    return days_of(get_current_context())


def days_of(context: Any) -> list[str]:
    """Return the days that the run of a context is for."""
    travelled = [day for event in _events_of(context) for day in event.extra.get("as_of_dates", [])]
    return days_asked_for(context["params"]["as_of_date"], travelled, context["dag_run"].run_after)


def asked_at() -> datetime | None:
    """Return when the newest of the events happened that started this run.

    None where no asset did, and where the run is cleared or begins again: then somebody wants it done.
    """
    if get_current_context()["ti"].try_number > 1:
        return None
    return max((event.timestamp for event in _triggering_events()), default=None)


def _triggering_events() -> list[Any]:
    return _events_of(get_current_context())


def _events_of(context: Any) -> list[Any]:
    by_asset: dict[Any, Any] = context.get("triggering_asset_events", {})
    return [event for of_asset in by_asset.values() for event in of_asset]


def hand_on(asset: Asset, as_of_dates: list[str]) -> None:
    """Let the days travel with the event of an asset that the task makes."""
    get_current_context()["outlet_events"][asset].extra = {"as_of_dates": as_of_dates}


def train_or(go_on: str, model: str, as_of_date: str) -> list[str]:
    """Return the tasks that follow: ``train`` without a champion or with one that has become worse, else ``go_on``."""
    from meterwise import registry

    if import_module(f"models.{model}.dataset").skip_reason(as_of_date):
        return [go_on]  # which records the word
    if not registry.has_champion(model):
        return ["train"]
    dropped = import_module(f"models.{model}.evaluate").quality_dropped(as_of_date)
    if dropped:
        log.info("Training is started: %s", dropped)
    return ["train", go_on] if dropped else [go_on]


def is_last_try() -> bool:
    """Tell whether Airflow will not try this task again by itself."""
    task_instance = get_current_context()["ti"]
    return bool(task_instance.try_number > task_instance.max_tries)


def is_scheduled() -> bool:
    """Tell whether the clock alone started this run: no person, no asset, no other DAG, no backfill."""
    return get_current_context()["dag_run"].run_type == "scheduled" and not _triggering_events()

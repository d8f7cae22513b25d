"""Makes a version champion and remembers, in ``ops.promotions``, which one it was from when to when and why.

The alias ``champion`` in MLflow decides; whoever moves it there by hand is obeyed and written down.
"""

import logging
from typing import Literal

from meterwise import ops, registry
from meterwise.database import DatabaseNotConfiguredError
from meterwise.settings import Settings, get_settings

log = logging.getLogger(__name__)


def promote(model_name: str, version: str, as_of_date: str, reason: str, settings: Settings | None = None) -> None:
    """Make a version champion and write down since when and why. Doing it twice changes nothing."""
    settings = settings or get_settings()
    holder = registry.alias_holder(model_name, settings)
    if holder is None or holder.version != version:
        registry.move_alias(model_name, version, as_of_date, reason, settings)
    _write_down(model_name, as_of_date, settings)


def honour_manual_promotion(model_name: str, as_of_date: str, settings: Settings | None = None) -> bool:
    """Record an alias that someone moved in MLflow as a manual promotion; returns whether there was one.

    Called before every scoring, so that ``ops.promotions`` names the champion of each score.
    """
    return _write_down(model_name, as_of_date, settings or get_settings(), by_hand=True) == "manual"


def _write_down(model_name: str, as_of_date: str, settings: Settings, by_hand: bool = False) -> str | None:
    """Record who holds the alias, unless that is known; returns whose promotion was recorded."""
    holder = registry.alias_holder(model_name, settings)
    if holder is None:
        return None
    try:
        recorded = ops.current_promotion(model_name, settings=settings)
    except DatabaseNotConfiguredError as error:
        log.warning("Nothing remembers that version %s is champion of %s: %s", holder.version, model_name, error)
        return None
    if recorded and recorded.version == holder.version:
        return None
    # Our reason on a version, but no record at all: a promotion of ours was killed before it was written down.
    ours = holder.promoted_why if recorded is None or not by_hand else None
    kind: Literal["automatic", "manual"] = "automatic" if ours else "manual"
    reason = ours or "alias moved in MLflow"
    ops.record_promotion(model_name, holder.version, holder.run_id, as_of_date, reason, kind, settings=settings)
    return kind

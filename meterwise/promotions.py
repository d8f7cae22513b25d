"""Makes a version champion and remembers, in ``ops.promotions``, which one it was from when to when and why.

The alias ``champion`` in MLflow decides; whoever moves it there by hand is obeyed and written down.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from meterwise import ops, registry
from meterwise.database import DatabaseNotConfiguredError
from meterwise.settings import Settings, get_settings

log = logging.getLogger(__name__)


class IncomparableError(Exception):
    """The rows cannot tell which of two models is better; the text says what is missing."""


class NoRivalError(Exception):
    """The champion does another work than the challenger and cannot go on; the text says which."""


@dataclass(frozen=True)
class Comparison:
    """One figure of a challenger and of the champion on the same rows.

    Attributes:
        metric: Its name in MLflow; the champion's is logged beside the challenger's own as ``<metric>_champion``.
        words: Its name in a sentence.
        challenger: The figure of the new version.
        champion: The figure of the champion.
        noise: Standard error of their difference (``metrics.difference_noise``).
        less_is_better: Whether it is an error.
    """

    metric: str
    words: str
    challenger: float
    champion: float
    noise: float
    less_is_better: bool = False

    def judge(self, margin: float) -> tuple[bool, str]:
        """Say whether the challenger is better by more than its noise and a share of the champion's figure, and why."""
        gain = (self.challenger - self.champion) * (-1 if self.less_is_better else 1)
        needed = max(margin * abs(self.champion), self.noise)
        better = gain > needed
        return better, (
            f"{'better than the champion' if better else 'the champion stays'}: {self.words} {self.challenger:.4f} "
            f"against {self.champion:.4f} on the same window; needed is {needed:.4f} "
            f"{'less' if self.less_is_better else 'more'} (margin {margin:.1%}, noise {self.noise:.4f})"
        )

    def figures(self) -> dict[str, float]:
        """What the run of the challenger records."""
        return {f"{self.metric}_champion": self.champion, f"{self.metric}_noise": self.noise}


Compare = Callable[[registry.RegisteredModel, registry.RegisteredModel], Comparison]


def promote_if_better(
    model_name: str,
    run_id: str,
    as_of_date: str,
    first: Callable[[Mapping[str, float]], str],
    compare: Compare,
    settings: Settings | None = None,
) -> bool:
    """Make the run's version champion if it is better than the champion; say whether it is champion now.

    The verdict is written onto the run, also of a version that lost. Repeating it after a kill completes it.

    Args:
        model_name: The registered model.
        run_id: The run that trained the challenger.
        as_of_date: Local day of the promotion.
        first: Words for a version without a rival, from its metrics. It is promoted whatever they are: without it
            nothing could be published.
        compare: Judges challenger and champion on the same rows; may raise ``IncomparableError`` or ``NoRivalError``.
        settings: Defaults to those of the process.
    """
    settings = settings or get_settings()
    _, version = registry.version_of_run(run_id, settings)
    champion, unusable = _champion(model_name, settings)
    if champion is not None and champion.version == version:
        # Killed behind the alias before it was written down, or trained again on the very same data.
        log.info("%s version %s is champion already: %s", model_name, version, registry.run_url(run_id, settings))
        promote(model_name, version, as_of_date, "promoted before", settings)
        return True
    honour_manual_promotion(model_name, as_of_date, settings)
    challenger = registry.load_run(run_id, settings)
    better, reason, figures = True, "", dict[str, float]()
    try:
        if champion is not None:
            better, reason, figures = _judge(challenger, champion, compare, settings.promotion_margin)
    except NoRivalError as error:
        champion, unusable = None, str(error)
    if champion is None:
        reason = f"{unusable or 'first version'}; {first(challenger.metrics)}"
    registry.record_verdict(run_id, reason, figures, settings)
    log.info("%s version %s: %s; %s", model_name, version, reason, registry.run_url(run_id, settings))
    if better:
        promote(model_name, version, as_of_date, reason, settings)
    return better


def _champion(model_name: str, settings: Settings) -> tuple[registry.Champion | None, str]:
    """Return the champion, or why there is one that cannot be compared with."""
    try:
        return registry.require_champion(model_name, settings), ""
    except registry.NoChampionError:
        return None, ""
    except registry.UnusableModelError as error:
        return None, str(error)


def _judge(
    challenger: registry.RegisteredModel, champion: registry.Champion, compare: Compare, margin: float
) -> tuple[bool, str, dict[str, float]]:
    try:
        comparison = compare(challenger, champion)
    except IncomparableError as obstacle:
        return False, f"the champion stays: {obstacle}", {}
    return *comparison.judge(margin), comparison.figures()


def promote(model_name: str, version: str, as_of_date: str, reason: str, settings: Settings | None = None) -> None:
    """Make a version champion and write down since when and why. Doing it twice changes nothing."""
    settings = settings or get_settings()
    holder = registry.alias_holder(model_name, settings)
    if holder is None or holder.version != version:
        registry.move_alias(model_name, version, as_of_date, reason, settings)
    _write_down(model_name, as_of_date, settings)


def champion_to_score(model_name: str, as_of_date: str, settings: Settings | None = None) -> registry.Champion:
    """Load the champion for a scoring, honour a manual promotion first, and log the link to its run.

    Raises:
        NoChampionError: No version holds the alias.
    """
    honour_manual_promotion(model_name, as_of_date, settings)
    champion = registry.require_champion(model_name, settings)
    url = registry.run_url(champion.run_id, settings)
    log.info("Scores of %s are by version %s, trained by MLflow run: %s", as_of_date, champion.version, url)
    return champion


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
    # Our reason on a version that no record names: a promotion of ours was killed before it was written down. One that
    # was recorded before carries our reason too, but then it was a person who moved the alias back to it.
    is_back = by_hand and ops.was_promoted(model_name, holder.version, settings)
    ours = None if is_back else holder.promoted_why
    kind: Literal["automatic", "manual"] = "automatic" if ours else "manual"
    reason = ours or "alias moved in MLflow"
    ops.record_promotion(model_name, holder.version, holder.run_id, as_of_date, reason, kind, settings=settings)
    return kind

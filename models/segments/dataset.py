"""Which profiles of which days: shapes are learnt from earlier days than they are judged on.

A profile looks back over ``profile_days``, so days whose profiles share no read lie that far apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from meterwise.outcomes import NothingToDoError, RefusedError
from meterwise.registry import Champion
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from meterwise.watching.drift import DriftWindows
from models.segments.params import PROFILE, SegmentsParams
from models.segments.predictor import has_profile


class SegmentsSkippedError(NothingToDoError):
    """There are no profiles to learn from; the message says why, in words."""


@dataclass(frozen=True)
class Windows:
    """As_of_dates of training and of evaluation.

    Invariants:
        Profiles of ``train`` and ``evaluate`` share no read, unless the history is too short (``is_later`` false).
    """

    train: tuple[date, ...]
    evaluate: date
    is_later: bool


@dataclass(frozen=True)
class SegmentsDataset:
    """Customers with a profile, a row a customer and as_of_date, ordered by key."""

    windows: Windows
    train: pd.DataFrame
    evaluate: pd.DataFrame


def split_windows(available: Sequence[date], as_of_date: date, params: SegmentsParams) -> Windows | None:
    """Take the newest day for evaluation and earlier ones, at least a profile's length before it, for training."""
    days = sorted(day for day in set(available) if day <= as_of_date)
    if not days:
        return None
    last = days[-1]
    earlier = [day for day in days if day + timedelta(days=params.profile_days) <= last]
    kept: list[date] = []
    for day in reversed(earlier):
        if not kept or (kept[-1] - day).days >= params.step_days:
            kept.append(day)
    train = tuple(kept[: params.train_dates][::-1])
    return Windows(train or (last,), last, is_later=bool(train))


def training_set(as_of_date: date, params: SegmentsParams, settings: Settings | None = None) -> SegmentsDataset:
    """Return the customers with a profile in each window.

    Raises:
        SegmentsSkippedError: Nobody has one.
    """
    windows = split_windows(_days_with_profiles(params, settings), as_of_date, params)
    if windows is None:
        raise SegmentsSkippedError(_no_profile(as_of_date, params))
    train, evaluate = (_known(_rows(days, settings), params) for days in (windows.train, (windows.evaluate,)))
    return SegmentsDataset(windows, train, evaluate)


def scoring_set(as_of_date: date, settings: Settings | None = None) -> pd.DataFrame:
    """Return the profiles of all active customers of one day, ordered by customer; unknown ones included.

    Raises:
        RefusedError: The features of that day are not built.
    """
    frame = _rows((as_of_date,), settings)
    if frame.empty:
        raise RefusedError(
            f"features.features_segments has no customer for {as_of_date}. Build the warehouse for that day first "
            "(DAG build_warehouse with as_of_date, or `meterwise run`)."
        )
    return frame


def drift_windows(champion: Champion, as_of_date: str, settings: Settings | None = None) -> DriftWindows | None:
    """Return what to compare for drift: the profiles that shapes were learnt from, and the day's; None: no profile."""
    params, today = SegmentsParams(), date.fromisoformat(as_of_date)
    learnt = split_windows(_days_with_profiles(params, settings), date.fromisoformat(champion.as_of_date), params)
    if learnt is None:
        return None
    return DriftWindows(
        champion.model_name,
        champion.version,
        "features.features_segments",
        ("as_of_date", "customer_id"),
        reference=(learnt.train[0], learnt.train[-1]),
        current=(today, today),
        numeric=PROFILE,
    )


def skip_reason(as_of_date: str, settings: Settings | None = None) -> str | None:
    """Say in words why no load shape can be told by a day; None when at least one customer has a profile."""
    params, day = SegmentsParams(), date.fromisoformat(as_of_date)
    if split_windows(_days_with_profiles(params, settings), day, params) is None:
        return _no_profile(day, params)
    return None


def _no_profile(as_of_date: date, params: SegmentsParams) -> str:
    return (
        f"load shapes are skipped: by {as_of_date} no customer has {params.min_days_known} days of meter reads with a "
        "time of day (features.features_segments), so every shape is unknown. Interval reads make them known."
    )


def _known(frame: pd.DataFrame, params: SegmentsParams) -> pd.DataFrame:
    return frame.loc[has_profile(frame, params.min_days_known)].reset_index(drop=True)


def _days_with_profiles(params: SegmentsParams, settings: Settings | None) -> list[date]:
    days = Warehouse(settings).arrow(
        f"select distinct as_of_date from features.features_segments where days_known >= {params.min_days_known} "
        f"and {' + '.join(PROFILE)} > 0"
    )
    return list(days["as_of_date"].to_pylist())


def _rows(days: Sequence[date], settings: Settings | None) -> pd.DataFrame:
    chosen = ", ".join(f"date '{day}'" for day in days)
    query = (
        f"select as_of_date, customer_id, days_known, {', '.join(PROFILE)} from features.features_segments "
        f"where as_of_date in ({chosen})"
    )
    with Warehouse(settings).reading({"picked": query}) as connection:
        return connection.sql("from picked order by as_of_date, customer_id").df()

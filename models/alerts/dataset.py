"""Which meters, which days, which findings: the only place of the alert model where the future could leak in.

Reads are those of the usage ledger as known at the end of their window. Trees learn from a window that ends
``later_days`` before the day of training; they are judged on the newest one, by faults that begin in the days between.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from meterwise.outcomes import NothingToDoError
from meterwise.registry import Champion
from meterwise.settings import Settings
from meterwise.sources.cube import Cube
from meterwise.warehouse import Warehouse
from meterwise.watching.drift import DriftWindows
from models.alerts import labels
from models.alerts.params import WarehouseAlertParams
from models.alerts.reads import Window, cube, first_day, known_meters


class AlertsSkippedError(NothingToDoError):
    """There are too few reads to know what is usual; the message says so in words."""


@dataclass(frozen=True)
class Windows:
    """Days of training and of evaluation, equally many.

    Invariants:
        ``train`` ends ``later_days`` before ``evaluate``, unless the history is too short (``is_later`` false).
    """

    train: Window
    evaluate: Window
    is_later: bool


@dataclass(frozen=True)
class AlertsDataset:
    """Reads of sampled meters to learn from and to be judged on, and what crews found.

    Attributes:
        windows: Their days.
        train: (meters, days, 24) kWh.
        evaluate: The same of the newest window.
        learnt: Features of meters with the older findings, see ``labels.labelled``.
        judged: The same of the newer findings.
    """

    windows: Windows
    train: Cube
    evaluate: Cube
    learnt: pd.DataFrame
    judged: pd.DataFrame

    @property
    def digest(self) -> str:
        """Of all that a training depends on."""
        parts = [self.train.kwh.tobytes(), self.evaluate.kwh.tobytes(), self.train.meter_ids.tobytes()]
        parts += [str(self.windows).encode(), self.learnt.to_csv().encode(), self.judged.to_csv().encode()]
        return hashlib.sha256(b"".join(parts)).hexdigest()


def split_windows(first: date, as_of_date: date, params: WarehouseAlertParams) -> Windows:
    """Lay the windows over the days from the first with reads on; a short history is learnt from and judged whole."""
    known = (as_of_date - first).days + 1
    earlier = known - params.later_days
    if earlier >= params.least_window_days:
        days = min(params.most_days, earlier)
        end = as_of_date - timedelta(days=params.later_days)
        return Windows(Window(end, days), Window(as_of_date, days), is_later=True)
    whole = Window(as_of_date, min(params.most_days, known))
    return Windows(whole, whole, is_later=False)


def training_set(as_of_date: date, params: WarehouseAlertParams, settings: Settings | None = None) -> AlertsDataset:
    """Return reads and findings as known at the end of a day.

    Raises:
        AlertsSkippedError: Too few meters have enough days of reads.
    """
    windows = _windows(as_of_date, params, settings)
    ids = known_meters(windows.train, params.least_days, settings)[: params.sample_meters]
    learnt, judged = labels.split(labelled(as_of_date, windows.evaluate.days, params, settings))
    return AlertsDataset(
        windows, cube(windows.train, ids, settings), judged_cube(as_of_date, params, settings), learnt, judged
    )


def judged_cube(
    as_of_date: date, params: WarehouseAlertParams, settings: Settings | None = None, days: int | None = None
) -> Cube:
    """Return the newest reads of a sample of meters, of as many days as a model looks at.

    Raises:
        AlertsSkippedError: Too few meters have enough days of reads.
    """
    window = Window(as_of_date, days) if days else _windows(as_of_date, params, settings).evaluate
    ids = known_meters(window, params.least_days, settings)[: params.judged_meters]
    if len(ids) < params.least_meters:
        raise AlertsSkippedError(_too_few(as_of_date, len(ids), params))
    return cube(window, ids, settings)


def labelled(
    as_of_date: date, days: int, params: WarehouseAlertParams, settings: Settings | None = None
) -> pd.DataFrame:
    """Return the findings known by a day, with features of the reads at the time of each, oldest first."""
    return labels.labelled(labels.findings(as_of_date, settings), as_of_date, days, params, settings)


def drift_windows(champion: Champion, as_of_date: str, settings: Settings | None = None) -> DriftWindows | None:
    """Return what to compare for drift: the scores of the day on which the champion was trained, and today's.

    There is no table of features; scores move when reads do. None before any score of both days.
    """
    learnt, today = date.fromisoformat(champion.as_of_date), date.fromisoformat(as_of_date)
    query = "select count(distinct as_of_date) as days from scores.meter_alert_scores where as_of_date in ($a, $b)"
    if Warehouse(settings).arrow(query, {"a": learnt, "b": today})["days"][0].as_py() < 2:
        return None
    return DriftWindows(
        champion.model_name,
        champion.version,
        "scores.meter_alert_scores",
        ("as_of_date", "meter_id"),
        reference=(learnt, learnt),
        current=(today, today),
        numeric=("score", "confidence"),
    )


def skip_reason(as_of_date: str, settings: Settings | None = None) -> str | None:
    """Say in words why no meter can be scored on a day; None when enough meters have enough days of reads."""
    params, day = WarehouseAlertParams(), date.fromisoformat(as_of_date)
    try:
        _windows(day, params, settings)
    except AlertsSkippedError as word:
        return str(word)
    return None


def _windows(as_of_date: date, params: WarehouseAlertParams, settings: Settings | None) -> Windows:
    first = first_day(Window(as_of_date, params.most_days + params.later_days), settings)
    if first is None:
        raise AlertsSkippedError(_too_few(as_of_date, 0, params))
    windows = split_windows(first, as_of_date, params)
    meters = len(known_meters(windows.evaluate, params.least_days, settings))
    if meters < params.least_meters:
        raise AlertsSkippedError(_too_few(as_of_date, meters, params))
    if windows.is_later and len(known_meters(windows.train, params.least_days, settings)) < params.least_meters:
        return Windows(windows.evaluate, windows.evaluate, is_later=False)
    return windows


def _too_few(as_of_date: date, meters: int, params: WarehouseAlertParams) -> str:
    return (
        f"alert scores are skipped: by {as_of_date} {meters} meters have {params.least_days} days of reads by the hour "
        f"within {params.most_days} days, and {params.least_meters} are needed to know what is usual. They start by "
        "themselves when more meters, or more of their days, have landed."
    )

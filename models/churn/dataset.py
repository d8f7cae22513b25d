"""Which customers, which days, which label: the only place of the churn model where the future could leak in.

Features of a day are those of ``features.features_churn``, which know what had arrived by then. The label looks at the
days after it, (as_of_date, as_of_date + horizon], and only where all of them lie at or before the day of training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, cast

import pandas as pd

from meterwise.outcomes import NothingToDoError, RefusedError
from meterwise.registry import Champion
from meterwise.settings import Settings
from meterwise.sources.rows import literal, quoted
from meterwise.warehouse import Warehouse
from meterwise.watching.drift import DriftWindows
from models.churn.params import ChurnParams

if TYPE_CHECKING:
    from models.churn.predictor import ChurnPredictor

KEY = ("as_of_date", "customer_id")
ATTRIBUTE_PREFIX = "attribute_"
LABEL = "has_left"


class ChurnSkippedError(NothingToDoError):
    """What is needed to learn or score churn is not there; the message says what, in words."""


@dataclass(frozen=True)
class Windows:
    """Successive as_of_dates for training, calibration and test.

    Invariants:
        Each window's labels end at or before the next window's first as_of_date, and the last ones at the day of
        training.
    """

    train: tuple[date, ...]
    calibrate: tuple[date, ...]
    test: tuple[date, ...]

    def describe(self) -> dict[str, str]:
        """First and last day of each window, for run parameters and names."""
        return {
            name: f"{days[0]}..{days[-1]}"
            for name, days in (("train", self.train), ("calibrate", self.calibrate), ("test", self.test))
        }


@dataclass(frozen=True)
class ChurnDataset:
    """One frame a window; each row is one customer on one as_of_date with features and ``has_left``."""

    windows: Windows
    train: pd.DataFrame
    calibrate: pd.DataFrame
    test: pd.DataFrame


def split_windows(available: Sequence[date], as_of_date: date, params: ChurnParams) -> Windows | None:
    """Split the days with features into windows with gaps as long as the horizon.

    With a short history the windows for calibration and test shrink, down to one day each; None if even that is too
    much.
    """
    closed = as_of_date - timedelta(days=params.horizon_days)
    days = _thin([day for day in available if day <= closed], params.step_days)
    for test_dates in range(params.test_dates, 0, -1):
        test = days[-test_dates:]
        calibrate = _before(days, test, params.horizon_days)[-min(params.calibration_dates, test_dates) :]
        train = _before(days, calibrate, params.horizon_days)
        # Most days belong to training: a long test of a model that could not learn tells nothing.
        if train and (len(train) >= len(test) or test_dates == 1):
            return Windows(tuple(train), tuple(calibrate), tuple(test))
    return None


def _before(days: list[date], later: list[date], gap_days: int) -> list[date]:
    """Days whose label windows have closed when the later window begins."""
    return [day for day in days if later and day + timedelta(days=gap_days) <= later[0]]


def _thin(days: Sequence[date], step_days: int) -> list[date]:
    """Keep days at least a step apart, the newest first, so that daily partitions do not weigh more than old ones."""
    kept: list[date] = []
    for day in sorted(set(days), reverse=True):
        if not kept or (kept[-1] - day).days >= step_days:
            kept.append(day)
    return kept[::-1]


def training_set(as_of_date: date, params: ChurnParams, settings: Settings | None = None) -> ChurnDataset:
    """Return the labelled customers of every window, ordered by key.

    Raises:
        ChurnSkippedError: There is nothing to learn from; the message is that of ``skip_reason``.
    """
    windows = _windows(as_of_date, params, settings)
    data = {name: labelled(getattr(windows, name), as_of_date, params, settings) for name in windows.describe()}
    return ChurnDataset(windows, **data)


def evaluation_set(as_of_date: date, params: ChurnParams, settings: Settings | None = None) -> pd.DataFrame:
    """Return the test window alone: the newest days whose outcome is known.

    Raises:
        ChurnSkippedError: There is nothing to learn from; the message is that of ``skip_reason``.
    """
    return labelled(_windows(as_of_date, params, settings).test, as_of_date, params, settings)


def _windows(as_of_date: date, params: ChurnParams, settings: Settings | None) -> Windows:
    windows = split_windows(_available(settings), as_of_date, params)
    reason = _obstacle(windows, as_of_date, params, settings)
    if windows is None or reason:
        raise ChurnSkippedError(reason)
    return windows


def labelled(
    days: Sequence[date], known_until: date, params: ChurnParams, settings: Settings | None = None
) -> pd.DataFrame:
    """Return features and ``has_left`` of some days, as known at ``known_until``.

    Every end counts, a move too: at the day of scoring nobody knows which it will be, and a mover who is asked in time
    may stay a customer at the new address.
    """
    late = [day for day in days if day + timedelta(days=params.horizon_days) > known_until]
    if late:
        raise ValueError(f"The label windows of {late} are still open on {known_until}; leave these days out.")
    return _features(_labelled_query(days, params), settings)


def _labelled_query(days: Sequence[date], params: ChurnParams) -> str:
    chosen = ", ".join(f"date '{day}'" for day in days) or "null"
    return f"""
        select
            f.*,
            exists (
                select 1 from marts.customer_departures as d
                where d.customer_id = f.customer_id
                  and d.left_on > f.as_of_date
                  and d.left_on <= f.as_of_date + {params.horizon_days}
            ) as {LABEL}
        from features.features_churn as f
        where f.as_of_date in ({chosen})
        order by f.as_of_date, f.customer_id
    """


def scoring_set(as_of_date: date, settings: Settings | None = None) -> pd.DataFrame:
    """Return the features of all active customers of one day, ordered by key.

    Raises:
        RefusedError: The features of that day are not built.
    """
    frame = _features(
        f"select * from features.features_churn where as_of_date = date '{as_of_date}' order by customer_id", settings
    )
    if frame.empty:
        raise RefusedError(
            f"features.features_churn has no customer for {as_of_date}. Build the warehouse for that day first "
            "(DAG build_warehouse with as_of_date, or `meterwise run`)."
        )
    return frame


def drift_windows(champion: Champion, as_of_date: str, settings: Settings | None = None) -> DriftWindows | None:
    """Return what to compare for drift: the champion's training window, and the day; None: too short a history.

    The CRM's own attributes are left out: they are no columns of the warehouse.
    """
    learnt = split_windows(_available(settings), date.fromisoformat(champion.as_of_date), ChurnParams())
    if learnt is None:
        return None
    today, encoding = date.fromisoformat(as_of_date), cast("ChurnPredictor", champion.predictor).encoding
    return DriftWindows(
        champion.model_name,
        champion.version,
        "features.features_churn",
        KEY,
        reference=(learnt.train[0], learnt.train[-1]),
        current=(today, today),
        numeric=tuple(name for name in encoding.numeric if not name.startswith(ATTRIBUTE_PREFIX)),
        categorical=tuple(name for name in encoding.categories if not name.startswith(ATTRIBUTE_PREFIX)),
    )


def skip_reason(as_of_date: str, settings: Settings | None = None) -> str | None:
    """Say in words why churn can be neither learnt nor scored on a day; None when the CRM gives what it needs."""
    params, day = ChurnParams(), date.fromisoformat(as_of_date)
    return _obstacle(split_windows(_available(settings), day, params), day, params, settings)


def _obstacle(windows: Windows | None, as_of_date: date, params: ChurnParams, settings: Settings | None) -> str | None:
    """The first thing that is missing, in the order in which a person would mend it."""
    query = f"""
        select
            (select count(contract_age_days) from features.features_churn) as contracts,
            (select count(*) from marts.customer_departures where left_on <= date '{as_of_date}') as departures
    """
    found = Warehouse(settings).arrow(query).to_pylist()[0]
    if found["contracts"] == 0:
        return (
            "churn is skipped: there are no CRM contracts (raw.crm_contracts is empty), so nobody can be said to stay "
            "or leave. Map the tables crm_customers and crm_contracts in sources.yml to get churn scores."
        )
    if found["departures"] == 0:
        return (
            f"churn is skipped: no customer is known to have left by {as_of_date} (marts.customer_departures), so "
            "there is nothing to learn from. Map left_on or end_on with its history in sources.yml."
        )
    if windows is None:
        return _too_short(as_of_date, params)
    return _too_few(windows, params, settings)


def _too_few(windows: Windows, params: ChurnParams, settings: Settings | None) -> str | None:
    labels = Warehouse(settings).arrow(_labelled_query(windows.train, params))
    left = len(set(labels.filter(labels[LABEL])["customer_id"].to_pylist()))
    if left >= params.min_departures:
        return None
    return (
        f"churn is skipped: only {left} customers left between {windows.train[0]} and {windows.train[-1]} plus "
        f"{params.horizon_days} days (marts.customer_departures), and at least {params.min_departures} are needed "
        "to learn from. It starts by itself when more have left."
    )


def _too_short(as_of_date: date, params: ChurnParams) -> str:
    return (
        f"churn is skipped: the history of features.features_churn before {as_of_date} is too short for windows to "
        f"train, calibrate and test with gaps of {params.horizon_days} days. It needs "
        f"{3 * params.horizon_days} days at least; build older as_of_dates if the CRM goes back that far."
    )


def _available(settings: Settings | None) -> list[date]:
    days = Warehouse(settings).arrow("select distinct as_of_date from features.features_churn")
    return sorted(day for day in days["as_of_date"].to_pylist() if day is not None)


def _features(query: str, settings: Settings | None) -> pd.DataFrame:
    """Run a query on the feature table with the CRM's own attributes (JSON text) as a column each.

    The columns are those of all days, so that every frame has the same.
    """
    texts = "select distinct attributes from features.features_churn where attributes is not null"
    with Warehouse(settings).reading({"picked": query, "attribute_texts": texts}) as connection:
        names = connection.sql(
            """
            with keys as (select unnest(json_keys(attributes)) as name from attribute_texts)
            select distinct name from keys where not contains(name, '"') order by name
            """
        ).fetchall()
        attributes = "".join(
            f", attributes ->> {literal('$.' + quoted(name))} as {quoted(ATTRIBUTE_PREFIX + name)}" for (name,) in names
        )
        return connection.sql(f"select * exclude (attributes){attributes} from picked order by {', '.join(KEY)}").df()

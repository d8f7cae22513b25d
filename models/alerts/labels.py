"""What crews found where an alert sent them, with the reads as they were known at that time."""

from datetime import date

import numpy as np
import pandas as pd

from meterwise import planning
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from models.alerts.day_features import filled
from models.alerts.features import features, population
from models.alerts.naming import published_type
from models.alerts.params import WarehouseAlertParams
from models.alerts.reads import Window, cube, known_meters

NOTHING = "nothing_found"
LEAST_DAYS_SEEN = 7
"""Days that an alert must have lasted within a window, so that its reads show what was found."""
COLUMNS = ["meter_id", "first_date", "closed_on", "finding"]


def findings(as_of_date: date, settings: Settings | None = None) -> pd.DataFrame:
    """Return the last finding of each alert that was closed by the end of a day; columns ``COLUMNS``."""
    warehouse = Warehouse(settings)
    exists = (
        "select 1 from information_schema.tables where table_schema = 'reference' and table_name = 'meter_alert_events'"
    )
    if not warehouse.arrow(exists).num_rows:
        return pd.DataFrame(columns=COLUMNS)
    query = """
        with known as (
            select *, row_number() over (partition by alert_id order by event_id desc) as age
            from reference.meter_alert_events
            where recorded_at < $known_until
        )

        select meter_id, first_date, cast(recorded_at as date) as closed_on, finding
        from known
        where age = 1 and state = 'closed' and finding is not null
        order by closed_on, meter_id, first_date
    """
    until = planning.utility(settings).day_end_utc(as_of_date)
    return warehouse.arrow(query, {"known_until": until}).to_pandas()[COLUMNS]


def labelled(
    found: pd.DataFrame, as_of_date: date, days: int, params: WarehouseAlertParams, settings: Settings | None = None
) -> pd.DataFrame:
    """Return features of each finding's meter, with meter_id, closed_on, label (1 = faulty) and kind; oldest first.

    Findings share windows that end on steps back from ``as_of_date``: the last one before the crew came, or, where the
    alert was younger than that, the next. Meters with too short a history then are left out.
    """
    if found.empty:
        return pd.DataFrame(columns=["meter_id", "closed_on", "label", "kind"])
    at = found.assign(end=_window_ends(found, as_of_date, params.label_step_days))
    ends = sorted(at["end"].unique())[-params.label_windows :]
    rows = [_of_window(at[at["end"] == end], Window(end, days), params, settings) for end in ends]
    return pd.concat(rows).sort_values(["closed_on", "meter_id"], ignore_index=True)


def split(found: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut findings by time: two thirds to learn from, the newer third, of other meters, to be judged on."""
    if found.empty:
        return found, found
    cut = found["closed_on"].iloc[(2 * len(found)) // 3]
    learnt, later = found[found["closed_on"] < cut], found[found["closed_on"] >= cut]
    judged = later[~later["meter_id"].isin(learnt["meter_id"])]
    return learnt.reset_index(drop=True), judged.reset_index(drop=True)


def are_enough(found: pd.DataFrame, params: WarehouseAlertParams) -> bool:
    """Say whether trees can learn from these findings."""
    faulty = int(found["label"].sum())
    return len(found) >= params.least_labels and min(faulty, len(found) - faulty) >= params.least_of_each


def can_judge(found: pd.DataFrame, params: WarehouseAlertParams) -> bool:
    """Say whether these findings can tell which of two models is better."""
    faulty = int(found["label"].sum())
    return min(faulty, len(found) - faulty) >= params.least_judged


def _window_ends(found: pd.DataFrame, as_of_date: date, step: int) -> list[date]:
    closed, began = (pd.to_datetime(found[name]) for name in ("closed_on", "first_date"))
    steps_back = np.ceil((pd.Timestamp(as_of_date) - closed).dt.days / step)
    last = pd.Timestamp(as_of_date) - pd.to_timedelta(steps_back * step, unit="D")
    is_young = (last - began).dt.days < LEAST_DAYS_SEEN
    ends = last.where(~is_young | (steps_back == 0), last + pd.Timedelta(days=step))
    return [end.date() for end in ends]


def _of_window(
    found: pd.DataFrame, window: Window, params: WarehouseAlertParams, settings: Settings | None
) -> pd.DataFrame:
    known = known_meters(window, params.least_days, settings)
    usual_ids = known[: params.label_usual_meters]
    chosen = found[found["meter_id"].isin(known)].drop_duplicates("meter_id", keep="last")
    if chosen.empty or len(usual_ids) < params.least_meters:
        return pd.DataFrame()
    reads = cube(window, np.union1d(usual_ids, chosen["meter_id"].to_numpy().astype(str)), settings)
    usual = population(filled(reads.kwh[np.isin(reads.meter_ids, usual_ids)]))
    rows = np.searchsorted(reads.meter_ids, chosen["meter_id"].to_numpy().astype(str))
    is_faulty = chosen["finding"].to_numpy() != NOTHING
    return features(reads.kwh[rows], usual).assign(
        meter_id=chosen["meter_id"].to_numpy(),
        closed_on=chosen["closed_on"].to_numpy(),
        label=is_faulty.astype(int),
        kind=np.where(is_faulty, published_type(chosen["finding"]), ""),
    )

"""Rows to learn from and to score: features of the warehouse, labels only where they were known.

The only place of the demand model where leakage could happen.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from meterwise.registry import Champion
from meterwise.settings import Settings, get_settings
from meterwise.warehouse import Warehouse
from meterwise.watching.drift import DriftWindows
from models.demand.params import DemandParams

MODEL = "demand"
KEY = ["region_code", "as_of_date", "valid_at_utc"]
FEATURES = [
    "horizon_hours",
    "hour_of_day",
    "day_of_week",
    "day_of_year",
    "is_holiday",
    "is_holiday_eve",
    "is_working_day",
    "temperature_c",
    "temperature_mean_24h_c",
    "temperature_mean_72h_c",
    "humidity_pct",
    "wind_speed_m_s",
    "cloud_cover_pct",
    "cooling_degrees",
    "heating_degrees",
    "cooling_degrees_mean_7d",
    "heating_degrees_mean_7d",
    "naive_kwh",
    "load_same_hour_1w_kwh",
    "load_same_hour_2w_kwh",
    "load_same_hour_mean_4w_kwh",
    "load_mean_7d_kwh",
    "load_last_known_day_mean_kwh",
    "temperature_same_hour_1w_c",
]
CALENDAR = {"horizon_hours", "hour_of_day", "day_of_week", "day_of_year"}
"""Features that the clock sets: that they move is no drift."""
INPUTS = ["region_code", "as_of_date", "local_date", *FEATURES]
LABEL = "load_kwh"

_ROWS = """
    with features as (
        select * from features.features_demand
        where as_of_date between date '{first}' and date '{last}'
            and (as_of_date >= date '{every_day_from}' or (date '{last}' - as_of_date) % {step} = 0)
            and load_mean_7d_kwh > 0
            and naive_kwh is not null
    ),

    known_loads as (
        -- the day of issue is over at the cut, its reads and later ones are not in yet
        select region_code, valid_at_utc, load_kwh from marts.region_load_hourly
        where is_complete and local_date < date '{as_of_date}'
    ),

    labelled as (
        select features.valid_at_utc, {inputs}, known_loads.load_kwh
        from features
        inner join known_loads
            on features.region_code = known_loads.region_code
            and features.valid_at_utc = known_loads.valid_at_utc
    )

    select * from labelled order by region_code, as_of_date, valid_at_utc
"""


@dataclass(frozen=True)
class Windows:
    """Issue days of the three windows, successive and ``gap_days`` apart; ends are included."""

    first: date
    train_last: date
    calibration_first: date
    calibration_last: date
    test_first: date
    test_last: date

    @classmethod
    def of(cls, as_of_date: str, params: DemandParams) -> "Windows":
        """Lay the windows so that every hour of the last test issue is known at ``as_of_date``."""
        test_last = date.fromisoformat(as_of_date) - timedelta(days=params.gap_days)
        test_first = test_last - timedelta(days=params.test_days - 1)
        calibration_last = test_first - timedelta(days=params.gap_days)
        calibration_first = calibration_last - timedelta(days=params.calibration_days - 1)
        train_last = calibration_first - timedelta(days=params.gap_days)
        return cls(
            test_last - timedelta(days=params.history_days - 1),
            train_last,
            calibration_first,
            calibration_last,
            test_first,
            test_last,
        )


@dataclass(frozen=True)
class Split:
    """Labelled rows of each window, and the sampled rows of all of them."""

    train: pd.DataFrame
    calibration: pd.DataFrame
    test: pd.DataFrame
    everything: pd.DataFrame


def labelled_rows(as_of_date: str, params: DemandParams, settings: Settings | None = None) -> pd.DataFrame:
    """Return all rows whose label was known at the end of ``as_of_date``, through Parquet, ordered by key."""
    windows = Windows.of(as_of_date, params)
    return _export(as_of_date, windows.first, windows.calibration_first, params.issue_step, settings, windows.test_last)


def rows_of_test(as_of_date: str, params: DemandParams, settings: Settings | None = None) -> pd.DataFrame:
    """Return the rows of the test window only."""
    windows = Windows.of(as_of_date, params)
    return _export(as_of_date, windows.test_first, windows.test_first, 1, settings, windows.test_last)


def split(rows: pd.DataFrame, as_of_date: str, params: DemandParams) -> Split:
    """Cut rows into successive windows with a gap of the horizon between them."""
    windows = Windows.of(as_of_date, params)
    issued = rows["as_of_date"].dt.date
    sampled = (pd.Timestamp(windows.test_last) - rows["as_of_date"]).dt.days % params.issue_step == 0
    return Split(
        train=rows[issued <= windows.train_last],
        calibration=rows[(issued >= windows.calibration_first) & (issued <= windows.calibration_last)],
        test=rows[issued >= windows.test_first],
        everything=rows[sampled],
    )


def scoring_rows(as_of_date: str, settings: Settings | None = None) -> pd.DataFrame:
    """Return the features of one issue day; hours without any known load cannot be scaled and are left out."""
    query = f"""
        select valid_at_utc, {", ".join(INPUTS)} from features.features_demand
        where as_of_date = $as_of_date and load_mean_7d_kwh > 0
        order by region_code, valid_at_utc
    """
    rows = Warehouse(settings).arrow(query, {"as_of_date": date.fromisoformat(as_of_date)}).to_pandas()
    return _typed(rows)


def drift_windows(champion: Champion, as_of_date: str, settings: Settings | None = None) -> DriftWindows | None:
    """Return what to compare for drift: the last issue days, and those that the champion learnt from.

    Of these the same season, where it learnt from more than a year: July differs from a whole year by nature.
    """
    params, today = DemandParams(), date.fromisoformat(as_of_date)
    learnt = Windows.of(champion.as_of_date, params)
    around = today - timedelta(days=365)
    season = (around - timedelta(days=params.test_days), around + timedelta(days=params.test_days))
    is_known = _first_issue(settings) <= season[0]
    return DriftWindows(
        MODEL,
        champion.version,
        "features.features_demand",
        tuple(KEY),
        reference=season if is_known and learnt.first <= season[0] else (learnt.first, learnt.test_last),
        current=(today - timedelta(days=params.test_days - 1), today),
        numeric=tuple(name for name in FEATURES if name not in CALENDAR),
    )


def _first_issue(settings: Settings | None) -> date:
    found = Warehouse(settings).arrow("select min(as_of_date) as first from features.features_demand").to_pylist()
    return found[0]["first"] or date.max


def skip_reason(as_of_date: str, params: DemandParams | None = None, settings: Settings | None = None) -> str | None:
    """Say why there is nothing to train on or to forecast for this day; None if there is."""
    params = params or DemandParams()
    query = """
        select count(*) as hours, count(load_mean_7d_kwh) as known from features.features_demand
        where as_of_date = $as_of_date
    """
    found = Warehouse(settings).arrow(query, {"as_of_date": date.fromisoformat(as_of_date)}).to_pylist()[0]
    if not found["hours"]:
        return (
            f"Demand is skipped: features.features_demand holds no hour of {as_of_date}, since no region has four "
            "weeks of known reads before it, or the warehouse was not built for it."
        )
    if not found["known"]:
        return (
            f"Demand is skipped: no region has a known load in the seven days before {as_of_date}. "
            "Land meter reads of these days and build the warehouse again."
        )
    return _too_little_history(as_of_date, params, settings)


def _too_little_history(as_of_date: str, params: DemandParams, settings: Settings | None) -> str | None:
    windows = Windows.of(as_of_date, params)
    query = f"""
        with labelled as ({_query(as_of_date, windows.first, windows.first, 1, windows.test_last)})

        select
            count(distinct as_of_date) filter (where as_of_date <= $train_last) as train,
            count(distinct as_of_date) filter (
                where as_of_date between $calibration_first and $calibration_last
            ) as calibration,
            count(distinct as_of_date) filter (where as_of_date >= $test_first) as test
        from labelled
    """
    bounds = {name: value for name, value in vars(windows).items() if name not in {"first", "test_last"}}
    days = Warehouse(settings).arrow(query, bounds).to_pylist()[0]
    if days["train"] >= params.least_days and days["calibration"] and days["test"]:
        return None
    return (
        f"Demand is skipped: {days['train']} days with known loads up to {windows.train_last} to learn from as of "
        f"{as_of_date}, {params.least_days} are needed ({days['calibration']} to calibrate from "
        f"{windows.calibration_first} on and {days['test']} to test from {windows.test_first} on, 1 is needed). "
        "Load more meter reads, or build the warehouse for these days."
    )


def _export(
    as_of_date: str, first: date, every_day_from: date, step: int, settings: Settings | None, last: date
) -> pd.DataFrame:
    settings = settings or get_settings()
    settings.exports_path.mkdir(parents=True, exist_ok=True)
    path = settings.exports_path / f"demand_{as_of_date}_{first}.parquet"
    Warehouse(settings).export_parquet(_query(as_of_date, first, every_day_from, step, last), str(path))
    rows = _typed(pd.read_parquet(path))
    path.unlink()
    return rows


def _query(as_of_date: str, first: date, every_day_from: date, step: int, last: date) -> str:
    return _ROWS.format(
        as_of_date=as_of_date,
        first=first,
        last=last,
        every_day_from=every_day_from,
        step=step,
        inputs=", ".join(f"features.{column}" for column in INPUTS),
    )


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    typed = rows.assign(
        as_of_date=pd.to_datetime(rows["as_of_date"]).astype("datetime64[us]"),
        local_date=pd.to_datetime(rows["local_date"]).astype("datetime64[us]"),
        region_code=rows["region_code"].astype(object),
        **{column: rows[column].astype("float64") for column in FEATURES},
    )
    return typed.sort_values(KEY, ignore_index=True)

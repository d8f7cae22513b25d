"""Judges the demand model against naive forecasts and the champion, and promotes it if it is better."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from meterwise import metrics, promotions, registry
from meterwise.settings import Settings, get_settings
from meterwise.warehouse import Warehouse
from meterwise.watching.quality import Figure, at_training
from models.demand import issued
from models.demand.dataset import MODEL, Demand, known, test_issues
from models.demand.levels import KEY
from models.demand.params import DemandParams
from models.demand.registered import Forecasters, RegisteredDemand, other_step

LABEL = "load_kwh"
JUDGED_LEVEL = "region"
"""What versions are compared on: neither as smooth as the total nor as noisy as a feeder."""

_PUBLISHED = """
    with forecasts as (
        select * from scores.demand_forecasts
        where as_of_date >= $first and as_of_date < $as_of_date and level = 'region' and horizon_hours > 0
    ),

    known_loads as (
        select * from marts.load_intervals where is_complete and local_date < $as_of_date and level = 'region'
    ),

    scored as (
        select forecasts.p50_kwh, known_loads.load_kwh
        from forecasts
        inner join known_loads
            on forecasts.region_code = known_loads.region_code
            and forecasts.valid_at_utc = known_loads.valid_at_utc
            and forecasts.interval_minutes = known_loads.interval_minutes
    )

    select count(*) as intervals, sum(abs(p50_kwh - load_kwh)) / nullif(sum(load_kwh), 0) as wape from scored
"""

_REALISED = """
    with known_loads as (
        select * from marts.load_intervals where is_complete
    ),

    scored as (
        select
            forecasts.as_of_date, forecasts.model_version, forecasts.level, known_loads.load_kwh,
            abs(forecasts.p50_kwh - known_loads.load_kwh) as error_kwh,
            abs(forecasts.naive_kwh - known_loads.load_kwh) as naive_error_kwh,
            case when forecasts.naive_kwh is not null then known_loads.load_kwh end as naive_load_kwh,
            case
                when known_loads.load_kwh between forecasts.p10_kwh and forecasts.p90_kwh then 1.0 else 0.0
            end as is_in_80,
            case
                when known_loads.load_kwh between forecasts.p05_kwh and forecasts.p95_kwh then 1.0 else 0.0
            end as is_in_90
        from scores.demand_forecasts as forecasts
        inner join known_loads
            on forecasts.level = known_loads.level
            and forecasts.region_code = known_loads.region_code
            and forecasts.feeder_code = known_loads.feeder_code
            and forecasts.customer_class = known_loads.customer_class
            and forecasts.valid_at_utc = known_loads.valid_at_utc
            and forecasts.interval_minutes = known_loads.interval_minutes
        where forecasts.as_of_date >= $first and forecasts.horizon_hours > 0
    )

    select
        as_of_date, model_version, level, count(*) as intervals,
        cast(sum(error_kwh) / nullif(sum(load_kwh), 0) as double precision) as wape,
        cast(sum(naive_error_kwh) / nullif(sum(naive_load_kwh), 0) as double precision) as wape_naive,
        cast(avg(is_in_80) as double precision) as coverage_80,
        cast(avg(is_in_90) as double precision) as coverage_90
    from scored
    group by as_of_date, model_version, level
    order by as_of_date, model_version, level
"""
WATCHED_DAYS = 35
"""Forecasts of so many days are looked at anew each time, as more of their hours become known."""
AT_TRAINING: dict[str, tuple[str | None, str]] = {"wape": ("wape_naive", "naive"), "coverage_80": (None, "promised")}


def judged_rows(model: RegisteredDemand, demand: Demand, params: DemandParams) -> pd.DataFrame:
    """Forecast every issue day of the test window with the twin that has not seen it, beside what came.

    Returns:
        The rows of ``issued.loads`` after each issue day, with ``load_kwh``; intervals of unknown load are left out.
    """
    return judged_by(model.judged, demand, params)


def judged_by(forecasters: Forecasters, demand: Demand, params: DemandParams) -> pd.DataFrame:
    """Return ``judged_rows`` of intervals or days by forecasters that have not seen their test window."""
    parts = []
    for days in test_issues(demand, params):
        then = demand.issued_before(days)
        said = issued.loads(then, forecasters)
        came = demand.grid.load[:, issued.first_interval(then, forecasters) : then.grid.load.shape[1]]
        parts.append(said.assign(load_kwh=came.ravel()))
    rows = pd.concat(parts, ignore_index=True)
    return rows[(rows["local_date"] > rows["as_of_date"]) & rows[LABEL].notna()].reset_index(drop=True)


def forecast_metrics(rows: pd.DataFrame) -> dict[str, float]:
    """Return every figure of judged rows beside those of the naive forecast, over all intervals of regions and by lead.

    ``skill`` is the share of the naive WAPE that is gone. A peak is the highest interval of a region's local day.
    The other levels have figures of all intervals, with their name behind.
    """
    regions = rows[rows["level"] == JUDGED_LEVEL]
    lead = (regions["local_date"] - regions["as_of_date"]).dt.days
    day = [*KEY, "as_of_date", "local_date"]
    parts = {
        "": regions,
        "_day_ahead": regions[lead == 1],
        "_week_ahead": regions[lead > 1],
        "_peak": regions[regions[LABEL] == regions.groupby(day)[LABEL].transform("max")],
    }
    others = [level for level in rows["level"].unique() if level != JUDGED_LEVEL]
    parts |= {f"_{level}": rows[rows["level"] == level] for level in others}
    return {f"{name}{suffix}": value for suffix, part in parts.items() for name, value in _figures(part).items()}


def outlook_metrics(rows: pd.DataFrame) -> dict[str, float]:
    """Return the figures of judged rows of days: of regions, one to seven days ahead, and further."""
    regions = rows[rows["level"] == JUDGED_LEVEL]
    days_ahead = (regions["local_date"] - regions["as_of_date"]).dt.days
    parts = {"_outlook_week": regions[days_ahead <= 7], "_outlook_later": regions[days_ahead > 7]}
    return {f"{name}{suffix}": value for suffix, part in parts.items() for name, value in _figures(part).items()}


def _figures(rows: pd.DataFrame) -> dict[str, float]:
    actual, known = rows[LABEL], rows[rows["naive_kwh"].notna()]
    wape, naive = metrics.wape(actual, rows["p50_kwh"]), metrics.wape(known[LABEL], known["naive_kwh"])
    return {
        "wape": wape,
        "mae": metrics.mae(actual, rows["p50_kwh"]),
        "bias": metrics.bias(actual, rows["p50_kwh"]),
        "quantile_loss_10": metrics.quantile_loss(actual, rows["p10_kwh"], 0.1),
        "quantile_loss_90": metrics.quantile_loss(actual, rows["p90_kwh"], 0.9),
        "coverage_80": metrics.coverage(actual, rows["p10_kwh"], rows["p90_kwh"]),
        "coverage_90": metrics.coverage(actual, rows["p05_kwh"], rows["p95_kwh"]),
        "wape_naive": naive,
        "skill": metrics.skill(wape, naive),
    }


def promote_if_better(
    run_id: str, as_of_date: str, params: DemandParams | None = None, settings: Settings | None = None
) -> bool:
    """Make the run's version champion if it is better than the champion on the test window; say whether it is champion.

    Better means: a lower WAPE of regions by more than the setting ``promotion_margin`` (a share of the champion's) and
    by more than the standard error of the difference, issue days drawn anew. The first version, and the first of
    another step, need no rival.
    """
    params = params or DemandParams()

    def _compare(challenger: registry.RegisteredModel, champion: registry.RegisteredModel) -> promotions.Comparison:
        if reason := other_step(challenger, settings or get_settings()):
            raise promotions.IncomparableError(reason)
        if reason := other_step(champion, settings or get_settings()):
            raise promotions.NoRivalError(reason)
        demand = known(as_of_date, params, settings)
        if demand is None:
            raise promotions.IncomparableError(f"no load is known any more as of {as_of_date}")
        own, other = (
            judged_rows(cast(RegisteredDemand, one.predictor), demand, params) for one in (challenger, champion)
        )
        return compare(own, other, params.seed)

    return promotions.promote_if_better(MODEL, run_id, as_of_date, _first, _compare, settings)


def _first(logged: Mapping[str, float]) -> str:
    return "WAPE {wape:.1%}, naive {wape_naive:.1%}".format(**logged)


def compare(challenger: pd.DataFrame, champion: pd.DataFrame, seed: int) -> promotions.Comparison:
    """Compare the WAPE of regions by two forecasts of the same issue days; whole issue days make the noise."""
    interval = [*KEY, "as_of_date", "valid_at_utc"]
    mine = challenger.loc[challenger["level"] == JUDGED_LEVEL, [*interval, LABEL, "p50_kwh"]]
    both = mine.merge(champion[[*interval, "p50_kwh"]], on=interval, suffixes=("", "_champion"))
    actual = both[LABEL].to_numpy(dtype=np.float64)
    gain = np.abs(actual - both["p50_kwh_champion"].to_numpy()) - np.abs(actual - both["p50_kwh"].to_numpy())

    def _difference(times: npt.NDArray[np.float64]) -> float:
        total = float((times * actual).sum())
        return float((times * gain).sum()) / total if total > 0 else float("nan")

    own, other = (metrics.wape(actual, both[name]) for name in ("p50_kwh", "p50_kwh_champion"))
    noise = metrics.difference_noise(_difference, both["as_of_date"], seed)
    return promotions.Comparison("wape", "WAPE", own, other, noise, less_is_better=True)


def quality_dropped(
    as_of_date: str, params: DemandParams | None = None, settings: Settings | None = None
) -> str | None:
    """Say why the model should be trained again; None while it is recent and forecasts as well as at its promotion.

    Quality is that of forecasts that were really published, over the last days whose load is known.
    """
    params, settings = params or DemandParams(), settings or get_settings()
    try:
        champion = registry.require_champion(MODEL, settings)
    except registry.NoChampionError:
        return "no champion yet"
    except registry.UnusableModelError as error:
        return str(error)
    if reason := other_step(champion, settings):
        return reason
    today = date.fromisoformat(as_of_date)
    trained = registry.last_trained(MODEL, settings)
    age = (today - date.fromisoformat(trained)).days if trained else settings.retrain_after_days
    if age >= settings.retrain_after_days:
        return f"last trained {age} days ago"
    first = today - timedelta(days=params.quality_days)
    published = Warehouse(settings).arrow(_PUBLISHED, {"first": first, "as_of_date": today}).to_pylist()[0]
    limit = champion.metrics["wape"] * (1 + params.quality_tolerance)
    # A challenger of today lost already; another one would see the same data.
    if published["intervals"] and published["wape"] > limit and age > 0:
        promised = champion.metrics["wape"]
        return f"WAPE of published forecasts is {published['wape']:.1%}, at promotion it was {promised:.1%}"
    return None


def quality(as_of_date: str, settings: Settings | None = None) -> list[Figure]:
    """Return how the forecasts of the last weeks met what came, beside the naive ones, and the champion's test.

    Figures of regions have plain names, those of the other levels their level behind.
    """
    first = date.fromisoformat(as_of_date) - timedelta(days=WATCHED_DAYS)
    found: list[Figure] = []
    for row in Warehouse(settings).arrow(_REALISED, {"first": first}).to_pylist():
        said = (MODEL, row["model_version"], row["as_of_date"])
        of = "" if row["level"] == JUDGED_LEVEL else f"_{row['level']}"
        if row["wape"] is not None:
            found.append(Figure(*said, f"wape{of}", row["wape"], row["wape_naive"], "naive", row["intervals"]))
            found.append(Figure(*said, f"coverage_80{of}", row["coverage_80"], 0.8, "promised", row["intervals"]))
            found.append(Figure(*said, f"coverage_90{of}", row["coverage_90"], 0.9, "promised", row["intervals"]))
    champion = registry.champion(MODEL, settings)
    if champion is None:
        return found
    return found + at_training(MODEL, champion.version, champion.as_of_date, champion.metrics, AT_TRAINING)

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
from models.demand.dataset import LABEL, MODEL, rows_of_test
from models.demand.forecaster import DemandForecaster
from models.demand.params import DemandParams
from models.demand.registered import RegisteredDemand

BASELINES = {"naive": "naive_kwh", "mean_4w": "load_same_hour_mean_4w_kwh"}

_PUBLISHED = """
    with forecasts as (
        select * from scores.demand_forecasts
        where as_of_date >= $first and as_of_date < $as_of_date
    ),

    known_loads as (
        select * from marts.region_load_hourly where is_complete and local_date < $as_of_date
    ),

    scored as (
        select forecasts.p50_kwh, known_loads.load_kwh
        from forecasts
        inner join known_loads
            on forecasts.region_code = known_loads.region_code
            and forecasts.valid_at_utc = known_loads.valid_at_utc
    )

    select count(*) as hours, sum(abs(p50_kwh - load_kwh)) / nullif(sum(load_kwh), 0) as wape from scored
"""

_REALISED = """
    with known_loads as (
        select * from marts.region_load_hourly where is_complete
    ),

    scored as (
        select
            forecasts.as_of_date, forecasts.model_version, known_loads.load_kwh,
            abs(forecasts.p50_kwh - known_loads.load_kwh) as error_kwh,
            abs(forecasts.naive_kwh - known_loads.load_kwh) as naive_error_kwh,
            case when forecasts.naive_kwh is not null then known_loads.load_kwh end as naive_load_kwh,
            case
                when known_loads.load_kwh between forecasts.p10_kwh and forecasts.p90_kwh then 1.0 else 0.0
            end as is_in
        from scores.demand_forecasts as forecasts
        inner join known_loads
            on forecasts.region_code = known_loads.region_code
            and forecasts.valid_at_utc = known_loads.valid_at_utc
        where forecasts.as_of_date >= $first
    )

    select
        as_of_date, model_version, count(*) as hours,
        cast(sum(error_kwh) / nullif(sum(load_kwh), 0) as double precision) as wape,
        cast(sum(naive_error_kwh) / nullif(sum(naive_load_kwh), 0) as double precision) as wape_naive,
        cast(avg(is_in) as double precision) as coverage_80
    from scored
    group by as_of_date, model_version
    order by as_of_date, model_version
"""
WATCHED_DAYS = 35
"""Forecasts of so many days are looked at anew each time, as more of their hours become known."""
AT_TRAINING: dict[str, tuple[str | None, str]] = {"wape": ("wape_naive", "naive"), "coverage_80": (None, "promised")}


def forecast_metrics(rows: pd.DataFrame, forecast: pd.DataFrame) -> dict[str, float]:
    """Return every figure of a forecast beside those of the naive forecasts, over all hours and by lead.

    ``skill`` is the share of the naive WAPE that is gone. A peak is the highest hour of a region's local day.
    """
    judged = rows.join(forecast)
    lead = (rows["local_date"] - rows["as_of_date"]).dt.days
    highest = rows.groupby(["region_code", "local_date"])[LABEL].transform("max")
    parts = {
        "": lead > 0,
        "_day_ahead": lead == 1,
        "_week_ahead": lead > 1,
        "_peak": rows[LABEL] == highest,
    }
    found: dict[str, float] = {}
    for suffix, part in parts.items():
        found |= {f"{name}{suffix}": value for name, value in _figures(judged[part]).items()}
    return found


def _figures(rows: pd.DataFrame) -> dict[str, float]:
    actual = rows[LABEL]
    wape = metrics.wape(actual, rows["p50_kwh"])
    found = {
        "wape": wape,
        "mae": metrics.mae(actual, rows["p50_kwh"]),
        "bias": metrics.bias(actual, rows["p50_kwh"]),
        "quantile_loss_10": metrics.quantile_loss(actual, rows["p10_kwh"], 0.1),
        "quantile_loss_90": metrics.quantile_loss(actual, rows["p90_kwh"], 0.9),
        "coverage_80": metrics.coverage(actual, rows["p10_kwh"], rows["p90_kwh"]),
    }
    for name, column in BASELINES.items():
        known = rows[column].notna()
        found[f"wape_{name}"] = metrics.wape(actual[known], rows.loc[known, column])
    return found | {"skill": metrics.skill(wape, found["wape_naive"])}


def promote_if_better(
    run_id: str, as_of_date: str, params: DemandParams | None = None, settings: Settings | None = None
) -> bool:
    """Make the run's version champion if it is better than the champion on the test window; say whether it is champion.

    Better means: a lower WAPE by more than the setting ``promotion_margin`` (a share of the champion's) and by more
    than the standard error of the difference, issue days drawn anew. The first version needs no rival.
    """
    params = params or DemandParams()

    def _compare(challenger: registry.RegisteredModel, champion: registry.RegisteredModel) -> promotions.Comparison:
        rows = rows_of_test(as_of_date, params, settings)
        own, other = (_judged(model).predict(rows)["p50_kwh"] for model in (challenger, champion))
        return compare(own, other, rows, params.seed)

    return promotions.promote_if_better(MODEL, run_id, as_of_date, _first, _compare, settings)


def _first(logged: Mapping[str, float]) -> str:
    return "WAPE {wape:.1%}, naive {wape_naive:.1%}".format(**logged)


def _judged(model: registry.RegisteredModel) -> DemandForecaster:
    return cast(RegisteredDemand, model.predictor).judged


def compare(challenger: pd.Series, champion: pd.Series, rows: pd.DataFrame, seed: int) -> promotions.Comparison:
    """Compare the WAPE of two forecasts (kWh) of the same rows; whole issue days make the noise."""
    actual = rows[LABEL].to_numpy(dtype=np.float64)
    gain = np.abs(actual - champion.to_numpy()) - np.abs(actual - challenger.to_numpy())

    def _difference(times: npt.NDArray[np.float64]) -> float:
        total = float((times * actual).sum())
        return float((times * gain).sum()) / total if total > 0 else float("nan")

    own, other = (metrics.wape(actual, forecast) for forecast in (challenger, champion))
    noise = metrics.difference_noise(_difference, rows["as_of_date"], seed)
    return promotions.Comparison("wape", "WAPE", own, other, noise, less_is_better=True)


def quality_dropped(
    as_of_date: str, params: DemandParams | None = None, settings: Settings | None = None
) -> str | None:
    """Say why the model should be trained again; None while it is recent and forecasts as well as at its promotion.

    Quality is that of forecasts that were really published, over the last days whose load is known.
    """
    params, settings = params or DemandParams(), settings or get_settings()
    champion = registry.champion(MODEL, settings)
    if champion is None:
        return "no champion yet"
    today = date.fromisoformat(as_of_date)
    trained = registry.last_trained(MODEL, settings)
    age = (today - date.fromisoformat(trained)).days if trained else settings.retrain_after_days
    if age >= settings.retrain_after_days:
        return f"last trained {age} days ago"
    first = today - timedelta(days=params.quality_days)
    published = Warehouse(settings).arrow(_PUBLISHED, {"first": first, "as_of_date": today}).to_pylist()[0]
    limit = champion.metrics["wape"] * (1 + params.quality_tolerance)
    # A challenger of today lost already; another one would see the same data.
    if published["hours"] and published["wape"] > limit and age > 0:
        promised = champion.metrics["wape"]
        return f"WAPE of published forecasts is {published['wape']:.1%}, at promotion it was {promised:.1%}"
    return None


def quality(as_of_date: str, settings: Settings | None = None) -> list[Figure]:
    """Return how the forecasts of the last weeks met what came, beside the naive ones, and the champion's test."""
    first = date.fromisoformat(as_of_date) - timedelta(days=WATCHED_DAYS)
    found: list[Figure] = []
    for row in Warehouse(settings).arrow(_REALISED, {"first": first}).to_pylist():
        said = (MODEL, row["model_version"], row["as_of_date"])
        if row["wape"] is not None:
            found.append(Figure(*said, "wape", row["wape"], row["wape_naive"], "naive", row["hours"]))
            found.append(Figure(*said, "coverage_80", row["coverage_80"], 0.8, "promised", row["hours"]))
    champion = registry.champion(MODEL, settings)
    if champion is None:
        return found
    return found + at_training(MODEL, champion.version, champion.as_of_date, champion.metrics, AT_TRAINING)

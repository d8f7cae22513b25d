"""Fits the demand model, records the run and registers the version. Whether it becomes champion is in ``evaluate``."""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from meterwise import registry
from meterwise.outcomes import NothingToDoError
from meterwise.settings import Settings, get_settings
from models.demand import customer_usage, plots
from models.demand.customer_usage import Usage
from models.demand.customers import CustomerTwins
from models.demand.dataset import MODEL, Demand, by_day, known, skip_reason, test_issues
from models.demand.evaluate import forecast_metrics, judged_by, judged_rows, outlook_metrics
from models.demand.forecast_params import ForecastParams
from models.demand.ladder import REMEMBERED_DAYS
from models.demand.params import DemandParams
from models.demand.registered import Forecasters, RegisteredDemand, Twins
from models.demand.response import DAYS_FOR_A_SEASON
from models.demand.searched import Searched, newest_search
from models.demand.seasons import SeasonForecaster
from models.demand.weather_sensitivity import last_days, peak_intervals, weather_sensitive_parts

log = logging.getLogger(__name__)

CARD = """# Demand forecast

Load of each {minutes} minutes (kWh) of the total, of regions, feeders and customer classes for the next {horizon} local
days: the mean, which adds up over the levels, and quantiles P05 to P95 of each level's own. Lines by calendar and
weather, which go on beyond what was seen; what they missed of late is carried on, and LightGBM corrects the rest. Bands
are conformal, of days that their fit had not seen. The highest load of each day has bands of its own.

| test window {first} to {last}, regions | model | naive (same time last week) |
|---|---|---|
| WAPE, all intervals | {wape:.1%} | {wape_naive:.1%} |
| WAPE, day ahead | {wape_day_ahead:.1%} | {wape_naive_day_ahead:.1%} |
| WAPE, week ahead | {wape_week_ahead:.1%} | {wape_naive_week_ahead:.1%} |
| WAPE at daily peaks | {wape_peak:.1%} | {wape_naive_peak:.1%} |
| WAPE, feeders | {wape_feeder:.1%} | {wape_naive_feeder:.1%} |
| share inside P10 to P90 | {coverage_80:.1%} | |

Known as of {as_of_date}. Figures are of the model fitted before the test window; the forecaster is fitted again on all
days. Weather is the forecast that was issued by then. They are not meant for beyond {horizon} days.

Energy of the next {outlook} local days, without weather; naive is the same weekday of last week:

| regions, {outlook_basis} | WAPE | naive | share inside P10 to P90 |
|---|---|---|---|
| days 1 to 7 | {wape_outlook_week:.1%} | {wape_naive_outlook_week:.1%} | {coverage_80_outlook_week:.1%} |
| days 8 to {outlook} | {wape_outlook_later:.1%} | {wape_naive_outlook_later:.1%} | {coverage_80_outlook_later:.1%} |

{customers}
"""

CUSTOMERS = """Single homes are hardly predictable. Energy a day of single customers has a WAPE of {wape_customers:.1%};
persistence, the median of like days and the last one, {wape_persistence_customers:.1%}: a skill of
{skill_customers:.1%}, of the customer in the middle {skill_median_customer:.1%}. Of the customers
{skilled_customers:.0%} are forecast better than by persistence; {coverage_80_customers:.1%} of days lay in P10 to P90.
"""
UNTOLD = "Single customers: too little is known yet for a model; persistence stands in."


class TooLittleHistoryError(NothingToDoError):
    """Fewer days with known loads than a model can learn from."""


def train_model(as_of_date: str, params: DemandParams | None = None, settings: Settings | None = None) -> str:
    """Fit on what was known at the end of ``as_of_date``; returns the MLflow run.

    The warehouse is free while the model is fitted. The same data and parameters give the run that is already there.
    Without ``params`` those of the newest search up to that day are taken.

    Raises:
        TooLittleHistoryError: There is nothing to learn from yet; ``skip_reason`` says the same.
    """
    settings = settings or get_settings()
    chosen = Searched(params, "given") if params else newest_search(as_of_date, settings)
    params = chosen.params
    if reason := skip_reason(as_of_date, params, settings):
        raise TooLittleHistoryError(reason)
    demand = known(as_of_date, params, settings)
    rows, usage = learnt_from(demand), customer_usage.sample(demand.as_of_date, settings)
    fingerprint = registry.fingerprint(MODEL, as_of_date, params, rows, usage.frame())
    if trained := registry.trained(MODEL, fingerprint, settings):
        return trained
    learnt = Learnt(demand, by_day(demand, params.outlook_days, settings), usage)
    return _record(fit(learnt, params, settings.threads), learnt, rows, fingerprint, chosen, settings)


@dataclass(frozen=True)
class Learnt:
    """What is learnt from: intervals and local days of all levels, and the days of a sample of customers."""

    demand: Demand
    days: Demand
    usage: Usage


def fit(learnt: Learnt, params: DemandParams, threads: int) -> RegisteredDemand:
    """Fit the forecasters of intervals, of days, of customers and of seasons."""
    grid, loads = learnt.demand.grid, fit_twins(learnt.demand, params, params.forecast, threads)
    outlook, customers = fit_outlook(learnt.days, params, threads), CustomerTwins.fit(learnt.usage, params.seed)
    seasons = SeasonForecaster.fit(grid.between(0, learnt.demand.cutoff), params.forecast)
    return RegisteredDemand(loads.latest, loads.judged, grid.timezone, outlook, customers, grid.minutes, seasons)


def fit_outlook(days: Demand, params: DemandParams, threads: int) -> Twins:
    """Fit lines alone, on a year and more: without one, and without weather, like days are nearer."""
    if _before_the_test(days, params) < DAYS_FOR_A_SEASON:
        like_days = Forecasters.none(days.tomorrow - days.cutoff)
        return Twins(like_days, like_days)
    return fit_twins(days, params, params.forecast.model_copy(update={"trees": 0}), threads)


def fit_twins(demand: Demand, params: DemandParams, forecast: ForecastParams, threads: int) -> Twins:
    """Fit once before the test window, to be judged on it, and once on everything, to forecast with."""
    grid, horizon, delay = demand.grid, demand.horizon, demand.tomorrow - demand.cutoff
    judged = Forecasters.fit(grid.between(0, _before_the_test(demand, params)), horizon, delay, forecast, threads)
    latest = Forecasters.fit(grid.between(0, demand.cutoff), horizon, delay, forecast, threads, judged)
    return Twins(latest, judged)


def _before_the_test(demand: Demand, params: DemandParams) -> int:
    """First column of which no issue day of the test window knew."""
    return demand.cutoff - test_issues(demand, params)[-1] * demand.grid.steps_a_day


def learnt_from(demand: Demand, first: int = 0) -> pd.DataFrame:
    """Return the grid from a column on as rows: what ``RegisteredDemand.predict`` takes."""
    grid = demand.grid.between(first, demand.grid.load.shape[1])
    series, times = grid.load.shape
    unknown = np.full(grid.load.shape, np.nan)
    values = {
        "load_kwh": grid.load,
        "temperature_c": grid.temperature_c[0] if len(grid.temperature_c) else unknown,
        "humidity_pct": grid.humidity_pct[0] if len(grid.humidity_pct) else unknown,
        "is_holiday": grid.is_holiday,
        "is_school_holiday": grid.day_marks["school_holiday"],
    }
    return pd.DataFrame(
        {
            "series": grid.unique_ids.repeat(times).astype(object),
            "valid_at_utc": np.tile(grid.times_utc.astype("datetime64[us]"), series),
            **{name: table.ravel().astype(np.float64) for name, table in values.items()},
        }
    )


def weather_sensitive_shares(demand: Demand) -> pd.DataFrame:
    """Return what heats and cools of the load of each region and the total: of the last year, and of its peak hours."""
    told = demand.series.loc[demand.series["level"].isin(["total", "region"]), "series"]
    grid = demand.grid.between(0, demand.cutoff).of(told.to_numpy(dtype=str))
    parts, year = weather_sensitive_parts(grid), last_days(grid, 365)
    spans = {"year": year, "200 highest hours": peak_intervals(grid, 200 * grid.steps_an_hour, year)}
    return pd.concat([parts.shares(within).reset_index().assign(span=span) for span, within in spans.items()])


def _record(
    model: RegisteredDemand,
    learnt: Learnt,
    rows: pd.DataFrame,
    fingerprint: str,
    chosen: Searched,
    settings: Settings,
) -> str:
    demand, params = learnt.demand, chosen.params
    name = f"{rows['valid_at_utc'].min():%Y-%m-%d} to {demand.as_of_date}"
    judged = judged_rows(model, demand, params)
    metrics = forecast_metrics(judged) | outlook_metrics(judged_by(model.outlook.judged, learnt.days, params))
    customers = model.customers.metrics(learnt.usage) if model.customers else {}
    as_of_date = demand.as_of_date.isoformat()
    with registry.run(MODEL, name, as_of_date, fingerprint, settings) as run:
        knobs = params.model_dump()
        run.log_params(knobs.pop("forecast") | knobs | {"rows": len(rows), "threads": settings.threads})
        run.log_params({"searched_by": chosen.searched_by, "interval_minutes": demand.grid.minutes})
        run.log_metrics(metrics | customers)
        run.log_text("weather_sensitive_share.csv", weather_sensitive_shares(demand).to_csv(index=False))
        run.log_dataset(rows, "features_demand with features_demand_loads")
        for plot, figure in plots.figures(judged, model.latest).items():
            run.log_figure(plot, figure)
        card = CARD.format(
            horizon=params.horizon_days,
            minutes=demand.grid.minutes,
            first=f"{judged['as_of_date'].min():%Y-%m-%d}",
            last=f"{judged['as_of_date'].max():%Y-%m-%d}",
            as_of_date=as_of_date,
            outlook=params.outlook_days,
            outlook_basis="lines by calendar" if model.outlook.latest.families else "like days of less than 15 months",
            customers=CUSTOMERS.format(**customers) if customers else UNTOLD,
            **metrics,
        )
        version = run.log_model(model, _example(demand), card)
    log.info("Trained demand version %s: WAPE %.3f, naive %.3f", version, metrics["wape"], metrics["wape_naive"])
    return run.run_id


def _example(demand: Demand) -> pd.DataFrame:
    """The total alone, as far back as a forecast looks."""
    first = max(0, demand.cutoff - REMEMBERED_DAYS * demand.grid.steps_a_day)
    rows = learnt_from(demand, first)
    return rows[rows["series"] == "total"].reset_index(drop=True)

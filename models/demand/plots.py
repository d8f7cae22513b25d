"""The pictures that a data scientist wants to see of a demand model."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from models.demand.evaluate import LABEL
from models.demand.grid import Floats
from models.demand.registered import LEVELS, Forecasters, quantile_columns

BLUE, ORANGE, GREY = "#2b6cb0", "#dd6b20", "#718096"


def figures(rows: pd.DataFrame, forecasters: Forecasters) -> dict[str, Figure]:
    """Return every plot of judged rows by its name."""
    regions = rows[rows["level"] == "region"]
    return {
        "forecast_against_actual": _forecast_against_actual(regions),
        "error_by_hour": _error_by_hour(regions),
        "quantile_calibration": _quantile_calibration(rows),
        "feature_contributions": _feature_contributions(forecasters.feature_gain()),
    }


def _forecast_against_actual(rows: pd.DataFrame) -> Figure:
    """The day-ahead forecast of the largest region, with its band."""
    largest = rows.groupby("region_code")[LABEL].sum().idxmax()
    day_ahead = (rows["local_date"] - rows["as_of_date"]).dt.days == 1
    shown = rows[day_ahead & (rows["region_code"] == largest)].sort_values("valid_at_utc")
    figure = Figure(figsize=(12, 4), layout="constrained")
    axes = figure.subplots()
    times = shown["valid_at_utc"]
    axes.fill_between(times, shown["p10_kwh"], shown["p90_kwh"], color=BLUE, alpha=0.25, label="P10 to P90")
    axes.plot(times, shown["p50_kwh"], color=BLUE, label="P50, day ahead")
    axes.plot(times, shown[LABEL], color=ORANGE, linewidth=1, label="actual")
    axes.set(title=f"Region {largest}", ylabel="kWh of an interval")
    axes.legend(loc="upper right")
    return figure


def _error_by_hour(rows: pd.DataFrame) -> Figure:
    errors = pd.DataFrame(
        {
            "model": (rows["p50_kwh"] - rows[LABEL]).abs(),
            "same time last week": (rows["naive_kwh"] - rows[LABEL]).abs(),
            "load": rows[LABEL],
        }
    )
    by_hour = errors.groupby(rows["hour_of_day"]).sum()
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for name, colour in (("model", BLUE), ("same time last week", GREY)):
        axes.plot(by_hour.index, 100 * by_hour[name] / by_hour["load"], color=colour, label=name)
    axes.set(title="Error by hour of day", xlabel="local hour", ylabel="WAPE, %")
    axes.legend()
    return figure


def _quantile_calibration(rows: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1)
    for level, of_level in rows.groupby("level"):
        kept = [float((of_level[LABEL] <= of_level[column]).mean()) for column in quantile_columns()]
        axes.plot(LEVELS, kept, "o-", label=level)
    axes.legend()
    axes.set(title="Share of intervals at or below each quantile", xlabel="promised", ylabel="kept")
    return figure


def _feature_contributions(gain: pd.Series) -> Figure:
    shown = gain.head(15)[::-1]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    axes.barh(np.arange(len(shown)), 100 * shown.to_numpy(), color=BLUE, tick_label=list(shown.index))
    axes.set(title="Feature contributions to the trees of the median", xlabel="share of gain, %")
    return figure


def losses_of_search(losses: Floats) -> Figure:
    """Return the loss (share of mean load) of each trial of a search, in turn, with the least one so far."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    trials = np.arange(len(losses))
    axes.axhline(100 * losses[0], color=GREY, linewidth=1, label="given parameters")
    axes.plot(trials, 100 * losses, "o", color=BLUE, markersize=3, label="trial")
    axes.step(trials, 100 * np.fmin.accumulate(losses), where="post", color=ORANGE, label="least so far")
    axes.set(title="Search for better parameters", xlabel="trial", ylabel="mean absolute error, % of mean load")
    axes.legend(loc="upper right")
    return figure

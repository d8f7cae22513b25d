"""Figures of the days that decide about a peak charge: the highest ones of each series."""

from typing import Any

import pandas as pd

from models.demand.daily import LEAST_KNOWN

SHARE = 10
"""One in so many days counts as a peak day, at least one."""


def peak_days(rows: pd.DataFrame, column: str, day_sizes: pd.Series) -> dict[str, Any]:
    """Measure the daily maximum of a forecast on each series' highest days.

    Args:
        rows: Of ``scored_rows``.
        column: The forecast.
        day_sizes: By local_day, the steps of each whole day.

    Returns:
        mape, bias (error as a share of the actual maxima), season_max_error (highest forecast by highest actual, less
        one, mean of the series), hits (days that are among the highest of both), days; NaN if there is no day.
    """
    days = _judged_days(rows, column, day_sizes)
    of_series = days.groupby("unique_id")
    wanted = (of_series["y"].transform("size") // SHARE).clip(lower=1)
    is_peak = of_series["y"].rank(method="first", ascending=False) <= wanted
    is_named = of_series["forecast"].rank(method="first", ascending=False) <= wanted
    actual, forecast = days["y"][is_peak], days["forecast"][is_peak]
    highest = of_series[["y", "forecast"]].max()
    total = actual.abs().sum()
    return {
        "mape": float(((forecast - actual).abs() / actual.abs().where(actual != 0)).mean()),
        "bias": float((forecast - actual).sum() / total) if total > 0 else float("nan"),
        "season_max_error": float((highest["forecast"] / highest["y"].where(highest["y"] != 0) - 1).mean()),
        "hits": int((is_peak & is_named).sum()),
        "days": int(is_peak.sum()),
    }


def _judged_days(rows: pd.DataFrame, column: str, day_sizes: pd.Series) -> pd.DataFrame:
    """Return unique_id, y and forecast, a row a series and local day that a window covers wholly, by the latest one."""
    groups = rows.groupby(["unique_id", "window", "local_day"])
    days = groups.agg(y=("y", "max"), known=("y", "count"), forecast=(column, "max"), size=("y", "size")).reset_index()
    whole = days["size"] == days["local_day"].map(day_sizes)
    days = days[whole & (days["known"] >= LEAST_KNOWN * days["size"]) & days["forecast"].notna()]
    return days.sort_values("window").drop_duplicates(["unique_id", "local_day"], keep="last")

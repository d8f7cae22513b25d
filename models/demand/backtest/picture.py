"""The picture of a backtest: where it went worst, and an ordinary window."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure

from models.demand.backtest.figures import window_mase
from models.demand.backtest.scored_rows import quantile_column
from models.demand.plots import BLUE, GREY, ORANGE

NAIVE = ("seasonal_naive", "week_ago")


def picture(rows: pd.DataFrame, levels: Sequence[float], scales: pd.Series, is_daily: bool) -> Figure:
    """Draw the worst and the median window, or the whole run of daily maxima.

    Args:
        rows: Of ``scored_rows``.
        levels: Of its quantiles; the band is the one nearest to 80 %.
        scales: Of ``scales``.
        is_daily: Whether the rows are local days.
    """
    errors = window_mase(rows, "y_hat", scales).sort_values()
    naive = _better_naive(rows, scales)
    shown = _whole_run(rows, errors) if is_daily else _windows(rows, errors)
    figure = Figure(figsize=(12, 4 * len(shown)), layout="constrained")
    for axes, (title, part) in zip(figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True):
        _draw(axes, part, levels, naive)
        axes.set(title=title)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a picture as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, format="png")


def _better_naive(rows: pd.DataFrame, scales: pd.Series) -> str:
    return min(NAIVE, key=lambda name: np.nan_to_num(window_mase(rows, name, scales).mean(), nan=np.inf))


def _windows(rows: pd.DataFrame, errors: pd.Series) -> list[tuple[str, pd.DataFrame]]:
    """Return title and rows of the worst and the median window of a series; of any if none has a figure."""
    if errors.empty:
        first = rows[(rows["window"] == 0) & (rows["unique_id"] == rows["unique_id"].iloc[0])]
        return [("First window", first)]
    shown = []
    for name, place in (("Worst", -1), ("Median", (len(errors) - 1) // 2)):
        unique_id, window = errors.index[place]
        part = rows[(rows["unique_id"] == unique_id) & (rows["window"] == window)]
        cutoff = f"{part['cutoff'].iloc[0]:%Y-%m-%d %H:%M}"
        shown.append((f"{name} window: {unique_id}, known up to {cutoff}, MASE {errors.iloc[place]:.2f}", part))
    return shown


def _whole_run(rows: pd.DataFrame, errors: pd.Series) -> list[tuple[str, pd.DataFrame]]:
    """Return title and rows of the series with the largest error; of a day that two windows forecast, the later."""
    by_series = errors.groupby(level="unique_id").mean()
    unique_id = by_series.idxmax() if len(by_series) else rows["unique_id"].iloc[0]
    part = rows[rows["unique_id"] == unique_id].sort_values(["ds", "window"]).drop_duplicates("ds", keep="last")
    return [(f"Daily maximum: {unique_id}", part)]


def _draw(axes: Axes, part: pd.DataFrame, levels: Sequence[float], naive: str) -> None:
    time = part["ds"].to_numpy()
    low = min((q for q in levels if q < 0.5), key=lambda q: abs(q - 0.1), default=None)
    high = min((q for q in levels if q > 0.5), key=lambda q: abs(q - 0.9), default=None)
    if low is not None and high is not None:
        below, above = (part[quantile_column(q)].to_numpy() for q in (low, high))
        axes.fill_between(time, below, above, color=BLUE, alpha=0.25, linewidth=0, label=f"{low:g} to {high:g}")
    axes.plot(time, part[naive], color=GREY, linewidth=1, linestyle="--", label=naive.replace("_", " "))
    axes.plot(time, part["y_hat"], color=BLUE, label="forecast")
    axes.plot(time, part["y"], color=ORANGE, linewidth=1.2, label="actual")
    axes.legend(loc="upper right", ncols=4)
    axes.margins(x=0.01, y=0.18)  # room for the legend
    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))  # type: ignore[no-untyped-call]

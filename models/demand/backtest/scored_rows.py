"""Forecasts beside what came, a row a forecast value: the names of Nixtla's libraries."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models.demand.backtest.run import Run, Task
from models.demand.grid import Floats


def quantile_column(level: float) -> str:
    """Return ``q0.1`` for 0.1."""
    return f"q{level:g}"


def scored_rows(task: Task, run: Run, baselines: Mapping[str, Floats]) -> pd.DataFrame:
    """Put forecasts and actual values side by side.

    Args:
        task: What was asked.
        run: What the model said.
        baselines: By name (windows, series, horizon).

    Returns:
        Sorted by series, window and time: unique_id, cutoff (last known step), ds, y, y_hat, q0.1 and so on, basis; and
        window (its number), local_day, and a column for each baseline.
    """
    windows, series, horizon = run.median.shape
    target = task.target
    first = np.array([window.first for window in task.windows])
    steps = first[:, None] + np.arange(horizon)
    all_steps = np.broadcast_to(steps, (series, windows, horizon)).ravel()
    rows = {
        "unique_id": np.repeat(task.grid.unique_ids, windows * horizon).astype(object),
        "cutoff": np.tile(np.repeat(target.ds[first - 1], horizon), series).astype("datetime64[us]"),
        "ds": target.ds[all_steps].astype("datetime64[us]"),
        "y": target.y[:, steps].ravel(),
        "y_hat": _column(run.median),
        **{quantile_column(q): _column(said) for q, said in zip(task.levels, run.quantiles, strict=True)},
        "basis": run.basis.swapaxes(0, 1).ravel().astype(object),
        "window": np.tile(np.repeat(np.arange(windows), horizon), series),
        "local_day": target.local_days[all_steps].astype("datetime64[s]"),
        **{name: _column(said) for name, said in baselines.items()},
    }
    return pd.DataFrame(rows)


def published(rows: pd.DataFrame, levels: Sequence[float]) -> pd.DataFrame:
    """Return the columns of ``forecasts.parquet``."""
    return rows[["unique_id", "cutoff", "ds", "y", "y_hat", *(quantile_column(q) for q in levels), "basis"]]


def _column(said: Floats) -> Floats:
    return said.swapaxes(0, 1).ravel()


def scales(task: Task) -> pd.Series:
    """Return how far a value lies from that 24 hours before, on average, in what is known at each window's cutoff.

    Returns:
        By unique_id and window; NaN where there is nothing to compare.
    """
    y, day = task.target.y, task.target.day
    apart = np.abs(y[:, day:] - y[:, :-day])
    known = np.isfinite(apart)
    upto = np.array([max(window.first - day, 0) for window in task.windows])
    sums = np.cumsum(np.pad(np.where(known, apart, 0.0), ((0, 0), (1, 0))), axis=1)[:, upto]
    counts = np.cumsum(np.pad(known, ((0, 0), (1, 0))), axis=1)[:, upto]
    mean = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    names = [task.grid.unique_ids.astype(object), np.arange(len(task.windows))]
    return pd.Series(mean.ravel(), index=pd.MultiIndex.from_product(names, names=["unique_id", "window"]), name="scale")

"""How good forecasts are, by the definitions of utilsforecast where it has the figure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from utilsforecast import losses

from meterwise import metrics
from models.demand.backtest.peaks import peak_days
from models.demand.backtest.scored_rows import quantile_column

Figures = dict[str, Any]


def figures(
    rows: pd.DataFrame, column: str, levels: Sequence[float], scales: pd.Series, day_sizes: pd.Series, is_band: bool
) -> Figures:
    """Measure one forecast; a row without an actual or a forecast value is left out. Undefined is NaN.

    Args:
        rows: Of ``scored_rows``.
        column: The forecast.
        levels: Quantiles; a forecast without any counts as its own quantile at every level.
        scales: Of ``scales``.
        day_sizes: By local_day, the steps of each whole day.
        is_band: Whether the columns of the quantiles are this forecast's.
    """
    known = rows[rows["y"].notna() & rows[column].notna()]
    quantiles = {q: quantile_column(q) if is_band else column for q in levels}
    covered = _coverage(known, levels) if is_band else None
    y, y_hat = known["y"], known[column]
    return {
        "mase": _scaled(_by_window(known, losses.mae, models=[column]), scales),
        "scaled_quantile_loss": _scaled_quantile_loss(known, quantiles, scales),
        "mape": _pooled(known, losses.mape, models=[column]),
        "wape": metrics.wape(y, y_hat),
        "mae": _pooled(known, losses.mae, models=[column]),
        "rmse": _pooled(known, losses.rmse, models=[column]),
        "bias": metrics.bias(y, y_hat),
        "coverage_80": covered.get("80") if covered else None,
        "coverage": covered,
        "pinball": {
            f"{q:g}": _pooled(known, losses.quantile_loss, models={"loss": name}, q=q) for q, name in quantiles.items()
        },
        "peak_days": peak_days(rows, column, day_sizes),
    }


def by_series(rows: pd.DataFrame, column: str, scales: pd.Series) -> dict[str, Figures]:
    """Return mase and wape of each series."""
    known = rows[rows["y"].notna() & rows[column].notna()]
    scaled = _ratios(_by_window(known, losses.mae, models=[column]), scales).groupby(level="unique_id").mean()
    size = known.assign(off=(known["y"] - known[column]).abs(), size=known["y"].abs()).groupby("unique_id")
    sums = size[["off", "size"]].sum()
    wape = sums["off"] / sums["size"].where(sums["size"] > 0)
    return {
        str(name): {"mase": float(scaled.get(name, np.nan)), "wape": float(wape.get(name, np.nan))}
        for name in rows["unique_id"].unique()
    }


def window_mase(rows: pd.DataFrame, column: str, scales: pd.Series) -> pd.Series:
    """Return the scaled error by unique_id and window, where it is defined."""
    known = rows[rows["y"].notna() & rows[column].notna()]
    return _ratios(_by_window(known, losses.mae, models=[column]), scales)


def skill(found: Mapping[str, Figures]) -> Figures:
    """Return the share of the better naive forecast's scaled error that the model saves."""
    naive = np.fmin(found["seasonal_naive"]["mase"], found["week_ago"]["mase"])
    return {"mase_against_better_naive": metrics.skill(found["model"]["mase"], float(naive))}


def _by_window(known: pd.DataFrame, loss: Any, **options: Any) -> pd.Series:
    """Return a loss by series and window."""
    if known.empty:
        return pd.Series(dtype=float, index=pd.MultiIndex.from_arrays([[], []], names=["unique_id", "window"]))
    found = loss(known, cutoff_col="window", **options).set_index(["unique_id", "window"])
    return found.iloc[:, 0]


def _pooled(known: pd.DataFrame, loss: Any, **options: Any) -> float:
    """Return a loss over all rows as if of one series."""
    if known.empty:
        return float("nan")
    return float(loss(known.drop(columns="cutoff").assign(unique_id="all"), **options).iloc[0, 1])


def _ratios(loss: pd.Series, scales: pd.Series) -> pd.Series:
    """Return loss by scale; where the scale is 0 or unknown there is none."""
    return (loss / scales.where(scales > 0).reindex(loss.index)).dropna()


def _scaled(loss: pd.Series, scales: pd.Series) -> float:
    return float(_ratios(loss, scales).mean())


def _scaled_quantile_loss(known: pd.DataFrame, quantiles: Mapping[float, str], scales: pd.Series) -> float:
    parts = [
        _scaled(_by_window(known, losses.quantile_loss, models={"loss": name}, q=q), scales)
        for q, name in quantiles.items()
    ]
    return float(np.mean(parts))


def _coverage(known: pd.DataFrame, levels: Sequence[float]) -> dict[str, float]:
    """Return by percent how often the band between two levels as far from the median held the value."""
    bands = [(low, high) for low in levels for high in levels if low < 0.5 and abs(low + high - 1) < 1e-9]
    return {
        f"{100 * (high - low):g}": metrics.coverage(
            known["y"], known[quantile_column(low)], known[quantile_column(high)]
        )
        for low, high in bands
    }

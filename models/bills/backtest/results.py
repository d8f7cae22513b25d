"""What a backtest of months leaves: figures of the model and of every plain method, and a row a forecast."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from meterwise import metrics
from models.bills.backtest.baselines import AT_ANY_TIME, IN_THE_MONTH, LEAST_SCORED, with_bands
from models.bills.backtest.run import HORIZONS, QUANTILES, Run
from models.bills.day_grid import LEAST_MEASURED, Bools, Floats
from models.bills.params import LEVELS

Figures = dict[str, Any]
PLAIN = (*AT_ANY_TIME, *IN_THE_MONTH)
NOT_COMPARED = (
    "No customer has the month before and the same month a year before: figures are of all months whose month before "
    "is known, or else of all."
)
NEARLY_WHOLE = (
    f"No month has {LEAST_SCORED} days of which every interval was measured: days count of which {LEAST_MEASURED:.0%} "
    "was, scaled up."
)
BANDS_NOTE = "P10 and P90 of a plain method are its own errors in the months that had ended by then."


def report(run: Run) -> tuple[Figures, list[str]]:
    """Measure every forecast on the same months: those that every plain method can say something of.

    Returns:
        Figures by forecast and horizon, None where undefined; and notes.
    """
    found: dict[str, Figures] = {name: {} for name in ("model", *PLAIN)}
    notes = [BANDS_NOTE] if run.has_whole_days else [BANDS_NOTE, NEARLY_WHOLE]
    for horizon, day in HORIZONS.items():
        rows = run.rows[run.rows["horizon"] == horizon].reset_index(drop=True)
        plain = PLAIN if day else AT_ANY_TIME
        scored = _comparable(rows, plain)
        if not rows[list(plain)].notna().all(axis=1).any() and NOT_COMPARED not in notes:
            notes.append(NOT_COMPARED)
        found["model"][horizon] = _figures(rows, rows[QUANTILES].to_numpy().T, scored)
        for name in plain:
            found[name][horizon] = _figures(rows, with_bands(rows, name), scored & rows[name].notna().to_numpy())
    basis = run.rows["basis"].value_counts(normalize=True)
    found["model"] |= {
        "seconds": round(run.seconds, 3),
        "peak_memory_mb": round(run.peak_memory_mb, 1),
        "basis": {str(name): float(share) for name, share in basis.items()},
    }
    return found, notes


def _comparable(rows: pd.DataFrame, plain: tuple[str, ...]) -> Bools:
    for needed in (list(plain), ["last_month"]):
        told: Bools = rows[needed].notna().all(axis=1).to_numpy()
        if told.any():
            return told
    return np.ones(len(rows), dtype=np.bool_)


def _figures(rows: pd.DataFrame, quantiles: Floats, scored: Bools) -> Figures:
    y, (low, middle, high) = rows["y"].to_numpy()[scored], quantiles[:, scored]
    losses = [metrics.quantile_loss(y, said, q) for q, said in zip(LEVELS, (low, middle, high), strict=True)]
    some = y != 0
    relative = np.abs(middle - y)[some] / np.abs(y)[some]
    found = {
        "wape": metrics.wape(y, middle),
        "mape": float(relative.mean()) if some.any() else math.nan,
        "bias": metrics.bias(y, middle),
        "coverage_80": metrics.coverage(y, low, high),
        "pinball": float(np.mean(losses)),
    }
    return {name: value if math.isfinite(value) else None for name, value in found.items()} | {"months": len(y)}


def nothing_scored(days: int) -> str:
    """Return why no month could be scored, and what to do."""
    return (
        f"no calendar month has {LEAST_SCORED} days that were measured by {LEAST_MEASURED:.0%} or more, behind a known "
        f"day; the file has {days} day(s) with a value. Give at least one whole month and some days before it."
    )


def write_forecasts(run: Run, path: Path) -> None:
    """Write unique_id, cutoff, month, y, y_hat, q0.1, q0.9 (kWh), mean, horizon and basis, a row a forecast."""
    shown = run.rows.rename(columns={"q0.5": "y_hat"})
    kinds = {
        "unique_id": pa.string(),
        "cutoff": pa.timestamp("us"),
        "month": pa.timestamp("us"),
        **dict.fromkeys(("y", "y_hat", "q0.1", "q0.9", "mean"), pa.float64()),
        "horizon": pa.string(),
        "basis": pa.string(),
    }
    shown = shown[list(kinds)].sort_values(["unique_id", "cutoff"])
    table = pa.Table.from_pandas(shown, schema=pa.schema(list(kinds.items())), preserve_index=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(), path)

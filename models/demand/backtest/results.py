"""What a backtest leaves: figures as JSON, forecasts as Parquet."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from models.demand.backtest.figures import by_series, figures, skill
from models.demand.backtest.run import Run, Task
from models.demand.backtest.scored_rows import published, scales

POINT_NOTE = (
    "The baselines have no quantiles: in their scaled_quantile_loss and pinball the same point stands at every level, "
    "and their coverage is null."
)
MEMORY_NOTE = "peak_memory_mb is the most that the whole process held until the model's last forecast."


def report(
    protocol: Mapping[str, Any], task: Task, run: Run, rows: pd.DataFrame, baselines: Mapping[str, Any]
) -> dict[str, Any]:
    """Put the figures together; NaN is None.

    Args:
        protocol: What was asked.
        task: What that came to.
        run: What the model said.
        rows: Of ``scored_rows``.
        baselines: By name, those whose columns ``rows`` has.
    """
    scale, sizes = scales(task), day_sizes(task)
    cutoffs = rows["cutoff"]
    found: dict[str, Any] = {
        "protocol": {
            **protocol,
            "windows": [cutoffs.min().isoformat(), cutoffs.max().isoformat()],
            "windows_run": len(task.windows),
            "series": len(task.grid.unique_ids),
            "rows": int((rows["y"].notna() & rows["y_hat"].notna()).sum()),
            "notes": [*protocol["notes"], POINT_NOTE, MEMORY_NOTE],
        },
        "model": {
            **figures(rows, "y_hat", task.levels, scale, sizes, is_band=True),
            "seconds": round(run.seconds, 3),
            "peak_memory_mb": round(run.peak_memory_mb, 1),
            "basis": {str(name): float(share) for name, share in rows["basis"].value_counts(normalize=True).items()},
        },
        **{name: figures(rows, name, task.levels, scale, sizes, is_band=False) for name in baselines},
    }
    found["skill"] = skill(found)
    if len(task.grid.unique_ids) > 1:
        found["by_series"] = by_series(rows, "y_hat", scale)
    return dict(_without_nan(found))


def day_sizes(task: Task) -> pd.Series:
    """Return the number of steps of each local day that is there wholly, by local_day."""
    days, sizes = np.unique(task.target.local_days[task.target.is_whole_day], return_counts=True)
    return pd.Series(sizes, index=pd.DatetimeIndex(days.astype("datetime64[s]")))


def write_figures(found: Mapping[str, Any], path: Path) -> None:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def write_forecasts(rows: pd.DataFrame, task: Task, path: Path) -> None:
    """Write unique_id, cutoff, ds, y, y_hat, q0.1 and so on, basis: text, timestamps without a zone, and doubles."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = published(rows, task.levels)
    kinds = {"unique_id": pa.string(), "cutoff": pa.timestamp("us"), "ds": pa.timestamp("us"), "basis": pa.string()}
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in shown.columns])
    pq.write_table(pa.Table.from_pandas(shown, schema=schema, preserve_index=False).replace_schema_metadata(), path)


def _without_nan(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _without_nan(value) for name, value in found.items()}
    if isinstance(found, list):
        return [_without_nan(value) for value in found]
    if isinstance(found, float | np.floating):
        return float(found) if math.isfinite(found) else None
    return found

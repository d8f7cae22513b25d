"""The levels that load is forecast on, and means that add up over them."""

import numpy as np
import pandas as pd
import pyarrow as pa

from models.demand.grid import Floats

ALL = "*"
"""In place of a code that a level does not tell apart."""
CODES = ["region_code", "feeder_code", "customer_class"]
KEY = ["level", *CODES]
KEY_FIELDS = [(name, pa.string()) for name in KEY]
"""Of the schema of a table with a row for each series."""
ROUNDS = 10
TINY = 1e-9


def listed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the series of rows with a ``KEY``, each once and in order, with its ``series`` name."""
    found = rows[KEY].drop_duplicates().sort_values(KEY, ignore_index=True)
    return found.assign(series=["/".join(code for code in row if code != ALL) for row in found[KEY].to_numpy()])


def constraints(series: pd.DataFrame) -> Floats:
    """Return (sums, series): a series less its parts, which is 0 for means that add up.

    A region is the sum of its feeders, the total that of the regions and that of the classes.
    """
    level, region = series["level"].to_numpy(), series["region_code"].to_numpy()
    total = (level == "total").astype(np.float64)
    rows = [total - (level == part) for part in ("region", "customer_class")]
    rows += [(region == code) * ((level == "region").astype(float) - (level == "feeder")) for code in _regions(series)]
    return np.stack(rows)


def reconciled(mean: Floats, variance: Floats, sums: Floats, least: Floats) -> Floats:
    """Return means that add up, moved as little as their variances allow, and none below ``least``.

    The projection of minimum trace with variances on the diagonal (Wickramasuriya, Athanasopoulos and Hyndman, 2019),
    in its form for constraints: it needs no forecast of the parts of feeders by class.

    Args:
        mean: (series, times).
        variance: (series, times) of each mean's error, at least in proportion.
        sums: (sums, series) of ``constraints``.
        least: (series,) bound, -inf for none.
    """
    bound = np.broadcast_to(least[:, None], mean.shape)
    start, free = np.maximum(mean, bound), np.maximum(variance, TINY * max(float(variance.max(initial=0)), TINY))
    for _ in range(ROUNDS):
        found = np.asarray(start - free * (sums.T @ _shift(start, free, sums)), dtype=np.float64)
        below = found < bound
        if not below.any():
            break
        # What would fall below stays at the bound, and the others share its part.
        start, free = np.where(below, bound, start), np.where(below, 0.0, free)
    return np.maximum(found, bound)


def _shift(mean: Floats, free: Floats, sums: Floats) -> Floats:
    weighed = sums[None] * free.T[:, None, :]
    system = weighed @ sums.T
    scale = np.maximum(np.trace(system, axis1=1, axis2=2), np.finfo(np.float64).tiny)
    sure = system + (1e-12 * scale)[:, None, None] * np.eye(len(sums))
    solved: Floats = np.linalg.solve(sure, (sums @ mean).T[:, :, None])[:, :, 0].T
    return solved


def _regions(series: pd.DataFrame) -> list[str]:
    return list(series.loc[series["level"] == "region", "region_code"])

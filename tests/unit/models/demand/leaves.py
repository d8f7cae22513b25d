"""Series of every level over feeders and classes, and which of these each one sums."""

import numpy as np
import pandas as pd

from models.demand.levels import ALL, CODES, listed

TOLD_APART = {
    "total": [],
    "region": ["region_code"],
    "feeder": ["region_code", "feeder_code"],
    "customer_class": ["customer_class"],
}


def members(leaves: pd.DataFrame) -> pd.DataFrame:
    parts = [
        leaves.assign(level=level, **{code: ALL for code in CODES if code not in codes})
        for level, codes in TOLD_APART.items()
    ]
    return listed(pd.concat(parts))


def summing(series: pd.DataFrame, leaves: pd.DataFrame) -> np.ndarray:
    """(series, leaves): 1 where a leaf is part of a series."""
    inside = np.ones((len(series), len(leaves)), dtype=bool)
    for code in CODES:
        wanted, found = series[code].to_numpy()[:, None], leaves[code].to_numpy()[None]
        inside &= (wanted == ALL) | (wanted == found)
    return inside.astype(np.float64)

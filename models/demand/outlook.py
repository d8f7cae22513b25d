"""Energy of each local day for five weeks ahead, for planning."""

import pandas as pd
import pyarrow as pa

from models.demand import issued
from models.demand.dataset import Demand
from models.demand.levels import KEY_FIELDS
from models.demand.registered import Forecasters, quantile_columns

TABLE = "scores.demand_outlook"
SCHEMA = pa.schema(
    [
        ("as_of_date", pa.date32()),
        *KEY_FIELDS,
        ("local_date", pa.date32()),
        ("days_ahead", pa.int32()),
        ("mean_kwh", pa.float64()),
        *((name, pa.float64()) for name in quantile_columns()),
        ("basis", pa.string()),
        ("reason", pa.string()),
        ("model_version", pa.string()),
    ]
)


def ahead(days: Demand, forecasters: Forecasters) -> pd.DataFrame:
    """Forecast the energy of each local day after the day of issue.

    Args:
        days: Of ``dataset.by_day``.
        forecasters: Of days.

    Returns:
        A row for each series and day: the key of its level, ``local_date``, ``days_ahead``, ``mean_kwh`` that adds up
        over the levels, ``p05_kwh`` to ``p95_kwh`` and ``basis``.
    """
    said = issued.loads(days, forecasters).rename(columns={"horizon_hours": "days_ahead"})
    return said[said["days_ahead"] > 0].reset_index(drop=True)

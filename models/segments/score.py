"""Gives every active customer of one day a load shape with the champion; never fits."""

import logging
from datetime import date

import pandas as pd
import pyarrow as pa

from meterwise import promotions
from meterwise.settings import Settings, get_settings
from meterwise.skips import record_skip
from meterwise.warehouse import Warehouse
from models.segments.dataset import scoring_set, skip_reason
from models.segments.params import MODEL_NAME, UNKNOWN

log = logging.getLogger(__name__)

SHAPES = pa.schema(
    [
        ("as_of_date", pa.date32()),
        ("customer_id", pa.string()),
        ("load_shape", pa.string()),
        ("shape_distance", pa.float64()),
        ("model_version", pa.string()),
    ]
)


def score(as_of_date: str, settings: Settings | None = None) -> int:
    """Replace the load shapes of one day; returns the number of customers.

    Where nobody's shape can be told (``dataset.skip_reason``) all are unknown and ``scores.model_skips`` says why.

    Raises:
        RefusedError: The features of that day are not built.
        NoChampionError: No shapes have been promoted yet.
    """
    settings, day = settings or get_settings(), date.fromisoformat(as_of_date)
    customers = scoring_set(day, settings)
    reason = skip_reason(as_of_date, settings)
    rows = customers[["as_of_date", "customer_id"]].assign(as_of_date=day)
    if reason is None:
        champion = promotions.champion_to_score(MODEL_NAME, as_of_date, settings)
        rows = rows.join(champion.predictor.predict(customers).round({"shape_distance": 9}))
        rows["model_version"] = champion.version
    else:
        log.warning(reason)
        rows = rows.assign(load_shape=UNKNOWN, shape_distance=float("nan"), model_version=None)
    _write(rows, reason, day, settings)
    return len(rows)


def _write(rows: pd.DataFrame, reason: str | None, day: date, settings: Settings) -> None:
    table = pa.Table.from_pandas(rows[SHAPES.names], schema=SHAPES, preserve_index=False)
    Warehouse(settings).replace_partition("scores.load_shapes", table, {"as_of_date": day})
    record_skip(MODEL_NAME, day, reason, settings)

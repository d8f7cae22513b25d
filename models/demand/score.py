"""Forecasts one issue day with the champion. Never fits anything."""

import logging
from datetime import date

import pandas as pd
import pyarrow as pa

from meterwise import promotions
from meterwise.settings import Settings, get_settings
from meterwise.skips import record_skip
from meterwise.warehouse import Warehouse
from models.demand.dataset import INPUTS, MODEL, scoring_rows, skip_reason

log = logging.getLogger(__name__)

TABLE = "scores.demand_forecasts"
SCHEMA = pa.schema(
    [
        ("as_of_date", pa.date32()),
        ("region_code", pa.string()),
        ("valid_at_utc", pa.timestamp("us")),
        ("horizon_hours", pa.int32()),
        ("p10_kwh", pa.float64()),
        ("p50_kwh", pa.float64()),
        ("p90_kwh", pa.float64()),
        ("naive_kwh", pa.float64()),
        ("model_version", pa.string()),
    ]
)


def score(as_of_date: str, settings: Settings | None = None) -> int:
    """Write the forecasts of one issue day to ``scores.demand_forecasts``; returns the number of rows.

    A day without known loads is skipped with the reason in ``scores.model_skips``.

    Raises:
        NoChampionError: No version holds the alias ``champion``.
    """
    settings, day = settings or get_settings(), date.fromisoformat(as_of_date)
    reason = skip_reason(as_of_date, settings=settings)
    table = SCHEMA.empty_table()
    if reason is None:
        champion = promotions.champion_to_score(MODEL, as_of_date, settings)
        rows = scoring_rows(as_of_date, settings)
        table = _as_table(rows.join(champion.predictor.predict(rows[INPUTS])).assign(model_version=champion.version))
    else:
        log.warning(reason)
    Warehouse(settings).replace_partition(TABLE, table, {"as_of_date": day})
    record_skip(MODEL, day, reason, settings)
    return table.num_rows


def _as_table(forecasts: pd.DataFrame) -> pa.Table:
    days = forecasts["as_of_date"].dt.date
    return pa.Table.from_pandas(
        forecasts.assign(as_of_date=days)[SCHEMA.names], SCHEMA, preserve_index=False, safe=False
    )

"""Scores every active customer of one day with the champion; never fits."""

import logging
import math
from datetime import date
from typing import cast

import pandas as pd
import pyarrow as pa

from meterwise import promotions
from meterwise.settings import Settings, get_settings
from meterwise.skips import record_skip
from meterwise.warehouse import Warehouse
from models.churn.dataset import scoring_set, skip_reason
from models.churn.params import MODEL_NAME, ChurnParams
from models.churn.predictor import ChurnPredictor
from models.churn.reasons import main_reasons

log = logging.getLogger(__name__)

SCORES = pa.schema(
    [
        ("as_of_date", pa.date32()),
        ("customer_id", pa.string()),
        ("churn_probability", pa.float64()),
        ("reason_1", pa.string()),
        ("reason_2", pa.string()),
        ("reason_3", pa.string()),
        ("model_version", pa.string()),
    ]
)


def score(as_of_date: str, settings: Settings | None = None) -> int:
    """Replace the churn scores of one day; returns the number of customers scored.

    Where churn cannot be scored (``dataset.skip_reason``) the day gets no scores and ``scores.model_skips`` says why.

    Raises:
        RefusedError: The features of that day are not built.
        NoChampionError: No model has been promoted yet.
    """
    settings, day = settings or get_settings(), date.fromisoformat(as_of_date)
    reason = skip_reason(as_of_date, settings)
    rows = SCORES.empty_table()
    if reason is None:
        champion = promotions.champion_to_score(MODEL_NAME, as_of_date, settings)
        rows = _scores(
            cast(ChurnPredictor, champion.predictor), champion.version, scoring_set(day, settings), day, ChurnParams()
        )
    else:
        log.warning(reason)
    Warehouse(settings).replace_partition("scores.churn_scores", rows, {"as_of_date": day})
    record_skip(MODEL_NAME, day, reason, settings)
    return rows.num_rows


def _scores(
    predictor: ChurnPredictor, version: str, customers: pd.DataFrame, day: date, params: ChurnParams
) -> pa.Table:
    scored = customers[["customer_id"]].assign(
        as_of_date=day,
        churn_probability=predictor.predict(customers)["churn_probability"].round(9),
        model_version=version,
    )
    contacted = contact_rows(scored, params.contact_share)
    explained = customers.loc[contacted]
    scored = scored.join(main_reasons(predictor.encoding.named(explained), predictor.contributions(explained)))
    return pa.Table.from_pandas(scored[SCORES.names], schema=SCORES, preserve_index=False)


def contact_rows(scored: pd.DataFrame, share: float) -> pd.Index:
    """Return the rows of the customers whom a campaign can reach: the highest scores, equal ones by customer id."""
    ranked = scored.sort_values(["churn_probability", "customer_id"], ascending=[False, True], kind="stable")
    return ranked.index[: math.ceil(share * len(ranked))]

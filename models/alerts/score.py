"""Scores every meter with enough reads of one day with the champion; never fits."""

import logging
from datetime import date
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa

from meterwise import promotions
from meterwise.settings import Settings, get_settings
from meterwise.skips import record_skip
from meterwise.sources.cube import Cube
from meterwise.warehouse import Warehouse
from models.alerts.dataset import skip_reason
from models.alerts.day_features import filled
from models.alerts.features import Population, features, population
from models.alerts.naming import METER_TYPES, NONE, published_type, told
from models.alerts.params import MODEL_NAME
from models.alerts.predictor import AlertPredictor
from models.alerts.reads import Window, cube, cubes, known_meters

log = logging.getLogger(__name__)

SCORES = pa.schema(
    [
        ("as_of_date", pa.date32()),
        ("meter_id", pa.string()),
        ("score", pa.float64()),
        ("alert_type", pa.string()),
        ("confidence", pa.float64()),
        ("evidence", pa.string()),
        ("model_version", pa.string()),
    ]
)


def score(as_of_date: str, settings: Settings | None = None) -> int:
    """Replace the alert scores of one day; returns the number of meters scored.

    A meter with too little history gets no row. Where too few have enough (``dataset.skip_reason``) nobody gets one and
    ``scores.model_skips`` says why.

    Raises:
        NoChampionError: No model has been promoted yet.
    """
    settings, day = settings or get_settings(), date.fromisoformat(as_of_date)
    reason = skip_reason(as_of_date, settings)
    rows = SCORES.empty_table()
    if reason is None:
        champion = promotions.champion_to_score(MODEL_NAME, as_of_date, settings)
        scored = scores(cast(AlertPredictor, champion.predictor), day, settings)
        scored = scored.assign(as_of_date=day, model_version=champion.version)
        rows = pa.Table.from_pandas(scored[SCORES.names], schema=SCORES, preserve_index=False)
    else:
        log.warning(reason)
    Warehouse(settings).replace_partition("scores.meter_alert_scores", rows, {"as_of_date": day})
    record_skip(MODEL_NAME, day, reason, settings)
    return rows.num_rows


def scores(predictor: AlertPredictor, as_of_date: date, settings: Settings | None = None) -> pd.DataFrame:
    """Return meter_id, score, alert_type (null: nothing unusual), confidence and evidence of every known meter.

    What is usual on these days is taken from a sample of the meters, then they are scored some at a time.
    """
    params, window = predictor.params, Window(as_of_date, predictor.days)
    ids = known_meters(window, params.least_days, settings)
    if not len(ids):
        return pd.DataFrame(columns=["meter_id", "score", "alert_type", "confidence", "evidence"])
    usual = population(filled(cube(window, ids[: params.sample_meters], settings).kwh))
    parts = cubes(window, ids, params.chunk_meters, settings)
    return pd.concat([_scored(predictor, part, usual) for part in parts], ignore_index=True)


def _scored(predictor: AlertPredictor, reads: Cube, usual: Population) -> pd.DataFrame:
    found = features(reads.kwh, usual)
    said = predictor.predict(found.assign(meter_id=reads.meter_ids))
    words = told(reads.kwh, found, said["score"].to_numpy(), said["kind"].to_numpy().astype(str), reads.days)
    # What crews found names a fault of the meter better than what was planted; a matter of use stays one.
    is_named = (said["finding"] != "") & words["alert_type"].isin(METER_TYPES)
    types = words["alert_type"].mask(is_named, said["finding"])
    is_alert = types != NONE
    rows = pd.DataFrame({"meter_id": reads.meter_ids, "score": said["score"].round(6)})
    return rows.assign(
        alert_type=pd.Series(published_type(types)).where(is_alert, None),
        confidence=said["confidence"].round(6),
        evidence=pd.Series(_evidence(words, said, reads)).where(is_alert, None),
    )


def _evidence(words: pd.DataFrame, said: pd.DataFrame, reads: Cube) -> list[str]:
    """JSON of each meter: from which day to which, kWh a day expected and measured, and what it looks most like."""
    has_reads = np.asarray((~np.isnan(reads.kwh)).any(2))
    last = reads.days[has_reads.shape[1] - 1 - has_reads[:, ::-1].argmax(1)]
    rows = pd.DataFrame(
        {
            "first_date": words["first_date"].dt.strftime("%Y-%m-%d"),
            "last_date": pd.Series(last).dt.strftime("%Y-%m-%d"),
            "expected_kwh_a_day": words["expected_kwh"].round(3),
            "measured_kwh_a_day": words["observed_kwh"].round(3),
            "most_like": said["kind"].str.replace("_", " "),
        }
    )
    return rows.to_json(orient="records", lines=True).splitlines()

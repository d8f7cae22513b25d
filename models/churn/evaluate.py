"""How good a churn model is on a later window, beside its baselines, and whether it becomes champion.

Never accuracy: who says 'everybody stays' is right nine times out of ten.
"""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score

from meterwise import metrics, promotions, registry
from meterwise.settings import Settings, get_settings
from meterwise.warehouse import Warehouse
from meterwise.watching.quality import Figure, at_training
from models.churn.dataset import LABEL, ChurnSkippedError, evaluation_set
from models.churn.params import MODEL_NAME, ChurnParams

Vector = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
MOST_LEVEL_ERROR = 2.0  # twice or half as many departures as announced: the probabilities can no longer be acted on
_REALISED = """
    with scored as (
        select
            scores.as_of_date, scores.model_version, scores.churn_probability,
            case when departures.customer_id is null then 0.0 else 1.0 end as has_left,
            row_number() over (
                partition by scores.as_of_date order by scores.churn_probability desc, scores.customer_id
            ) as place,
            count(*) over (partition by scores.as_of_date) as customers
        from scores.churn_scores as scores
        left join marts.customer_departures as departures
            on departures.customer_id = scores.customer_id
            and departures.left_on > scores.as_of_date
            and departures.left_on <= scores.as_of_date + {horizon_days}
        where scores.as_of_date between $first and $last
    )

    select
        as_of_date, max(model_version) as model_version, count(*) as customers,
        cast(sum(churn_probability) as double precision) as announced,
        cast(sum(has_left) as double precision) as seen,
        cast(
            avg(case when place <= ceil(customers * {contact_share}) then has_left end) / nullif(avg(has_left), 0)
            as double precision
        ) as lift
    from scored
    group by as_of_date
    order by as_of_date
"""
WATCHED_DAYS = 35  # scores whose 90 days closed within so many days are looked at, so that a pause loses none
AT_TRAINING: dict[str, tuple[str | None, str]] = {
    "average_precision": ("average_precision_base_rate", "base rate"),
    "lift_at_10pct": (None, "chance"),
}


def measure(probability: Vector, has_left: Flags, contact_share: float = 0.10) -> dict[str, float]:
    """Return average precision, AUC, Brier score, calibration error, and lift and recall at the contacted share.

    What cannot be said without a departure is NaN.
    """
    return {
        "average_precision": metrics.average_precision(has_left, probability),
        "auc": metrics.auc(has_left, probability),
        "brier": metrics.brier(has_left, probability),
        "ece": metrics.ece(has_left, probability),
        "lift_at_10pct": metrics.lift_at(has_left, probability, contact_share),
        "recall_at_10pct": metrics.recall_at(has_left, probability, contact_share),
    }


def beside(
    model: Mapping[str, float], has_left: Flags, others: Mapping[str, Vector], params: ChurnParams
) -> dict[str, float]:
    """Put each other's metrics beside the model's, as ``<metric>_<other>``; ``departure_rate`` is what happened."""
    found = dict(model) | {"departure_rate": float(has_left.mean())}
    for other, probability in others.items():
        for name, value in measure(probability, has_left, params.contact_share).items():
            found[f"{name}_{other}"] = value
    return found


def promote_if_better(run_id: str, as_of_date: str, settings: Settings | None = None) -> bool:
    """Make the run's model champion if it is better than the champion on the same window; say whether it is champion.

    Better means: a higher average precision by more than the setting ``promotion_margin`` (a share of the champion's)
    and by more than the standard error of the difference, customers drawn anew. The first version needs no rival.
    """

    def _compare(challenger: registry.RegisteredModel, champion: registry.RegisteredModel) -> promotions.Comparison:
        params = ChurnParams()
        test = evaluation_set(date.fromisoformat(as_of_date), params, settings)
        own, other = (model.predictor.predict(test)["churn_probability"].to_numpy() for model in (challenger, champion))
        return compare(own, other, test, params.seed)

    return promotions.promote_if_better(MODEL_NAME, run_id, as_of_date, _first, _compare, settings)


def _first(logged: Mapping[str, float]) -> str:
    own, base = logged.get("average_precision"), logged.get("average_precision_base_rate")
    if own is None or base is None:
        return "no customer left in the test window, so its quality is not known yet"
    return f"average precision {own:.3f}, base rate {base:.3f}"


def compare(challenger: Vector, champion: Vector, test: pd.DataFrame, seed: int) -> promotions.Comparison:
    """Compare the average precision of two models on the same rows; whole customers make the noise.

    Raises:
        IncomparableError: Nobody left in the test window, or everybody.
    """
    has_left = test[LABEL].to_numpy(dtype=bool)
    if not has_left.any() or has_left.all():
        raise promotions.IncomparableError("the test window has no departure to compare on")

    def _difference(times: Vector) -> float:
        if (times * has_left).sum() == 0:
            return float("nan")
        own, other = (average_precision_score(has_left, p, sample_weight=times) for p in (challenger, champion))
        return float(own - other)

    own, other = (metrics.average_precision(has_left, p) for p in (challenger, champion))
    noise = metrics.difference_noise(_difference, test["customer_id"], seed)
    return promotions.Comparison("average_precision", "average precision", own, other, noise)


def quality_dropped(as_of_date: str, settings: Settings | None = None) -> str | None:
    """Say in words why a new model should be trained before its time; None while the champion holds.

    Looked at on the newest window whose outcome is known: are departures still as many as the probabilities announced,
    and does the ranking still beat chance?
    """
    settings = settings or get_settings()
    try:
        test = evaluation_set(date.fromisoformat(as_of_date), ChurnParams(), settings)
    except ChurnSkippedError:
        return None  # nothing to train on, so nothing to train
    champion = registry.champion(MODEL_NAME, settings)
    if champion is None:
        return "churn has no champion yet"
    probability = champion.predictor.predict(test)["churn_probability"].to_numpy()
    return _decay(probability, test[LABEL].to_numpy(dtype=bool))


def _decay(probability: Vector, has_left: Flags) -> str | None:
    announced, seen = float(probability.sum()), float(has_left.sum())
    # Few departures are always off by much; three standard errors keep small utilities from retraining daily.
    if abs(announced - seen) > 3 * np.sqrt(max(announced, 1.0)) and (
        seen > MOST_LEVEL_ERROR * announced or announced > MOST_LEVEL_ERROR * seen
    ):
        return f"churn champion announced {announced:.0f} departures where {seen:.0f} were seen"
    if seen >= 20 and metrics.auc(has_left, probability) < 0.5:
        return "churn champion ranks customers no better than chance"
    return None


def quality(as_of_date: str, settings: Settings | None = None) -> list[Figure]:
    """Return what became of scores whose 90 days are over, beside chance, and how the champion tested at training."""
    params = ChurnParams()
    last = date.fromisoformat(as_of_date) - timedelta(days=params.horizon_days)
    query = _REALISED.format(horizon_days=params.horizon_days, contact_share=params.contact_share)
    bounds = {"first": last - timedelta(days=WATCHED_DAYS), "last": last}
    found: list[Figure] = []
    for row in Warehouse(settings).arrow(query, bounds).to_pylist():
        said = (MODEL_NAME, row["model_version"], row["as_of_date"])
        found.append(Figure(*said, "departures", row["seen"], row["announced"], "announced", row["customers"]))
        if row["lift"] is not None:
            found.append(Figure(*said, "lift_at_10pct", row["lift"], 1.0, "chance", row["customers"]))
    champion = registry.champion(MODEL_NAME, settings)
    if champion is None:
        return found
    return found + at_training(MODEL_NAME, champion.version, champion.as_of_date, champion.metrics, AT_TRAINING)

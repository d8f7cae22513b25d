"""How good the models are over time: what they said against what came, and what they were at training.

Which figures tell is said in ``models/<name>/evaluate.py``.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date

from meterwise import ops
from meterwise.settings import Settings
from meterwise.watching import records

SAME = ("model", "model_version", "as_of_date", "metric", "is_realised")


@dataclass(frozen=True)
class Figure:
    """One figure of a model beside that of its baseline; the fields are those of ``ops.model_quality``."""

    model: str
    model_version: str
    as_of_date: date
    metric: str
    value: float
    baseline: float | None
    baseline_name: str
    cases: int | None = None
    is_realised: bool = True


def at_training(
    model: str,
    version: str,
    as_of_date: str,
    logged: Mapping[str, float],
    metrics: Mapping[str, tuple[str | None, str]],
) -> list[Figure]:
    """Return figures that a training run logged.

    Args:
        model: Registered model.
        version: The version that was trained.
        as_of_date: Day of the training.
        logged: All that the run logged.
        metrics: By figure, the figure of the baseline and what it is called; without a name the text is its value.
    """
    day = date.fromisoformat(as_of_date)
    return [
        Figure(model, version, day, metric, logged[metric], logged.get(other or ""), words, is_realised=False)
        for metric, (other, words) in metrics.items()
        if metric in logged
    ]


def record(figures: Iterable[Figure], settings: Settings | None = None) -> list[Figure]:
    """Append the figures that are new or have changed, since more has come to judge by; returns them."""
    known = {
        tuple(row[name] for name in SAME): (row["value"], row["cases"])
        for row in ops.select_rows(
            "select distinct on (model, model_version, as_of_date, metric, is_realised) * from ops.model_quality "
            "order by model, model_version, as_of_date, metric, is_realised, figure_id desc",
            settings,
        )
    }
    new = [
        figure
        for figure in figures
        if math.isfinite(figure.value)
        and known.get(tuple(getattr(figure, name) for name in SAME)) != (figure.value, figure.cases)
    ]
    records.append(records.MODEL_QUALITY, [asdict(figure) for figure in new], settings)
    return new

"""The figures of a churn run: is it calibrated, whom does it find, what does it look at."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.churn.dataset import LABEL
from models.churn.params import ChurnParams
from models.churn.predictor import ChurnPredictor

Vector = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
EXPLAINED_ROWS = 1000
SHOWN_FEATURES = 15


def all_figures(
    predictor: ChurnPredictor,
    test: pd.DataFrame,
    probability: Vector,
    others: Mapping[str, Vector],
    params: ChurnParams,
) -> dict[str, Figure]:
    """Return every figure by name, drawn on the test window."""
    has_left = test[LABEL].to_numpy(dtype=bool)
    return {
        "calibration": calibration(probability, has_left),
        "gain_curve": gain_curve({"model": probability, **others}, has_left, params.contact_share),
        "feature_contributions": feature_contributions(predictor, test),
        "score_distribution": score_distribution(probability, has_left),
    }


def calibration(probability: Vector, has_left: Flags) -> Figure:
    """Observed departures against predicted ones in ten groups of equal size."""
    groups = [part for part in np.array_split(np.argsort(probability, kind="stable"), 10) if len(part)]
    predicted = [float(probability[g].mean()) for g in groups]
    observed = [float(has_left[g].mean()) for g in groups]
    error = [float(np.sqrt(max(p * (1 - p), 1e-9) / len(g))) for p, g in zip(predicted, groups, strict=True)]
    figure, axes = _figure("Calibration on the test window", "predicted share that leaves", "observed share")
    top = max([*predicted, *observed, 0.01]) * 1.1
    axes.plot([0, top], [0, top], color="grey", linestyle="--", label="perfect")
    axes.errorbar(predicted, observed, yerr=error, marker="o", label="model, one standard error")
    axes.legend()
    return figure


def gain_curve(probabilities: Mapping[str, Vector], has_left: Flags, contact_share: float) -> Figure:
    """Share of departures found against share of customers contacted."""
    figure, axes = _figure("Whom a campaign finds", "share of customers contacted", "share of departures among them")
    contacted = np.arange(1, len(has_left) + 1) / max(len(has_left), 1)
    for name, probability in probabilities.items():
        if name == "base_rate":
            axes.plot([0, 1], [0, 1], color="grey", linestyle="--", label="base rate")
            continue
        order = np.argsort(-probability, kind="stable")
        axes.plot(contacted, np.cumsum(has_left[order]) / max(int(has_left.sum()), 1), label=name.replace("_", " "))
    axes.axvline(contact_share, color="black", linewidth=0.8, label=f"contact limit {contact_share:.0%}")
    axes.legend()
    return figure


def feature_contributions(predictor: ChurnPredictor, test: pd.DataFrame) -> Figure:
    """Mean size of each feature's contribution in log odds, on evenly spaced rows."""
    sample = test.iloc[:: max(1, len(test) // EXPLAINED_ROWS)].head(EXPLAINED_ROWS)
    sizes = predictor.contributions(sample).abs().mean().sort_values(kind="stable").tail(SHOWN_FEATURES)
    figure, axes = _figure("What the score looks at", "mean contribution (log odds)", "")
    axes.barh(list(sizes.index), sizes.to_numpy())
    return figure


def score_distribution(probability: Vector, has_left: Flags) -> Figure:
    """How the probabilities of those who stayed and those who left are spread."""
    figure, axes = _figure("Scores of the test window", "churn probability", "share of the group per bin")
    bins = np.linspace(0, max(float(probability.max(initial=0.0)), 0.01), 30)
    for name, group in (("stayed", ~has_left), ("left", has_left)):
        if group.any():
            axes.hist(
                probability[group],
                bins=list(bins),
                weights=np.full(group.sum(), 1 / group.sum()),
                alpha=0.6,
                label=name,
            )
    axes.legend()
    return figure


def _figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 4.5), layout="tight")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes

"""Plots of the alert model for its MLflow run."""

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure


def scores(score: npt.NDArray[np.float64], is_planted: npt.NDArray[np.bool_]) -> Figure:
    """Draw how far apart the scores of meters as they are and of those with a planted fault lie."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    bins = np.linspace(score.min(), score.max() + 1e-9, 41).tolist()
    axes.hist(score[~is_planted], bins, alpha=0.6, label="as they are")
    axes.hist(score[is_planted], bins, alpha=0.6, label="with a planted fault")
    axes.set_xlabel("score (log odds)")
    axes.set_ylabel("meters")
    axes.legend()
    return figure

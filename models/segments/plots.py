"""The figures of a run that learnt load shapes."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.segments.predictor import LoadShapes


def load_shapes(shapes: LoadShapes) -> Figure:
    """Each centre over the hours of a working day."""
    figure, axes = _figure("Load shapes of a working day", "local hour", "share of the day's energy")
    for name, centre in zip(shapes.names, shapes.centres, strict=True):
        axes.plot(np.arange(24), centre, label=name, marker=".")
    axes.axhline(1 / 24, color="grey", linestyle="--", linewidth=0.8)
    axes.legend()
    return figure


def customers_by_shape(shapes: LoadShapes, evaluate: pd.DataFrame) -> Figure:
    """How many customers have each shape on the evaluation day."""
    counts = shapes.predict(evaluate)["load_shape"].value_counts().sort_index()
    figure, axes = _figure("Customers by load shape", "customers", "")
    axes.barh(list(map(str, counts.index)), counts.to_numpy())
    return figure


def stability(values: dict[int, float]) -> Figure:
    """How alike independent clusterings are, by number of clusters."""
    figure, axes = _figure("Why so many clusters", "clusters", "adjusted Rand index of two windows")
    axes.plot(list(values), list(values.values()), marker="o")
    axes.set_xticks(list(values))
    return figure


def _figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 4.5), layout="tight")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes

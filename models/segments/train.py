"""Finds load shapes in the past and registers them; says nothing about whether they are better."""

import json
from datetime import date, timedelta
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from meterwise import registry
from meterwise.settings import Settings, get_settings
from models.segments import plots
from models.segments.dataset import SegmentsDataset, training_set
from models.segments.evaluate import beside_one_cluster, measure
from models.segments.naming import name_of
from models.segments.params import MODEL_NAME, PROFILE, SegmentsParams
from models.segments.predictor import LoadShapes, profiles

Matrix = npt.NDArray[np.float64]
EXAMPLE_ROWS = 5
MOST_PAIRS = 4


def train_model(as_of_date: str, settings: Settings | None = None) -> str:
    """Learn shapes from what was known at the end of a local day, register them and return the MLflow run id.

    The same data and parameters again return the run that already holds them.

    Raises:
        SegmentsSkippedError: No customer has a profile.
    """
    settings, params = settings or get_settings(), SegmentsParams()
    dataset = training_set(date.fromisoformat(as_of_date), params, settings)
    mark = registry.fingerprint(dataset.train, dataset.evaluate, params.model_dump_json())
    known = registry.trained(MODEL_NAME, mark, settings)
    if known:
        return known
    stability = stability_by_clusters(dataset.train, params)
    shapes = fit(dataset.train, choose(stability, params), params)
    window = f"{dataset.windows.train[0]} to {dataset.windows.train[-1]}"
    with registry.run(MODEL_NAME, window, as_of_date, mark, settings) as run:
        _record(run, dataset, shapes, stability, params)
        return run.run_id


def fit(train: pd.DataFrame, clusters: int, params: SegmentsParams) -> LoadShapes:
    """Cluster the profiles and name the centres. Deterministic."""
    centres = _centres(profiles(_spread(train, params.most_rows)), clusters, params)
    named = sorted(
        (name_of(np.asarray(centre)), tuple(float(share) for share in centre)) for centre in centres.round(9)
    )
    return LoadShapes(
        names=tuple(name for name, _ in named),
        centres=tuple(centre for _, centre in named),
        min_days_known=params.min_days_known,
    )


def choose(stability: dict[int, float], params: SegmentsParams) -> int:
    """Return the largest number of clusters that is about as stable as the most stable one."""
    best = max(stability.values())
    return max(clusters for clusters, value in stability.items() if value >= best - params.stability_slack)


def stability_by_clusters(train: pd.DataFrame, params: SegmentsParams) -> dict[int, float]:
    """Say for each number of clusters how alike two independent clusterings are (adjusted Rand index, 1 = equal).

    Independent are days whose profiles share no read; with one such day only, two halves of the customers.
    """
    most = max(1, train["customer_id"].nunique() // params.customers_per_cluster)
    parts = _independent_parts(train, params)
    return {
        clusters: float(np.mean([_agreement(one, other, clusters, params) for one, other in parts]))
        for clusters in sorted({min(clusters, most) for clusters in params.clusters})
    }


def _independent_parts(train: pd.DataFrame, params: SegmentsParams) -> list[tuple[Matrix, Matrix]]:
    days = sorted(train["as_of_date"].unique())
    gap = timedelta(days=params.profile_days)
    pairs = [(a, b) for a, b in combinations(days, 2) if b - a >= gap][-MOST_PAIRS:]
    rows = {day: profiles(_spread(train[train["as_of_date"] == day], params.most_rows)) for day in days}
    if pairs:
        return [(rows[a], rows[b]) for a, b in pairs]
    return [(rows[days[-1]][0::2], rows[days[-1]][1::2])]


def _agreement(one: Matrix, other: Matrix, clusters: int, params: SegmentsParams) -> float:
    if min(len(one), len(other)) < clusters:
        return 0.0
    names = tuple(str(number) for number in range(clusters))
    labels = []
    for rows in (one, other):
        centres = tuple(tuple(centre) for centre in _centres(rows, clusters, params))
        labels.append(LoadShapes(names, centres, 0).nearest(other)[0])
    return float(adjusted_rand_score(labels[0], labels[1]))


def _centres(rows: Matrix, clusters: int, params: SegmentsParams) -> Matrix:
    model = KMeans(n_clusters=clusters, n_init=params.restarts, random_state=params.seed, algorithm="lloyd")
    with threadpool_limits(limits=1):  # threads add up in any order, and sums of floats would differ
        model.fit(rows)
    return np.asarray(model.cluster_centers_, dtype=np.float64)


def _spread(frame: pd.DataFrame, most_rows: int) -> pd.DataFrame:
    """Take evenly spaced rows of a frame that is ordered by key."""
    return frame.iloc[:: max(1, -(-len(frame) // most_rows))]


def _record(
    run: registry.Run,
    dataset: SegmentsDataset,
    shapes: LoadShapes,
    stability: dict[int, float],
    params: SegmentsParams,
) -> None:
    windows = dataset.windows
    metrics = measure(shapes, dataset.train, dataset.evaluate) | beside_one_cluster(dataset.train, dataset.evaluate)
    metrics |= {f"stability_{clusters}_clusters": value for clusters, value in stability.items()}
    metrics["is_later_window"] = float(windows.is_later)
    run.log_params(params.model_dump() | {"chosen_clusters": len(shapes.names), "evaluated_on": windows.evaluate})
    run.log_params({"train": f"{windows.train[0]}..{windows.train[-1]}", "train_rows": len(dataset.train)})
    run.log_metrics(metrics)
    run.log_dataset(dataset.train, "features_segments")
    run.log_text("shapes.json", json.dumps(list(zip(shapes.names, shapes.centres, strict=True)), indent=1))
    run.log_figure("load_shapes", plots.load_shapes(shapes))
    run.log_figure("customers_by_shape", plots.customers_by_shape(shapes, dataset.evaluate))
    run.log_figure("stability", plots.stability(stability))
    example = dataset.evaluate[["days_known", *PROFILE]].astype("float64").head(EXAMPLE_ROWS)
    run.log_model(shapes, example, _card(shapes, dataset, metrics))


def _card(shapes: LoadShapes, dataset: SegmentsDataset, metrics: dict[str, float]) -> str:
    when = "a later window" if dataset.windows.is_later else "the same window (no later one yet)"
    return "\n".join(
        [
            f"Load shape of each customer: one of {', '.join(sorted(set(shapes.names)))}, or unknown.",
            "",
            f"Learnt from {len(dataset.train):,} working-day profiles. On {when} the shapes explain "
            f"{metrics['explained_variance']:.1%} of the variance of profiles (one shape for all: "
            f"{metrics['explained_variance_one_cluster']:.1%}).",
            "",
            "A name says when energy is used, not how much. Use it to choose tariffs and messages; it does not say who "
            "lives in a home or what they do.",
        ]
    )

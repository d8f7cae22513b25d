"""Fits the churn model on the past and registers it beside its baselines; says nothing about whether it is better."""

import json
from datetime import date

import lightgbm as lgb
import pandas as pd

from meterwise import registry
from meterwise.settings import Settings, get_settings
from models.churn import plots
from models.churn.baselines import baseline_probabilities
from models.churn.calibration import Platt, fit_platt
from models.churn.dataset import ATTRIBUTE_PREFIX, LABEL, ChurnDataset, ChurnSkippedError, training_set
from models.churn.evaluate import beside, measure
from models.churn.params import CATEGORICAL, MODEL_NAME, MONOTONE, NUMERIC, ChurnParams
from models.churn.predictor import ChurnPredictor, Encoding

__all__ = ["ChurnSkippedError", "fit", "train_model"]

EXAMPLE_ROWS = 5


def train_model(as_of_date: str, settings: Settings | None = None) -> str:
    """Train on what was known at the end of a local day, register the version and return the MLflow run id.

    The same data and parameters again return the run that already holds them.

    Raises:
        ChurnSkippedError: There is nothing to learn from (no CRM, no departures, too short a history).
    """
    settings, params = settings or get_settings(), ChurnParams()
    dataset = training_set(date.fromisoformat(as_of_date), params, settings)
    mark = registry.fingerprint(dataset.train, dataset.calibrate, dataset.test, params.model_dump_json())
    known = registry.trained(MODEL_NAME, mark, settings)
    if known:
        return known
    predictor = fit(dataset, params)
    with registry.run(MODEL_NAME, _window(dataset), as_of_date, mark, settings) as run:
        _record(run, dataset, predictor, params, settings)
        return run.run_id


def fit(dataset: ChurnDataset, params: ChurnParams) -> ChurnPredictor:
    """Grow the trees on the training window and calibrate them on the later one. Deterministic."""
    encoding = encoding_of(dataset.train, params)
    booster = lgb.train(
        _lightgbm_params(encoding, len(dataset.train), params),
        lgb.Dataset(
            encoding.matrix(dataset.train),
            label=dataset.train[LABEL].to_numpy(dtype=float),
            feature_name=[f"f{i}" for i in range(len(encoding.names))],
            categorical_feature=[encoding.names.index(name) for name in encoding.categories],
            free_raw_data=True,
        ),
        num_boost_round=params.trees,
    )
    raw = ChurnPredictor(encoding, booster.model_to_string(), Platt(), params.horizon_days)
    calibration = fit_platt(
        raw.log_odds(dataset.calibrate), dataset.calibrate[LABEL].to_numpy(dtype=bool), params.calibration_prior
    )
    return ChurnPredictor(encoding, raw.trees, calibration, params.horizon_days)


def encoding_of(frame: pd.DataFrame, params: ChurnParams) -> Encoding:
    """Learn from training rows which features there are and which names the categorical ones have."""
    extra = sorted(name for name in frame.columns if name.startswith(ATTRIBUTE_PREFIX))
    as_numbers = {name: pd.to_numeric(frame[name], errors="coerce").notna() for name in extra}
    numeric = [name for name in extra if as_numbers[name].any() and (as_numbers[name] == frame[name].notna()).all()]
    named = [name for name in (*CATEGORICAL, *extra) if name in frame and name not in numeric]
    categories = {name: _frequent_names(frame, name, params) for name in named}
    return Encoding(
        numeric=(*(name for name in NUMERIC if name in frame), *numeric),
        categories={name: names for name, names in categories.items() if names},
    )


def _frequent_names(frame: pd.DataFrame, column: str, params: ChurnParams) -> tuple[str, ...]:
    customers = frame.dropna(subset=[column]).astype({column: str}).groupby(column)["customer_id"].nunique()
    frequent = customers[customers >= params.least_customers_per_name]
    ranked = sorted(frequent.index, key=lambda name: (-int(frequent[name]), name))
    return tuple(sorted(ranked[: params.most_names]))


def _lightgbm_params(encoding: Encoding, rows: int, params: ChurnParams) -> dict[str, object]:
    return {
        "objective": "binary",
        "learning_rate": params.learning_rate,
        "num_leaves": params.leaves,
        "min_data_in_leaf": max(5, int(rows * params.min_leaf_share)),
        "lambda_l2": params.l2,
        "feature_fraction": params.feature_share,
        "bagging_fraction": params.row_share,
        "bagging_freq": 1,
        "cat_smooth": params.category_smoothing,
        "cat_l2": params.l2,
        "max_cat_to_onehot": 4,
        "monotone_constraints": [MONOTONE.get(name, 0) for name in encoding.names],
        "seed": params.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,  # on a busy machine a second thread costs more than it brings for so small a model
        "verbose": -1,
    }


def _record(
    run: registry.Run, dataset: ChurnDataset, predictor: ChurnPredictor, params: ChurnParams, settings: Settings
) -> None:
    test = dataset.test
    probability = predictor.predict(test)["churn_probability"].to_numpy()
    others = baseline_probabilities(dataset, params)
    champion = registry.champion(MODEL_NAME, settings)
    if champion:
        others["champion"] = champion.predictor.predict(test)["churn_probability"].to_numpy()
    has_left = test[LABEL].to_numpy(dtype=bool)
    metrics = beside(measure(probability, has_left, params.contact_share), has_left, others, params)
    run.log_params(params.model_dump() | dataset.windows.describe() | _sizes(dataset))
    run.log_params({"calibration_slope": predictor.calibration.slope, "calibration_shift": predictor.calibration.shift})
    run.log_metrics(metrics)
    run.log_dataset(dataset.train, "features_churn")
    run.log_text("encoding.json", json.dumps(predictor.encoding.categories, indent=1))
    for name, figure in plots.all_figures(predictor, test, probability, others, params).items():
        run.log_figure(name, figure)
    run.log_model(predictor, predictor.encoding.example(test.head(EXAMPLE_ROWS)), _card(dataset, metrics, params))


def _sizes(dataset: ChurnDataset) -> dict[str, int]:
    sizes = {}
    for name in dataset.windows.describe():
        frame = getattr(dataset, name)
        sizes[f"{name}_rows"] = len(frame)
        sizes[f"{name}_departed_customers"] = int(frame.loc[frame[LABEL], "customer_id"].nunique())
    return sizes


def _window(dataset: ChurnDataset) -> str:
    return f"{dataset.windows.train[0]} to {dataset.windows.test[-1]}"


def _card(dataset: ChurnDataset, metrics: dict[str, float], params: ChurnParams) -> str:
    sizes = _sizes(dataset)
    shown = ("average_precision", "auc", "brier", "ece", "lift_at_10pct", "recall_at_10pct")
    rows = [
        f"| {name} | "
        + " | ".join(
            f"{metrics.get(key, float('nan')):.4f}"
            for key in (name, f"{name}_base_rate", f"{name}_logistic_regression")
        )
        + " |"
        for name in shown
    ]
    return "\n".join(
        [
            f"Probability that an active customer leaves within {params.horizon_days} days, a move counted as leaving.",
            "",
            f"Learnt from {sizes['train_rows']:,} rows ({sizes['train_departed_customers']} customers who left), "
            f"calibrated on {sizes['calibrate_rows']:,}, tested on {sizes['test_rows']:,} later ones "
            f"({sizes['test_departed_customers']} left). Windows: {dataset.windows.describe()}.",
            "",
            "| metric | model | base rate | logistic regression |",
            "|---|---|---|---|",
            *rows,
            "",
            "Use it to choose whom to contact. Do not use it to refuse service, to price a customer, or as a cause: "
            "its reasons say what the score is made of, not what would keep the customer.",
        ]
    )

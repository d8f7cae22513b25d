"""Fits the alert model on sampled meters and registers it; says nothing about whether it is better."""

from datetime import date

import numpy as np
import pandas as pd

from meterwise import registry
from meterwise.settings import Settings, get_settings
from models.alerts import labels, plots
from models.alerts.dataset import AlertsDataset, training_set
from models.alerts.day_features import filled
from models.alerts.evaluate import Judged, beside, measure_findings, planted
from models.alerts.features import features, population
from models.alerts.params import MODEL_NAME, WarehouseAlertParams
from models.alerts.predictor import (
    AlertPredictor,
    Calibration,
    calibrated,
    fold_of,
    with_suspicion,
    without_names,
)
from models.alerts.supervised import grown, out_of_fold
from models.alerts.suspicion import grown_by_fold, grown_namer, planted_copies

EXAMPLE_ROWS = 5


def train_model(as_of_date: str, settings: Settings | None = None) -> str:
    """Learn from what was known at the end of a local day, register the version and return the MLflow run id.

    The warehouse is free while trees grow. The same data and parameters again return the run that already holds them.

    Raises:
        AlertsSkippedError: Too few meters have enough days of reads.
    """
    settings, params = settings or get_settings(), WarehouseAlertParams()
    dataset = training_set(date.fromisoformat(as_of_date), params, settings)
    mark = registry.fingerprint(dataset.digest, params.model_dump_json())
    known = registry.trained(MODEL_NAME, mark, settings)
    if known:
        return known
    predictor, own = fit(dataset, params)
    window = dataset.windows.train
    with registry.run(MODEL_NAME, f"{window.first} to {window.end}", as_of_date, mark, settings) as run:
        _record(run, dataset, predictor, own, params)
        return run.run_id


def fit(dataset: AlertsDataset, params: WarehouseAlertParams) -> tuple[AlertPredictor, pd.DataFrame]:
    """Return the fitted model and the features of the sampled meters. Deterministic.

    It learns from faults planted into copies of the sampled meters, and from findings too where there are enough.
    """
    sample = filled(dataset.train.kwh)
    usual = population(sample)
    own = features(sample, usual).assign(meter_id=dataset.train.meter_ids)
    copies = planted_copies(sample, usual, np.random.default_rng(params.seed), params)
    trees = grown_by_fold(without_names(own), copies, fold_of(own["meter_id"], params.folds), params)
    raw = AlertPredictor(params, dataset.windows.train.days, trees, grown_namer(copies, params), Calibration(1.0, 0.0))
    if labels.are_enough(dataset.learnt, params):
        return _with_labels(raw, dataset.learnt, params), own
    both = pd.concat([own, copies.found.assign(meter_id=own["meter_id"].to_numpy()[copies.source])])
    is_planted = np.arange(len(both)) >= len(own)
    curve = calibrated(raw.suspicion(both), is_planted, params.prior_share)
    return AlertPredictor(params, raw.days, trees, raw.namer, curve), own


def _with_labels(raw: AlertPredictor, learnt: pd.DataFrame, params: WarehouseAlertParams) -> AlertPredictor:
    suspicion, kind = raw.suspicion(learnt), learnt["kind"].to_numpy().astype(str)
    label = learnt["label"].to_numpy().astype(int)
    held = out_of_fold(without_names(learnt), suspicion, label, kind, params)["log_odds"].to_numpy()
    curve = calibrated(held, label == 1, params.prior_share)
    trees = grown(with_suspicion(learnt, suspicion), label, kind, params)
    return AlertPredictor(params, raw.days, raw.trees, raw.namer, curve, trees)


def _record(
    run: registry.Run,
    dataset: AlertsDataset,
    predictor: AlertPredictor,
    own: pd.DataFrame,
    params: WarehouseAlertParams,
) -> None:
    windows = dataset.windows
    judged = planted(dataset.evaluate, windows.is_later, params)
    metrics = beside(predictor, judged) | measure_findings(predictor, dataset.judged, params)
    metrics |= {"is_later_window": float(windows.is_later), "learns_from_labels": float(predictor.labelled is not None)}
    run.log_params(params.model_dump())
    run.log_params({"train": f"{windows.train.first}..{windows.train.end}", "train_meters": len(own)})
    run.log_params({"evaluate": f"{windows.evaluate.first}..{windows.evaluate.end}"})
    run.log_params({"labels_learnt": len(dataset.learnt), "labels_judged": len(dataset.judged)})
    run.log_params({"calibration_slope": predictor.calibration.slope, "calibration_shift": predictor.calibration.shift})
    run.log_metrics(metrics)
    run.log_dataset(without_names(own), "int_usage_hourly_ledger")
    run.log_figure("scores", plots.scores(predictor.predict(judged.found)["score"].to_numpy(), judged.is_planted))
    run.log_model(predictor, own.astype({"split_day": "float64"}).head(EXAMPLE_ROWS), _card(dataset, judged, metrics))


def _card(dataset: AlertsDataset, judged: Judged, metrics: dict[str, float]) -> str:
    learns = "from findings of crews too" if metrics["learns_from_labels"] else "without labels"
    when = "in later days" if dataset.windows.is_later else "in the same days (no later ones yet)"
    ratio = metrics["average_precision_ratio_of_means"]
    return "\n".join(
        [
            f"How suspect the newest {dataset.windows.train.days} days of hourly reads are; it learnt {learns}.",
            "",
            f"Judged on {len(judged.found):,} meters, half of them with a fault of our own planted {when}, each by "
            f"trees that saw neither it nor its copies: average precision {metrics['average_precision']:.3f} where one "
            f"in ten is faulty (ratio of means {ratio:.3f}), AUC {metrics['auc']:.3f}, recall at one false alarm per "
            f"100 sound meters {metrics['recall_at_1_per_100']:.3f}.",
            "",
            "Use it to choose where a crew looks first. It is no proof: a home can change its use from one day on, and "
            "kinds of faults unlike those planted are found only as far as they move the same features.",
        ]
    )

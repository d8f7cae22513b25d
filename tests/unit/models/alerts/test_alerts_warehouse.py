"""The alert model on the warehouse: known then, judged on later days, registered whole, scored row by row."""

import json
import pickle
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from planted_ledger import BY_DAY, BYPASSED, DEAD, HOMES, LAST_DAY, LATE, SHORT, STUCK, PlantedLedger, plant

from meterwise import registry
from meterwise.settings import Settings
from models.alerts import evaluate, labels
from models.alerts.dataset import (
    AlertsDataset,
    AlertsSkippedError,
    drift_windows,
    skip_reason,
    split_windows,
    training_set,
)
from models.alerts.params import MODEL_NAME, WarehouseAlertParams
from models.alerts.predictor import AlertPredictor
from models.alerts.reads import Window, cube, cubes, known_meters
from models.alerts.score import score, scores
from models.alerts.train import fit, train_model

PARAMS, DAY = WarehouseAlertParams(), LAST_DAY.isoformat()
FAULTY = {DEAD: "dead_meter", STUCK: "fault", BYPASSED: "tamper_suspected"}


@pytest.fixture(scope="module")
def planted_once(tmp_path_factory: pytest.TempPathFactory) -> PlantedLedger:
    return plant(Settings(home=tmp_path_factory.mktemp("ledger")))


@pytest.fixture(scope="module")
def dataset(planted_once: PlantedLedger) -> AlertsDataset:
    return training_set(LAST_DAY, PARAMS, planted_once.settings)


@pytest.fixture(scope="module")
def predictor(dataset: AlertsDataset) -> AlertPredictor:
    return fit(dataset, PARAMS)[0]


@pytest.mark.parametrize(("history", "days", "is_later"), [(400, 91, True), (90, 62, True), (62, 62, False)])
def test_a_short_history_is_looked_at_whole_a_longer_one_keeps_days_back(
    history: int, days: int, is_later: bool
) -> None:
    windows = split_windows(LAST_DAY - timedelta(days=history - 1), LAST_DAY, PARAMS)

    assert (windows.train.days, windows.evaluate.days, windows.is_later) == (days, days, is_later)
    assert windows.evaluate.end == LAST_DAY
    assert windows.train.end == LAST_DAY - timedelta(days=28 * is_later)


def test_reads_are_those_known_then_and_by_the_hour(planted_once: PlantedLedger) -> None:
    settings, window = planted_once.settings, Window(LAST_DAY, 30)

    known = known_meters(window, PARAMS.least_days, settings)
    found = cube(window, np.array([DEAD, LATE]), settings)

    assert set(known) == {f"M{i:03}" for i in range(HOMES)} - {SHORT, BY_DAY}
    assert list(known) != sorted(known), "drawn"
    assert np.isnan(found.kwh[:, -1]).all(), "of the last day nothing has arrived"
    assert not np.isnan(found.kwh[0, -2]).any()
    assert np.isnan(found.kwh[1, -2]).all(), "it came later"
    assert (found.kwh[0, -20:-1] == 0).all()


def test_meters_in_chunks_are_the_same_as_at_once(planted_once: PlantedLedger) -> None:
    window, ids = Window(LAST_DAY, 30), np.array([f"M{i:03}" for i in range(20, 53)])
    parts = list(cubes(window, ids, 10, planted_once.settings))

    assert [len(part.meter_ids) for part in parts] == [10, 10, 10, 3]
    np.testing.assert_array_equal(
        np.concatenate([part.kwh for part in parts]), cube(window, ids, planted_once.settings).kwh
    )
    assert not list(planted_once.settings.exports_path.glob("alerts_*"))


def test_the_same_data_gives_the_same_model(dataset: AlertsDataset, predictor: AlertPredictor) -> None:
    assert fit(dataset, PARAMS)[0] == predictor


def test_faults_come_first_with_type_and_evidence_and_others_are_no_alert(
    predictor: AlertPredictor, planted_once: PlantedLedger
) -> None:
    found = scores(predictor, LAST_DAY, planted_once.settings).sort_values("score", ascending=False)

    first = found.head(3).set_index("meter_id")
    assert first["alert_type"].to_dict() == FAULTY
    assert (first["confidence"] > 0.9).all()
    assert json.loads(first["evidence"][DEAD]) == {
        "first_date": "2026-06-25",
        "last_date": "2026-07-14",
        "expected_kwh_a_day": pytest.approx(9, abs=2),
        "measured_kwh_a_day": 0,
        "most_like": "dead",
    }
    assert {SHORT, BY_DAY}.isdisjoint(found["meter_id"])
    assert found.iloc[3:]["alert_type"].isna().mean() > 0.9
    assert found["confidence"].median() < 0.02, "the median meter is less suspect than any"


def test_a_model_that_was_stored_scores_a_meter_alone_as_in_its_batch(
    predictor: AlertPredictor, dataset: AlertsDataset
) -> None:
    frame = evaluate.planted(dataset.evaluate, True, PARAMS).found
    stored = pickle.loads(pickle.dumps(predictor))
    batch = predictor.predict(frame)

    for position in range(0, len(frame), 29):
        alone = stored.predict(frame.iloc[[position]])
        pd.testing.assert_frame_equal(alone, batch.iloc[[position]], check_exact=True)


def test_faults_of_later_days_are_found_better_than_by_the_ratio_of_means(
    predictor: AlertPredictor, dataset: AlertsDataset
) -> None:
    judged = evaluate.planted(dataset.evaluate, True, PARAMS)
    found = evaluate.beside(predictor, judged)

    assert found["auc"] > 0.9 > found["auc_ratio_of_means"]
    assert found["average_precision"] > found["average_precision_ratio_of_means"] + 0.1
    begun = judged.found["split_day"][judged.is_planted]
    assert begun.median() >= PARAMS.later_days, "they begin late"


def test_train_promote_score(planted_once: PlantedLedger, mlflow_settings: Settings, settings: Settings) -> None:
    settings = mlflow_settings
    planted = plant(settings)
    assert evaluate.quality_dropped(DAY, settings) == "alerts has no champion yet"

    run_id = train_model(DAY, settings)
    assert train_model(DAY, settings) == run_id, "a repeated task makes no second version"
    assert evaluate.promote_if_better(run_id, DAY, settings)
    assert evaluate.quality_dropped(DAY, settings) is None
    champion = registry.require_champion(MODEL_NAME, settings)
    logged = registry.client(settings).get_run(run_id).data
    assert logged.params["train"] == "2026-04-06..2026-06-17"
    assert {figure.metric for figure in evaluate.quality(DAY, settings)} == {"average_precision", "recall_at_1_per_100"}

    assert score(DAY, settings) == HOMES - 2
    query = "select * from scores.meter_alert_scores order by meter_id"
    first = planted.warehouse.arrow(query)
    assert score(DAY, settings) == HOMES - 2
    assert planted.warehouse.arrow(query).equals(first), "a day's scores are replaced by the same ones"
    fitted = scores(fit(training_set(LAST_DAY, PARAMS, settings), PARAMS)[0], LAST_DAY, settings)
    assert first["score"].to_pylist() == fitted["score"].tolist(), "the registered model scores like the fitted one"
    assert drift_windows(champion, DAY, settings) is None, "there is one day of scores"


def test_too_few_meters_are_skipped_with_a_word(mlflow_settings: Settings) -> None:
    planted = plant(mlflow_settings, homes=70, days=25)
    planted.warehouse.execute("delete from intermediate.int_usage_hourly_ledger where meter_id > 'M030'")

    assert "31 meters have 21 days of reads by the hour" in (skip_reason(DAY, mlflow_settings) or "")
    with pytest.raises(AlertsSkippedError, match="40 are needed"):
        train_model(DAY, mlflow_settings)
    assert score(DAY, mlflow_settings) == 0
    assert planted.warehouse.arrow("select model from scores.model_skips").to_pylist() == [{"model": "alerts"}]


def events(meters: list[str], finding: str, closed: date, first: int) -> list[dict]:
    return [
        {
            "event_id": first + i, "alert_id": f"{finding}{closed}{name}", "meter_id": name, "alert_type": "fault",
            "first_date": closed - timedelta(days=12), "state": "closed", "finding": finding,
            "recorded_at": datetime(closed.year, closed.month, closed.day, 9),
        }
        for i, name in enumerate(meters)
    ]  # fmt: skip


def test_findings_are_those_known_by_the_day_and_the_last_word_counts(settings: Settings) -> None:
    told = events(["M001"], "tamper", date(2026, 7, 1), 1) + events(["M002"], "fault", date(2026, 7, 14), 2)
    reopened = {**told[0], "event_id": 3, "state": "open", "finding": None, "recorded_at": datetime(2026, 7, 10)}
    plant(settings, homes=50, days=2, events=[*told, reopened])

    assert list(labels.findings(date(2026, 7, 13), settings)["meter_id"]) == []
    assert list(labels.findings(date(2026, 7, 14), settings)["meter_id"]) == ["M002"]
    assert list(labels.findings(date(2026, 7, 5), settings)["finding"]) == ["tamper"]


def test_trees_that_learnt_from_findings_take_over_and_name_what_crews_name(tmp_path: Path) -> None:
    # The later ones of each kind are the newer findings; the kind "tamper" is a meter with a high second half.
    sound, faulty = [f"M{i:03}" for i in range(30, 59)], [f"M{i:03}" for i in range(63, 88)]
    told = []
    for number, closed in enumerate([date(2026, 6, 30), date(2026, 7, 10)]):
        old, new = slice(0, 18), slice(18, None)
        part = (old, new)[number]
        told += events(sound[part], "nothing_found", closed, 100 * number + 1)
        told += events(faulty[part], "tamper", closed, 100 * number + 51)
    planted = plant(Settings(home=tmp_path), events=told)
    planted.warehouse.execute(
        "update intermediate.int_usage_hourly_ledger set delta_kwh = delta_kwh * 0.4 "
        "where meter_id between 'M063' and 'M087' and local_date > date '2026-06-12' and hour_of_day < 12"
    )

    found = training_set(LAST_DAY, PARAMS, planted.settings)
    trained, _ = fit(found, PARAMS)

    assert labels.are_enough(found.learnt, PARAMS)
    assert set(found.learnt["meter_id"]).isdisjoint(found.judged["meter_id"])
    assert found.learnt["closed_on"].max() < found.judged["closed_on"].min()
    assert trained.labelled is not None
    assert evaluate.measure_findings(trained, found.judged, PARAMS)["findings_auc"] > 0.9
    scored = scores(trained, LAST_DAY, planted.settings).set_index("meter_id")
    named = scored.loc[found.judged.loc[found.judged["label"] == 1, "meter_id"], "alert_type"]
    assert (named == "tamper_suspected").mean() > 0.8
    unlabelled = AlertsDataset(found.windows, found.train, found.evaluate, found.learnt.head(5), found.judged)
    without = fit(unlabelled, PARAMS)[0]
    assert without.labelled is None, "five findings are too few"
    is_faulty = (found.judged["label"] == 1).to_numpy()
    comparison = evaluate.compare(trained, without, found.judged, is_faulty, 1, "findings_auc")
    assert comparison.challenger >= comparison.champion

"""Metrics, and who becomes champion."""

import numpy as np
import pandas as pd
import pytest
from planted_churn import LAST_DAY, PlantedUtility

from meterwise import ops, registry
from meterwise.promotions import IncomparableError
from meterwise.settings import Settings
from models.churn import evaluate
from models.churn.evaluate import compare, measure
from models.churn.params import MODEL_NAME
from models.churn.score import score
from models.churn.train import train_model


def test_a_constant_score_finds_what_it_contacts() -> None:
    has_left = np.arange(200) % 10 == 0

    found = measure(np.full(200, 0.1), has_left)

    assert found["average_precision"] == pytest.approx(0.1)
    assert found["auc"] == pytest.approx(0.5)
    assert found["recall_at_10pct"] == pytest.approx(0.1)
    assert found["lift_at_10pct"] == pytest.approx(1.0)
    assert found["ece"] == pytest.approx(0.0, abs=0.06)
    assert "accuracy" not in found


def test_a_perfect_score_finds_all() -> None:
    has_left = np.arange(200) < 10

    found = measure(has_left.astype(float), has_left)

    assert found["recall_at_10pct"] == found["average_precision"] == found["auc"] == 1.0


def test_without_a_departure_the_ranking_metrics_are_undefined() -> None:
    found = measure(np.full(20, 0.1), np.zeros(20, dtype=bool))

    assert {name for name, value in found.items() if np.isfinite(value)} == {"brier", "ece"}


def _test_window(rows: int = 2000) -> tuple[pd.DataFrame, np.ndarray]:
    draw = np.random.default_rng(5)
    risk = draw.uniform(0.01, 0.3, rows)
    frame = pd.DataFrame({"customer_id": np.arange(rows).astype(str), "has_left": draw.random(rows) < risk})
    return frame, risk


def test_a_challenger_wins_by_more_than_margin_and_noise() -> None:
    frame, risk = _test_window()

    better, reason = compare(risk, np.full(len(risk), 0.1), frame, seed=1).judge(margin=0.01)

    assert better
    assert reason.startswith("better than the champion: average precision")


def test_an_equal_a_worse_and_a_hardly_better_challenger_lose() -> None:
    frame, risk = _test_window()
    margin, noise = 0.01, np.random.default_rng(6).normal(0, 0.001, len(risk))

    assert not compare(risk, risk, frame, seed=1).judge(margin)[0]
    assert not compare(np.full(len(risk), 0.1), risk, frame, seed=1).judge(margin)[0]
    assert not compare(risk + noise, risk - noise, frame, seed=1).judge(margin)[0]


def test_without_a_departure_nobody_can_be_compared() -> None:
    frame, risk = _test_window()

    with pytest.raises(IncomparableError, match="no departure"):
        compare(risk, risk, frame.assign(has_left=False), seed=1)


def test_decay_is_said_in_words() -> None:
    probability = np.full(1000, 0.02)

    assert evaluate._decay(probability, np.arange(1000) < 25) is None
    assert "announced 20 departures where 100 were seen" in (evaluate._decay(probability, np.arange(1000) < 100) or "")


def test_train_promote_score(planted: PlantedUtility, mlflow_settings: Settings) -> None:
    settings = mlflow_settings
    assert evaluate.quality_dropped(planted.last_day, settings) == "churn has no champion yet"

    run_id = train_model(planted.last_day, settings)
    assert train_model(planted.last_day, settings) == run_id, "a repeated task makes no second version"
    assert evaluate.promote_if_better(run_id, planted.last_day, settings)
    assert evaluate.promote_if_better(run_id, planted.last_day, settings), "a repeated task hands the model on again"
    assert evaluate.quality_dropped(planted.last_day, settings) is None

    champion = registry.require_champion(MODEL_NAME, settings)
    for metric in ("average_precision", "auc", "brier", "ece", "lift_at_10pct", "recall_at_10pct"):
        assert {metric, f"{metric}_base_rate", f"{metric}_logistic_regression"} <= set(champion.metrics)

    rows = score(planted.last_day, settings)
    first = _scores(planted)
    assert score(planted.last_day, settings) == rows
    assert _scores(planted).equals(first), "a day's scores are replaced by the same ones"
    active = planted.warehouse.arrow(
        "select count(*) as n from features.features_churn where as_of_date = $day", {"day": LAST_DAY}
    )["n"][0].as_py()
    assert rows == len(first) == active
    assert first["churn_probability"].between(0, 1).all()
    assert set(first["model_version"]) == {"1"}
    explained = first["reason_1"].notna()
    assert 0 < explained.sum() <= np.ceil(0.10 * active)
    assert first.loc[explained, "churn_probability"].min() >= first.loc[~explained, "churn_probability"].max() - 0.05


def _scores(planted: PlantedUtility) -> pd.DataFrame:
    return planted.warehouse.arrow("select * from scores.churn_scores order by customer_id").to_pandas()


def test_an_interrupted_promotion_is_completed_and_a_moved_alias_honoured(
    planted: PlantedUtility, mlflow_settings: Settings, database: Settings
) -> None:
    settings = mlflow_settings.model_copy(update={"database_url": database.database_url})
    run_id = train_model(planted.last_day, settings)
    registry.move_alias(MODEL_NAME, "1", planted.last_day, "first version", settings)  # and here it was killed

    assert evaluate.promote_if_better(run_id, planted.last_day, settings)
    assert ops.current_promotion(MODEL_NAME, settings).promoted_by == "automatic"

    planted.warehouse.execute("delete from features.features_churn where customer_id = 'C00001'")
    train_model(planted.last_day, settings)
    registry.client(settings).set_registered_model_alias(MODEL_NAME, "champion", "2")
    score(planted.last_day, settings)

    promotion = ops.current_promotion(MODEL_NAME, settings)
    assert (promotion.version, promotion.promoted_by) == ("2", "manual")
    assert set(_scores(planted)["model_version"]) == {"2"}


def test_a_skipped_day_says_why_and_has_no_scores(planted: PlantedUtility, mlflow_settings: Settings) -> None:
    planted.warehouse.execute("delete from marts.customer_departures")

    assert score(planted.last_day, mlflow_settings) == 0
    skipped = planted.warehouse.arrow("select as_of_date, model, reason from scores.model_skips").to_pylist()

    assert [(row["as_of_date"], row["model"]) for row in skipped] == [(LAST_DAY, "churn")]
    assert skipped[0]["reason"].startswith("churn is skipped: ")
    assert _scores(planted).empty


def test_without_a_champion_scoring_says_what_to_run(planted: PlantedUtility, mlflow_settings: Settings) -> None:
    with pytest.raises(registry.NoChampionError, match="train_churn"):
        score(planted.last_day, mlflow_settings)

"""Train, promote, score: separate verbs on a real warehouse, a real MLflow store and a real PostgreSQL."""

import shutil

import pandas as pd
import pytest
from made_up_utility import AS_OF_DATE

from meterwise import ops, promotions, registry
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from models.demand import evaluate, score, train

CHALLENGER = {"trees": 61}
POOR = {"ridge": 1e9, "trees": 1}


@pytest.fixture(scope="module")
def _trained(made_up_warehouse, empty_mlflow_store, small_params, tmp_path_factory) -> tuple[Settings, list[str]]:
    """Three versions, trained once: an honest one, one as good, and a poor one."""
    settings = Settings(home=tmp_path_factory.mktemp("trained"))
    shutil.copy(made_up_warehouse, settings.warehouse_path)
    shutil.copy(empty_mlflow_store, settings.home_path / "mlflow.db")
    variants = [small_params.model_copy(update=update) for update in ({}, CHALLENGER, POOR)]
    return settings, [train.train_model(AS_OF_DATE, params, settings) for params in variants]


@pytest.fixture
def utility(_trained, settings: Settings, database: Settings) -> Settings:
    """The made-up utility with three trained versions and no champion."""
    settings.home_path.mkdir(parents=True, exist_ok=True)
    for file in (_trained[0].warehouse_path, _trained[0].home_path / "mlflow.db"):
        shutil.copy(file, settings.home_path / file.name)
    return settings.model_copy(update={"database_url": database.database_url})


@pytest.fixture
def trained(_trained) -> str:
    return _trained[1][0]


@pytest.fixture
def challenger(_trained) -> str:
    return _trained[1][1]


@pytest.fixture
def poor(_trained) -> str:
    return _trained[1][2]


def test_training_records_model_and_baselines(utility, trained):
    run = registry.client(utility).get_run(trained)

    assert run.info.run_name.startswith(f"{AS_OF_DATE} (2025-09-")
    assert run.data.metrics["wape"] < run.data.metrics["wape_naive"]
    assert {"wape_day_ahead", "wape_week_ahead", "wape_peak", "coverage_80", "skill"} <= set(run.data.metrics)
    plots = [artifact.path for artifact in registry.client(utility).list_artifacts(trained, "plots")]
    assert len(plots) == 4


def test_training_again_on_the_same_makes_no_second_version(utility, params, trained):
    assert train.train_model(AS_OF_DATE, params, utility) == trained


def test_too_little_history_says_what_is_needed(utility, params):
    with pytest.raises(train.TooLittleHistoryError, match="Load more meter reads"):
        train.train_model("2025-11-01", params, utility)


def test_the_first_model_is_promoted_and_the_reason_written_down(utility, params, trained):
    assert evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)

    promotion = ops.current_promotion("demand", utility)
    assert (promotion.version, promotion.run_id, promotion.promoted_by) == ("1", trained, "automatic")
    assert promotion.reason.startswith("first version; WAPE")


def test_a_challenger_within_the_margin_is_not_promoted(utility, params, trained, challenger):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)

    assert not evaluate.promote_if_better(challenger, AS_OF_DATE, params, utility)
    assert registry.champion("demand", utility).run_id == trained
    lost = registry.client(utility).get_run(challenger).data
    assert lost.tags[registry.VERDICT].startswith("the champion stays: WAPE")
    assert {"wape_champion", "wape_noise"} <= set(lost.metrics)


def test_a_forecast_better_on_one_day_alone_is_within_its_noise():
    rows = pd.DataFrame({"as_of_date": pd.date_range("2026-06-01", periods=28).repeat(24), "load_kwh": 100.0})
    champion = rows["load_kwh"] + 10
    steadily = champion - 2
    once = (champion + 0.2).where(rows["as_of_date"] > rows["as_of_date"].min(), rows["load_kwh"])

    assert evaluate.compare(steadily, champion, rows, seed=1).judge(0.01)[0]
    lucky = evaluate.compare(once, champion, rows, seed=1)
    assert lucky.challenger < 0.99 * lucky.champion, "by more than the margin"
    assert not lucky.judge(0.01)[0]


def test_a_better_challenger_is_promoted_and_stays_so(utility, params, poor, trained):
    evaluate.promote_if_better(poor, AS_OF_DATE, params, utility)

    for _ in range(2):  # a task that was killed after the promotion is repeated
        assert evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)

    assert registry.champion("demand", utility).run_id == trained
    assert "on the same window" in ops.current_promotion("demand", utility).reason


def test_scoring_without_a_champion_names_the_dag_that_trains(utility):
    with pytest.raises(registry.NoChampionError, match="train_demand"):
        score.score(AS_OF_DATE, utility)


def test_scoring_replaces_the_day(utility, params, trained):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)

    first = score.score(AS_OF_DATE, utility)
    forecasts = Warehouse(utility).arrow("from scores.demand_forecasts order by all").to_pandas()
    score.score(AS_OF_DATE, utility)

    assert first == len(forecasts) == 7 * 24 * 2
    pd.testing.assert_frame_equal(
        forecasts, Warehouse(utility).arrow("from scores.demand_forecasts order by all").to_pandas()
    )
    assert set(forecasts["model_version"]) == {"1"}


def test_an_alias_moved_by_hand_is_honoured_and_recorded(utility, params, trained):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    registry.client(utility).set_registered_model_alias("demand", "champion", "2")

    score.score(AS_OF_DATE, utility)

    forecasts = Warehouse(utility).arrow("select distinct model_version from scores.demand_forecasts").to_pylist()
    assert forecasts == [{"model_version": "2"}]
    promotion = ops.current_promotion("demand", utility)
    assert (promotion.version, promotion.promoted_by) == ("2", "manual")


def test_a_promotion_killed_before_its_record_is_not_taken_for_a_hand(utility, params, trained):
    client = registry.client(utility)
    client.set_model_version_tag("demand", "1", registry.PROMOTED_ON, AS_OF_DATE)
    client.set_model_version_tag("demand", "1", registry.PROMOTED_WHY, "first model")
    client.set_registered_model_alias("demand", "champion", "1")

    assert not promotions.honour_manual_promotion("demand", AS_OF_DATE, utility)

    promotion = ops.current_promotion("demand", utility)
    assert (promotion.promoted_by, promotion.reason) == ("automatic", "first model")


def test_a_day_without_known_loads_is_skipped_with_the_reason(utility):
    Warehouse(utility).execute("update features.features_demand set load_mean_7d_kwh = null")

    assert score.score(AS_OF_DATE, utility) == 0

    skips = Warehouse(utility).arrow("from scores.model_skips").to_pylist()
    assert [skip["model"] for skip in skips] == ["demand"]
    assert "no region has a known load" in skips[0]["reason"]


def test_quality_is_watched_on_published_forecasts(utility, params, trained):
    assert evaluate.quality_dropped(AS_OF_DATE, params, utility) == "no champion yet"
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    for day in ("2026-07-11", "2026-07-13"):
        score.score(day, utility)

    assert evaluate.quality_dropped("2026-07-16", params, utility) is None
    assert evaluate.quality_dropped("2026-07-22", params, utility) == "last trained 7 days ago"

    Warehouse(utility).execute("update scores.demand_forecasts set p50_kwh = 2 * p50_kwh")
    assert "WAPE of published forecasts" in evaluate.quality_dropped("2026-07-16", params, utility)

"""Runs and versions in a real MLflow store (SQLite, no server)."""

import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from meterwise import registry
from meterwise.settings import Settings

FEATURES = pd.DataFrame({"customer_id": ["c-1", "c-2", "c-3"], "kwh_30d": [10.0, 20.0, np.nan]})


class Doubler:
    """A predictor with something fitted in it."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"doubled": frame["kwh_30d"] * self.factor})


def record(settings: Settings, factor: float = 2.0, fingerprint: str | None = None) -> str:
    with registry.run("churn", "2025-07-01 to 2026-07-14", "2026-07-15", fingerprint, settings) as run:
        run.log_params({"leaves": 31})
        run.log_metrics({"wape": 0.1, "wape_naive": 0.2, "unknown": float("nan")})
        run.log_dataset(FEATURES, "features_churn")
        run.log_model(Doubler(factor), FEATURES, card="# Churn\nFor tests.")
    return run.run_id


@pytest.fixture
def settings(mlflow_settings: Settings) -> Settings:
    return mlflow_settings


@pytest.fixture
def client(settings: Settings):
    return registry.client(settings)


def test_a_run_is_named_by_date_and_window_and_says_what_it_learnt_from(settings, client):
    run = client.get_run(record(settings))

    assert run.info.run_name == "2026-07-15 (2025-07-01 to 2026-07-14)"
    assert run.data.params == {"leaves": "31"}
    assert run.data.metrics == {"wape": 0.1, "wape_naive": 0.2}
    dataset = run.inputs.dataset_inputs[0].dataset
    assert (dataset.name, dataset.digest) == ("features_churn", registry.frame_digest(FEATURES))


def test_a_version_carries_predictor_signature_example_and_card(settings, client):
    run_id = record(settings)

    name, version = registry.version_of_run(run_id, settings)
    loaded = registry.load(name, version, settings)

    assert loaded.predictor.predict(FEATURES)["doubled"].tolist()[:2] == [20.0, 40.0]
    assert loaded.metrics["wape"] == 0.1
    assert client.get_model_version(name, version).description.startswith("# Churn")
    signature = registry.connect(settings).models.get_model_info(f"models:/{name}/{version}").signature
    assert signature.inputs.input_names() == ["customer_id", "kwh_30d"]


def test_the_served_model_answers_like_the_predictor(settings):
    _, version = registry.version_of_run(record(settings), settings)

    served = registry.connect(settings).pyfunc.load_model(f"models:/churn/{version}")

    assert served.predict(FEATURES)["doubled"].tolist()[:2] == [20.0, 40.0]


def test_ids_are_hashed_in_the_input_example(settings):
    record(settings)

    stored = [path.read_text() for path in Path(settings.home_path).rglob("*input_example*")]

    assert stored
    assert not any("c-1" in text for text in stored)


def test_a_direct_identifier_in_the_example_is_refused(settings):
    with (
        registry.run("churn", "window", "2026-07-15", settings=settings) as run,
        pytest.raises(ValueError, match="phone"),
    ):
        run.log_model(Doubler(2.0), FEATURES.assign(phone="0170"))


def test_logging_a_model_takes_less_than_two_seconds(settings):
    with registry.run("churn", "window", "2026-07-15", settings=settings) as run:
        began = time.perf_counter()
        run.log_model(Doubler(2.0), FEATURES)
        assert time.perf_counter() - began < 2


def test_without_a_champion_the_error_names_the_dag(settings):
    assert registry.champion("churn", settings) is None
    with pytest.raises(registry.NoChampionError, match="train_churn"):
        registry.require_champion("churn", settings)


def test_a_trained_model_without_the_alias_is_no_champion(settings):
    record(settings)

    assert not registry.has_champion("churn", settings)


def test_promotion_moves_the_alias(settings):
    first, second = record(settings, 2.0), record(settings, 3.0)
    for run_id in (first, second):
        registry.move_alias(*registry.version_of_run(run_id, settings), "2026-07-15", "better", settings)

    champion = registry.champion("churn", settings)

    assert champion.run_id == second
    assert champion.predictor.factor == 3.0
    assert champion.as_of_date == "2026-07-15"


def test_the_same_training_is_found_again(settings):
    fingerprint = registry.fingerprint(FEATURES, {"leaves": 31})
    assert registry.trained("churn", fingerprint, settings) is None

    run_id = record(settings, fingerprint=fingerprint)

    assert registry.trained("churn", fingerprint, settings) == run_id
    assert registry.trained("churn", registry.fingerprint(FEATURES, {"leaves": 32}), settings) is None


def test_what_forecasts_came_to_stands_on_the_run_that_trained_their_model(settings, client):
    run_id, (day, later) = record(settings), (date(2026, 7, 16), date(2026, 7, 17))
    _, version = registry.version_of_run(run_id, settings)
    said = [(version, "coverage_80", 0.75, day), (version, "coverage_80", 0.82, later)]

    registry.record_realised(
        "churn", [*said, (version, "wape", float("nan"), day), ("no_model", "wape", 1, day)], settings
    )

    history = client.get_metric_history(run_id, "realised_coverage_80")
    assert [(one.step, one.value) for one in history] == [(day.toordinal(), 0.75), (later.toordinal(), 0.82)]
    assert "realised_wape" not in client.get_run(run_id).data.metrics


def test_the_newest_run_is_the_last_as_of_the_newest_day_that_ended_well(settings):
    assert registry.newest_run("searches", "2026-07-15", settings) is None

    runs = {}
    for number, day in enumerate(("2026-07-14", "2026-07-15", "2026-07-15", "2026-07-13")):
        with registry.run("searches", "made up", day, settings=settings) as run:
            run.log_params({"number": number})
        runs[number] = run.run_id
    with pytest.raises(ZeroDivisionError), registry.run("searches", "made up", "2026-07-15", settings=settings):
        raise ZeroDivisionError

    newest = registry.newest_run("searches", "2026-08-01", settings)
    assert newest == registry.EndedRun(runs[2], "2026-07-15", {"number": "2"})
    assert registry.newest_run("searches", "2026-07-14", settings).run_id == runs[0]
    assert registry.newest_run("searches", "2026-07-12", settings) is None


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(FEATURES.assign(kwh_30d=[10.0, 20.0, 30.0]), id="value"),
        pytest.param(FEATURES.iloc[::-1], id="order"),
        pytest.param(FEATURES.rename(columns={"kwh_30d": "kwh_90d"}), id="name"),
    ],
)
def test_the_digest_changes_with_the_data(changed):
    assert registry.frame_digest(changed) != registry.frame_digest(FEATURES)
    assert registry.frame_digest(FEATURES.copy()) == registry.frame_digest(FEATURES)


def test_a_server_that_is_down_is_named_within_seconds(settings):
    down = settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:9"})

    began = time.perf_counter()
    with pytest.raises(registry.RegistryDownError, match=r"127\.0\.0\.1:9"):
        registry.champion("churn", down)

    assert time.perf_counter() - began < 5


def test_the_link_leads_to_the_run(settings):
    public = settings.model_copy(update={"mlflow_public_url": "http://mlflow.test/"})

    run_id = record(settings)

    assert registry.run_url(run_id, public).startswith("http://mlflow.test/#/experiments/")
    assert registry.run_url(run_id, public).endswith(f"/runs/{run_id}")

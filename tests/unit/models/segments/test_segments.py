"""Load shapes: found, named alike by every refit, judged on later profiles, and told row by row."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_shapes import GRID, LAST_DAY, SHAPES, PlantedShapes, plant

from meterwise import ops, registry
from meterwise.settings import Settings
from models.segments import evaluate
from models.segments.dataset import (
    SegmentsDataset,
    SegmentsSkippedError,
    scoring_set,
    skip_reason,
    split_windows,
    training_set,
)
from models.segments.params import MODEL_NAME, UNKNOWN, SegmentsParams
from models.segments.predictor import LoadShapes
from models.segments.score import score
from models.segments.train import choose, fit, stability_by_clusters, train_model

PARAMS = SegmentsParams()
DAY = LAST_DAY.isoformat()


@pytest.fixture(scope="module")
def planted_once(tmp_path_factory: pytest.TempPathFactory) -> PlantedShapes:
    return plant(Settings(home=tmp_path_factory.mktemp("shapes")), 300, GRID)


@pytest.fixture(scope="module")
def dataset(planted_once: PlantedShapes) -> SegmentsDataset:
    return training_set(LAST_DAY, PARAMS, planted_once.settings)


@pytest.fixture
def planted(settings: Settings) -> PlantedShapes:
    return plant(settings, 120, GRID)


@given(
    available=st.lists(st.dates(date(2025, 1, 1), date(2026, 12, 31)), max_size=80),
    as_of_date=st.dates(date(2025, 1, 1), date(2026, 12, 31)),
)
def test_profiles_of_training_and_evaluation_share_no_read(available: list[date], as_of_date: date) -> None:
    windows = split_windows(available, as_of_date, PARAMS)

    if windows is None:
        assert not [day for day in available if day <= as_of_date]
    elif windows.is_later:
        assert max(windows.train) + timedelta(days=PARAMS.profile_days) <= windows.evaluate <= as_of_date
    else:
        assert windows.train == (windows.evaluate,)


def test_every_planted_shape_is_found_and_given_to_its_customers(
    dataset: SegmentsDataset, planted_once: PlantedShapes
) -> None:
    clusters = choose(stability_by_clusters(dataset.train, PARAMS), PARAMS)
    shapes = fit(dataset.train, clusters, PARAMS)
    found = shapes.predict(dataset.evaluate)["load_shape"].to_numpy()

    assert set(shapes.names) == set(SHAPES)
    agreement = np.mean(
        [planted_once.truth[c] == name for c, name in zip(dataset.evaluate["customer_id"], found, strict=True)]
    )
    assert agreement > 0.97


def test_a_refit_on_other_days_and_another_seed_gives_the_same_names(dataset: SegmentsDataset) -> None:
    other_seed = PARAMS.model_copy(update={"seed": 99})
    first_half = dataset.train[dataset.train["as_of_date"] < dataset.train["as_of_date"].median()]

    one, other = fit(dataset.train, 5, PARAMS), fit(first_half, 5, other_seed)

    assert one.names == other.names
    same = one.predict(dataset.evaluate)["load_shape"] == other.predict(dataset.evaluate)["load_shape"]
    assert same.mean() > 0.97


def test_the_same_data_gives_the_same_shapes_to_the_bit(dataset: SegmentsDataset) -> None:
    assert fit(dataset.train, 5, PARAMS) == fit(dataset.train, 5, PARAMS)


def test_the_number_of_clusters_is_the_largest_of_the_stable_ones() -> None:
    assert choose({4: 0.80, 5: 0.95, 6: 0.93, 7: 0.70}, PARAMS) == 6
    assert choose({4: 0.90, 5: 0.60, 6: 0.60, 7: 0.60}, PARAMS) == 4


def test_planted_shapes_are_stable_over_time(dataset: SegmentsDataset) -> None:
    stability = stability_by_clusters(dataset.train, PARAMS)

    assert set(stability) == {4, 5, 6, 7}
    assert stability[5] > 0.95
    assert stability[5] > stability[7]


def test_a_handful_of_customers_makes_fewer_clusters(tmp_path: Path) -> None:
    few = plant(Settings(home=tmp_path), 14, GRID)
    dataset = training_set(LAST_DAY, PARAMS, few.settings)

    assert list(stability_by_clusters(dataset.train, PARAMS)) == [2]


def test_shapes_explain_later_profiles_and_one_shape_for_all_does_not(dataset: SegmentsDataset) -> None:
    shapes = fit(dataset.train, 5, PARAMS)

    found = evaluate.measure(shapes, dataset.train, dataset.evaluate)

    assert found["explained_variance"] > 0.8
    assert found["same_shape_share"] > 0.95 > found["same_shape_share_by_chance"]
    assert evaluate.beside_one_cluster(dataset.train, dataset.evaluate)["explained_variance_one_cluster"] <= 0


def test_one_row_is_told_as_in_its_batch(dataset: SegmentsDataset, planted_once: PlantedShapes) -> None:
    shapes = fit(dataset.train, 5, PARAMS)
    customers = scoring_set(LAST_DAY, planted_once.settings)
    batch = shapes.predict(customers)

    for position in range(0, len(customers), 13):
        alone = shapes.predict(customers.iloc[[position]])
        pd.testing.assert_frame_equal(alone, batch.iloc[[position]], check_dtype=False, check_exact=True)


def test_too_few_days_and_no_reads_are_unknown(dataset: SegmentsDataset, planted_once: PlantedShapes) -> None:
    told = fit(dataset.train, 5, PARAMS).predict(customers := scoring_set(LAST_DAY, planted_once.settings))

    unknown = told["load_shape"] == UNKNOWN
    assert set(customers.loc[unknown, "customer_id"]) == set(customers["customer_id"]) - set(planted_once.truth)
    assert told.loc[unknown, "shape_distance"].isna().all()


def test_train_promote_score(planted: PlantedShapes, mlflow_settings: Settings) -> None:
    settings = mlflow_settings
    assert evaluate.quality_dropped(DAY, settings) == "segments has no champion yet"

    run_id = train_model(DAY, settings)
    assert train_model(DAY, settings) == run_id, "a repeated task makes no second version"
    assert evaluate.promote_if_better(run_id, DAY, settings)
    assert evaluate.promote_if_better(run_id, DAY, settings), "a repeated task hands the model on again"
    assert evaluate.quality_dropped(DAY, settings) is None
    champion = registry.require_champion(MODEL_NAME, settings)
    assert champion.metrics["explained_variance"] > champion.metrics["explained_variance_one_cluster"]

    assert score(DAY, settings) == 120
    first = _shapes(planted)
    assert score(DAY, settings) == 120
    assert _shapes(planted).equals(first), "a day's shapes are replaced by the same ones"
    assert set(first["load_shape"]) == {*SHAPES, UNKNOWN}


def _shapes(planted: PlantedShapes) -> pd.DataFrame:
    return planted.warehouse.arrow("select * from scores.load_shapes order by customer_id").to_pandas()


def test_only_better_shapes_become_champion(planted: PlantedShapes, mlflow_settings: Settings) -> None:
    settings = mlflow_settings
    dataset = training_set(LAST_DAY, PARAMS, settings)
    good, poor = fit(dataset.train, 5, PARAMS), fit(dataset.train, 1, PARAMS)
    runs = [_register(shapes, dataset, settings) for shapes in (poor, good, good)]

    outcomes = [evaluate.promote_if_better(run, DAY, settings) for run in runs]

    assert outcomes == [True, True, False]
    assert registry.require_champion(MODEL_NAME, settings).version == "2"
    lost = registry.client(settings).get_run(runs[2]).data
    assert lost.tags[registry.VERDICT].startswith("the champion stays: explained variance")
    assert lost.metrics["explained_variance_champion"] == pytest.approx(lost.metrics["explained_variance"])


def test_better_by_less_than_the_noise_of_customers_is_not_better(dataset: SegmentsDataset) -> None:
    good, poor = fit(dataset.train, 5, PARAMS), fit(dataset.train, 1, PARAMS)
    other_days = dataset.train[dataset.train["as_of_date"] == dataset.train["as_of_date"].min()]
    alike = evaluate.compare(fit(other_days, 5, PARAMS), good, dataset.evaluate, PARAMS.seed)

    assert evaluate.compare(good, poor, dataset.evaluate, PARAMS.seed).judge(0.01)[0]
    assert 0 < alike.noise < 0.05
    assert not alike.judge(0.0)[0]


def test_an_interrupted_promotion_is_completed_and_a_moved_alias_honoured(
    planted: PlantedShapes, mlflow_settings: Settings, database: Settings
) -> None:
    settings = mlflow_settings.model_copy(update={"database_url": database.database_url})
    dataset = training_set(LAST_DAY, PARAMS, settings)
    runs = [_register(fit(dataset.train, clusters, PARAMS), dataset, settings) for clusters in (5, 4)]
    registry.move_alias(MODEL_NAME, "1", DAY, "first version", settings)  # and here it was killed

    assert evaluate.promote_if_better(runs[0], DAY, settings)
    assert ops.current_promotion(MODEL_NAME, settings).promoted_by == "automatic"

    registry.client(settings).set_registered_model_alias(MODEL_NAME, "champion", "2")
    score(DAY, settings)

    promotion = ops.current_promotion(MODEL_NAME, settings)
    assert (promotion.version, promotion.promoted_by) == ("2", "manual")
    assert {*_shapes(planted)["model_version"]} == {"2"}


def _register(shapes: LoadShapes, dataset: SegmentsDataset, settings: Settings) -> str:
    with registry.run(MODEL_NAME, "test", DAY, settings=settings) as run:
        run.log_metrics(evaluate.measure(shapes, dataset.train, dataset.evaluate))
        run.log_model(shapes, dataset.evaluate.drop(columns="as_of_date").head(2))
        return run.run_id


def test_without_profiles_all_are_unknown_and_the_reason_is_kept(
    planted: PlantedShapes, mlflow_settings: Settings
) -> None:
    planted.warehouse.execute("update features.features_segments set days_known = 3")

    assert (skip_reason(DAY, mlflow_settings) or "").startswith("load shapes are skipped: ")
    with pytest.raises(SegmentsSkippedError, match="no customer has 14 days"):
        train_model(DAY, mlflow_settings)
    assert score(DAY, mlflow_settings) == 120
    assert set(_shapes(planted)["load_shape"]) == {UNKNOWN}
    skipped = planted.warehouse.arrow("select model, reason from scores.model_skips").to_pylist()
    assert [row["model"] for row in skipped] == ["segments"]

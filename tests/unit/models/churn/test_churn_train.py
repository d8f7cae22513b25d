"""The fitted model: deterministic, monotone where the business is, calibrated, and row by row as in a batch."""

import numpy as np
import pandas as pd
import pytest
from planted_churn import LAST_DAY, PlantedUtility

from models.churn.baselines import baseline_probabilities
from models.churn.dataset import LABEL, ChurnDataset, scoring_set, training_set
from models.churn.evaluate import measure
from models.churn.params import CATEGORICAL, MONOTONE, NUMERIC, ChurnParams
from models.churn.predictor import ChurnPredictor
from models.churn.train import encoding_of, fit

PARAMS = ChurnParams()


@pytest.fixture(scope="module")
def dataset(planted_once: PlantedUtility) -> ChurnDataset:
    return training_set(LAST_DAY, PARAMS, planted_once.settings)


@pytest.fixture(scope="module")
def predictor(dataset: ChurnDataset, planted_once: PlantedUtility) -> ChurnPredictor:
    return fit(dataset, PARAMS)


@pytest.fixture(scope="module")
def customers(planted_once: PlantedUtility) -> pd.DataFrame:
    return scoring_set(LAST_DAY, planted_once.settings)


def test_it_finds_the_planted_causes(dataset: ChurnDataset, predictor: ChurnPredictor) -> None:
    has_left = dataset.test[LABEL].to_numpy(dtype=bool)
    found = measure(predictor.predict(dataset.test)["churn_probability"].to_numpy(), has_left)

    assert found["auc"] > 0.70
    assert found["average_precision"] > 2 * has_left.mean()
    assert found["lift_at_10pct"] > 1.8


def test_probabilities_are_on_the_level_of_what_happens(dataset: ChurnDataset, predictor: ChurnPredictor) -> None:
    has_left = dataset.test[LABEL].to_numpy(dtype=bool)
    probability = predictor.predict(dataset.test)["churn_probability"].to_numpy()

    assert measure(probability, has_left)["ece"] < 0.02
    assert abs(probability.sum() - has_left.sum()) < 3 * np.sqrt(probability.sum()) + 0.2 * has_left.sum()


def test_the_same_data_gives_the_same_model_to_the_bit(
    dataset: ChurnDataset, predictor: ChurnPredictor, planted_once: PlantedUtility
) -> None:
    again = fit(training_set(LAST_DAY, PARAMS, planted_once.settings), PARAMS)

    assert again == predictor


def test_one_row_scores_as_in_its_batch(predictor: ChurnPredictor, customers: pd.DataFrame) -> None:
    batch = predictor.predict(customers)["churn_probability"]

    for position in range(0, len(customers), 97):
        alone = predictor.predict(customers.iloc[[position]])["churn_probability"]
        assert alone.iloc[0] == batch.iloc[position]


def test_the_order_of_rows_changes_nothing(predictor: ChurnPredictor, customers: pd.DataFrame) -> None:
    turned = predictor.predict(customers.iloc[::-1])["churn_probability"]

    pd.testing.assert_series_equal(turned.sort_index(), predictor.predict(customers)["churn_probability"].sort_index())


@pytest.mark.parametrize(("name", "higher"), [("price_gap_pct", 25.0), ("complaints_90d", 4), ("complaints_365d", 6)])
def test_what_the_business_fears_never_lowers_the_risk(
    predictor: ChurnPredictor, customers: pd.DataFrame, name: str, higher: float
) -> None:
    worse = customers.assign(**{name: np.maximum(pd.to_numeric(customers[name]), higher)})

    difference = predictor.predict(worse)["churn_probability"] - predictor.predict(customers)["churn_probability"]

    assert (difference >= -1e-12).all()
    if name != "complaints_365d":
        assert difference.max() > 0.01


def test_a_name_never_seen_and_a_column_that_is_missing_count_as_gaps(
    predictor: ChurnPredictor, customers: pd.DataFrame
) -> None:
    unseen = predictor.predict(customers.assign(region_code="never seen"))["churn_probability"]
    gap = predictor.predict(customers.assign(region_code=None))["churn_probability"]
    absent = predictor.predict(customers.drop(columns="region_code"))["churn_probability"]

    pd.testing.assert_series_equal(unseen, gap)
    pd.testing.assert_series_equal(unseen, absent)


def test_no_identifier_is_a_feature(predictor: ChurnPredictor) -> None:
    assert not [name for name in predictor.encoding.names if name.endswith("_id") or name == LABEL]
    assert set(MONOTONE) <= set(NUMERIC)
    assert not set(CATEGORICAL) & set(NUMERIC)


def test_a_name_of_few_customers_never_travels_with_the_model(dataset: ChurnDataset) -> None:
    few = dataset.train["customer_id"].isin(sorted(dataset.train["customer_id"].unique())[:4])
    renamed = dataset.train.assign(attribute_building=dataset.train["attribute_building"].mask(few, "Planted-Name"))

    assert encoding_of(renamed, PARAMS).categories["attribute_building"] == ("flat", "house")


def test_baselines_learn_from_training_alone(dataset: ChurnDataset) -> None:
    altered = ChurnDataset(dataset.windows, dataset.train, dataset.calibrate, dataset.test.assign(**{LABEL: True}))

    for name, probability in baseline_probabilities(dataset, PARAMS).items():
        assert (probability == baseline_probabilities(altered, PARAMS)[name]).all()
        assert ((probability > 0) & (probability < 1)).all()

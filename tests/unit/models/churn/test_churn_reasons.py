"""Reasons are sentences of the customer's own figures, and only of what raises the risk."""

import pandas as pd
import pytest
from planted_churn import LAST_DAY, PlantedUtility

from models.churn.dataset import scoring_set, training_set
from models.churn.params import CATEGORICAL, NUMERIC, ChurnParams
from models.churn.reasons import CAUSES, main_reasons
from models.churn.train import fit


def _row(features: dict[str, object], contributions: dict[str, float]) -> list[object]:
    found = main_reasons(pd.DataFrame([features]), pd.DataFrame([contributions]))
    return [None if pd.isna(value) else value for value in found.iloc[0]]


def test_every_feature_has_exactly_one_cause() -> None:
    features = [name for cause in CAUSES for name in cause.features]

    assert sorted(features) == sorted((*CATEGORICAL, *NUMERIC))


def test_the_strongest_first_and_nothing_that_lowers_the_risk() -> None:
    assert _row(
        {"complaints_90d": 2, "price_gap_pct": 12.34, "tenure_days": 200},
        {"complaints_90d": 0.3, "complaints_365d": 0.2, "price_gap_pct": 0.4, "tenure_days": -0.9},
    ) == ["complained 2 times in the last 90 days", "pays 12.3 % more than the market's price", None]


def test_opposed_features_of_one_cause_are_added_up_first() -> None:
    assert _row({"price_gap_pct": 5.0}, {"price_gap_pct": 0.5, "price_change_180d_pct": -0.6}) == [None, None, None]


@pytest.mark.parametrize(
    ("features", "words"),
    [
        pytest.param(
            {"price_gap_pct": 1.0, "price_change_ahead_pct": 6.0}, "price rises by 6.0 % soon", id="announced"
        ),
        pytest.param({"price_gap_pct": -2.0}, "pays only 2.0 % less than the market's price", id="small-advantage"),
        pytest.param({"complaints_90d": 1}, "complained in the last 90 days", id="one-complaint"),
        pytest.param({"complaints_90d": 0, "complaints_365d": 3}, "complained 3 times in the last year", id="earlier"),
        pytest.param({"failed_payments_365d": 1}, "a payment failed in the last year", id="failed-payment"),
        pytest.param(
            {"failed_payments_365d": 0, "late_payments_365d": 2}, "paid late 2 times in the last year", id="late"
        ),
        pytest.param({"days_to_term_end": 30}, "contract term ends in 30 days", id="term"),
        pytest.param({"days_to_term_end": 300, "contract_age_days": 33}, "contract is only a month old", id="renewed"),
        pytest.param({"days_to_term_end": -4}, "contract term is over, free to leave at any time", id="term-over"),
        pytest.param({"tenure_days": 152}, "customer for only 5 months", id="new"),
        pytest.param({"kwh_trend_ratio": 0.7}, "uses 30 % less than a year ago", id="less"),
        pytest.param(
            {"campaign_contacts_365d": 1, "offers_accepted_365d": 0}, "declined an offer this year", id="offer"
        ),
        pytest.param({"has_moved_in_180d": True}, "moved in within the last 180 days", id="moved-in"),
        pytest.param(
            {"tariff_code": "T1", "customer_class": "shop", "region_code": None},
            "belongs to a group that leaves more often (T1, shop)",
            id="group",
        ),
        pytest.param({"region_code": None}, "belongs to a group that leaves more often", id="group-without-names"),
        pytest.param({"attribute_building_type": "flat"}, "building type: flat", id="own-attribute"),
    ],
)
def test_words(features: dict[str, object], words: str) -> None:
    assert _row(features, dict.fromkeys(features, 1.0))[0] == words


def test_every_cause_has_words_even_where_nothing_is_known() -> None:
    nothing = pd.DataFrame([dict.fromkeys((*CATEGORICAL, *NUMERIC), None)])

    for cause in CAUSES:
        text = main_reasons(nothing, pd.DataFrame([{cause.features[0]: 1.0}]))["reason_1"].iloc[0]
        assert isinstance(text, str)
        assert text
        assert "nan" not in text.lower().split()


def test_a_name_that_training_did_not_know_is_not_said(planted_once: PlantedUtility) -> None:
    params = ChurnParams()
    predictor = fit(training_set(LAST_DAY, params, planted_once.settings), params)
    frame = pd.DataFrame([{"attribute_building": "Planted-Name", "region_code": "R1"}])

    said = main_reasons(predictor.encoding.named(frame), pd.DataFrame([{"attribute_building": 1.0}]))

    assert said["reason_1"].iloc[0] == "building: not known"


def test_of_real_scores_the_reasons_repeat_to_the_letter(planted_once: PlantedUtility) -> None:
    params = ChurnParams()
    predictor = fit(training_set(LAST_DAY, params, planted_once.settings), params)
    customers = scoring_set(LAST_DAY, planted_once.settings).head(60)

    together = main_reasons(customers, predictor.contributions(customers))

    assert together.equals(main_reasons(customers, predictor.contributions(customers)))
    alone = main_reasons(customers.iloc[[7]], predictor.contributions(customers.iloc[[7]]))
    assert alone.iloc[0].equals(together.iloc[7])

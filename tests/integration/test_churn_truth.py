"""The churn model against the truth of a made-up utility: labels, and what an oracle and plain methods reach.

The figures are those of ``docs/quality.md``, of another seed; run with ``-s`` to read them.
"""

import pandas as pd
import pytest

from meterwise.commands.churn_quality import CUSTOMERS, Trial, render, trial

pytestmark = pytest.mark.figures

SEED = 7


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return trial(tmp_path_factory.mktemp("utility"), CUSTOMERS, SEED)


def test_labels_are_those_of_the_truth(measured: Trial) -> None:
    assert measured.oracle["has_left"].notna().all(), "only customers without notice have features"
    assert (measured.oracle["has_left"].astype(bool).to_numpy() == measured.has_left).all()


def test_the_model_against_oracle_base_rate_and_logistic_regression(measured: Trial) -> None:
    found = pd.DataFrame(measured.figures()).T
    print(f"\n{render(measured, CUSTOMERS, SEED)}")  # noqa: T201

    auc, precision = found["auc"], found["average_precision"]
    assert auc["oracle"] < 0.80
    assert (auc["model"] - 0.5) / (auc["oracle"] - 0.5) > 0.6, "more than half of what can be known"
    assert auc["model"] > auc["logistic_regression"] - 0.01
    assert precision["model"] > precision["logistic_regression"]
    assert precision["model"] > 1.8 * precision["base_rate"]
    assert found.loc["model", "ece"] < 0.01
    assert found.loc["model", "brier"] < found.loc["base_rate", "brier"]


def test_it_looks_at_the_planted_causes(measured: Trial) -> None:
    sizes = measured.predictor.contributions(measured.dataset.test.iloc[::10]).abs().mean().sort_values(ascending=False)

    strongest = set(sizes.index[:12])
    assert strongest & {"days_to_term_end", "contract_age_days"}, "the end of the term"
    assert "tenure_days" in strongest
    assert "price_gap_pct" in strongest
    assert strongest & {"late_payments_180d", "late_payments_365d", "failed_payments_365d", "mean_days_late_365d"}
    assert strongest & {"complaints_90d", "complaints_365d"}

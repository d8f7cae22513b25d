"""The churn model against the truth of a made-up utility: labels, and what an oracle and plain methods reach.

The oracle knows every cause but not the dice. The figures are printed; run with ``-s`` to read them.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr

from meterwise import ingest, transform
from meterwise.settings import Settings
from meterwise.sources.synthetic import SyntheticUtility, churn_oracle
from models.churn.baselines import baseline_probabilities
from models.churn.dataset import LABEL, ChurnDataset, training_set
from models.churn.evaluate import measure
from models.churn.params import ChurnParams
from models.churn.predictor import ChurnPredictor
from models.churn.train import fit

pytestmark = pytest.mark.figures

LAST_DAY = date(2026, 7, 15)
CUSTOMERS = 4000
PARAMS = ChurnParams()
DAYS = [LAST_DAY - timedelta(days=90 + 28 * step) for step in range(33)]


@dataclass(frozen=True)
class Trial:
    """A data set of the whole chain, the truth of its test window and a fitted model."""

    dataset: ChurnDataset
    truth: pd.DataFrame
    predictor: ChurnPredictor

    @property
    def has_left(self) -> np.ndarray:
        return self.dataset.test[LABEL].to_numpy(dtype=bool)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    folder = tmp_path_factory.mktemp("utility")
    settings = _built(folder)
    dataset = training_set(LAST_DAY, PARAMS, settings)
    truth = pd.concat(
        [
            churn_oracle(folder / "truth", day).to_pandas().assign(as_of_date=pd.Timestamp(day))
            for day in dataset.windows.test
        ]
    )
    known = dataset.test[["as_of_date", "customer_id"]].merge(truth, on=["as_of_date", "customer_id"], how="left")
    return Trial(dataset, known, fit(dataset, PARAMS))


def _built(folder: Path) -> Settings:
    """Let a CRM-only utility through landing and dbt, as the pipeline does."""
    crm_url = f"sqlite:///{folder}/crm.db"
    utility = SyntheticUtility(folder, crm_url, customers=CUSTOMERS, first_date=LAST_DAY, with_reads=False)
    utility.advance_to(LAST_DAY)
    settings = Settings(
        home=folder / "home",
        sources_file=utility.sources_path,
        last_date=LAST_DAY,
        secrets={"crm_url": SecretStr(crm_url)},
    )
    for domain in ("crm", "weather"):
        ingest.accept(ingest.land(domain, LAST_DAY.isoformat(), settings), settings)
    transform.build("", [day.isoformat() for day in sorted([*DAYS, LAST_DAY])], settings)
    return settings


def test_labels_are_those_of_the_truth(trial: Trial) -> None:
    assert trial.truth["has_left"].notna().all(), "only customers without notice have features"
    assert (trial.truth["has_left"].astype(bool).to_numpy() == trial.has_left).all()


def test_the_model_against_oracle_base_rate_and_logistic_regression(trial: Trial) -> None:
    test, has_left = trial.dataset.test, trial.has_left
    probabilities = {
        "model": trial.predictor.predict(test)["churn_probability"].to_numpy(),
        "oracle": trial.truth["churn_probability"].to_numpy(dtype=float),
        **baseline_probabilities(trial.dataset, PARAMS),
    }
    found = pd.DataFrame({name: measure(p, has_left) for name, p in probabilities.items()}).T
    print(f"\n{len(test):,} rows, {int(has_left.sum())} departures\n{found.round(4).to_string()}")  # noqa: T201

    auc, precision = found["auc"], found["average_precision"]
    assert auc["oracle"] < 0.80
    assert (auc["model"] - 0.5) / (auc["oracle"] - 0.5) > 0.6, "more than half of what can be known"
    assert auc["model"] > auc["logistic_regression"] - 0.01
    assert precision["model"] > precision["logistic_regression"]
    assert precision["model"] > 1.8 * precision["base_rate"]
    assert found.loc["model", "ece"] < 0.01
    assert found.loc["model", "brier"] < found.loc["base_rate", "brier"]


def test_it_looks_at_the_planted_causes(trial: Trial) -> None:
    sizes = trial.predictor.contributions(trial.dataset.test.iloc[::10]).abs().mean().sort_values(ascending=False)

    strongest = set(sizes.index[:12])
    assert strongest & {"days_to_term_end", "contract_age_days"}, "the end of the term"
    assert "tenure_days" in strongest
    assert "price_gap_pct" in strongest
    assert strongest & {"late_payments_180d", "late_payments_365d", "failed_payments_365d", "mean_days_late_365d"}
    assert strongest & {"complaints_90d", "complaints_365d"}

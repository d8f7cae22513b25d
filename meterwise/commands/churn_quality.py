"""Measures the churn model beside what can be known at most and what plain methods reach, into ``docs/quality.md``.

On a made-up utility with a rich CRM and no meters (``make quality``; some minutes). Its oracle knows every cause but
not the dice, so that the model can be told from the noise that nobody can predict.
"""

import logging
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import SecretStr

from meterwise import ingest, transform
from meterwise.commands.document_blocks import write_block
from meterwise.settings import Settings, get_settings
from meterwise.sources.synthetic import SyntheticUtility
from models.churn.baselines import baseline_probabilities
from models.churn.dataset import LABEL, ChurnDataset, training_set
from models.churn.evaluate import compare, measure
from models.churn.params import ChurnParams
from models.churn.predictor import ChurnPredictor
from models.churn.train import fit

log = logging.getLogger(__name__)

LAST_DAY = date(2026, 7, 15)
CUSTOMERS = 4000
SEED = 2026
"""A utility on which no model was tuned."""

DAYS_OF_FEATURES = 33
"""As many steps as 36 months of CRM give."""

PARAMS = ChurnParams()
NAMES = {
    "oracle": "oracle: knows every cause, not the dice",
    "model": "**model**",
    "logistic_regression": "logistic regression on the same features",
    "base_rate": "base rate: the same chance for all",
}
PAGE = """\
# Quality of the churn model

A made-up utility of {customers:,} customers with 36 months of CRM and no meters (seed {seed}; the models were tuned on
others) went through landing, dbt and training as in the pipeline, as of {last_day}.

- learnt from {train_rows:,} rows (a customer on a day), {train};
- calibrated on {calibrate_rows:,} later ones, {calibrate};
- judged below on {test_rows:,} still later ones, {test}; {departures} of them were followed by a departure within
  {horizon_days} days.

| | average precision | AUC | Brier | calibration error | lift at 10 % | recall at 10 % |
|---|---|---|---|---|---|---|
{rows}

- Of the ranking that can be known at all (AUC of the oracle above 0.5) the model finds {share:.0%}.
- Against logistic regression: average precision {difference:+.4f}, standard error {noise:.4f} (customers drawn anew).
- The rest is luck: even the oracle, asked whom to contact, is mostly wrong. So a score is a reason to offer something,
  never a verdict on a customer.

The utility is made up, and its causes are simpler than life. On a real CRM, read the same figures, without the oracle,
on the run in MLflow.
"""


@dataclass(frozen=True)
class Trial:
    """A data set of the whole chain, what the oracle says of its test window, and a fitted model.

    Attributes:
        dataset: The windows of training, calibration and test.
        oracle: as_of_date, customer_id, churn_probability, has_left; a row for each of the test window's.
        predictor: The model.
    """

    dataset: ChurnDataset
    oracle: pd.DataFrame
    predictor: ChurnPredictor

    @property
    def has_left(self) -> npt.NDArray[np.bool_]:
        """What happened in the test window."""
        return self.dataset.test[LABEL].to_numpy(dtype=bool)

    def probabilities(self) -> dict[str, npt.NDArray[np.float64]]:
        """The test window's probabilities by model, oracle and baseline."""
        return {
            "oracle": self.oracle["churn_probability"].to_numpy(dtype=float),
            "model": self.predictor.predict(self.dataset.test)["churn_probability"].to_numpy(),
            **baseline_probabilities(self.dataset, PARAMS),
        }

    def figures(self) -> dict[str, dict[str, float]]:
        """The metrics of ``measure`` for each of ``probabilities``."""
        return {name: measure(p, self.has_left) for name, p in self.probabilities().items()}


def trial(folder: Path, customers: int, seed: int) -> Trial:
    """Make a utility in a folder, let it through landing and dbt as the pipeline does, and fit the model."""
    utility = SyntheticUtility(folder, f"sqlite:///{folder}/crm.db", customers, seed, LAST_DAY, with_reads=False)
    utility.advance_to(LAST_DAY)
    settings = _built(utility)
    dataset = training_set(LAST_DAY, PARAMS, settings)
    known = pd.concat(
        [utility.churn_oracle(day).to_pandas().assign(as_of_date=pd.Timestamp(day)) for day in dataset.windows.test]
    )
    oracle = dataset.test[["as_of_date", "customer_id"]].merge(known, on=["as_of_date", "customer_id"], how="left")
    return Trial(dataset, oracle, fit(dataset, PARAMS))


def _built(utility: SyntheticUtility) -> Settings:
    settings = Settings(
        home=utility.folder / "home",
        sources_file=utility.sources_path,
        last_date=LAST_DAY,
        secrets={"crm_url": SecretStr(utility.crm_url)},
    )
    for domain in ("crm", "weather"):
        ingest.accept(ingest.land(domain, LAST_DAY.isoformat(), settings), settings)
    days = [LAST_DAY - timedelta(days=PARAMS.horizon_days + PARAMS.step_days * n) for n in range(DAYS_OF_FEATURES)]
    transform.build("", [day.isoformat() for day in sorted([*days, LAST_DAY])], settings)
    return settings


def render(found: Trial, customers: int, seed: int) -> str:
    """Return the page."""
    figures, probabilities = found.figures(), found.probabilities()
    against = compare(probabilities["model"], probabilities["logistic_regression"], found.dataset.test, PARAMS.seed)
    return PAGE.format(
        customers=customers,
        seed=seed,
        last_day=LAST_DAY,
        train_rows=len(found.dataset.train),
        calibrate_rows=len(found.dataset.calibrate),
        test_rows=len(found.dataset.test),
        departures=int(found.has_left.sum()),
        horizon_days=PARAMS.horizon_days,
        rows="\n".join(_row(NAMES[name], figures[name]) for name in NAMES),
        share=(figures["model"]["auc"] - 0.5) / (figures["oracle"]["auc"] - 0.5),
        difference=against.challenger - against.champion,
        noise=against.noise,
        **{name: window.replace("..", " to ") for name, window in found.dataset.windows.describe().items()},
    )


def _row(name: str, figures: dict[str, float]) -> str:
    cells = [f"{figures[key]:.4f}" for key in ("average_precision", "auc", "brier", "ece")]
    return " | ".join([f"| {name}", *cells, f"{figures['lift_at_10pct']:.1f}", f"{figures['recall_at_10pct']:.1%} |"])


def write(customers: int = CUSTOMERS, seed: int = SEED) -> None:
    """Measure, and write the page where it belongs."""
    with TemporaryDirectory() as folder:
        page = render(trial(Path(folder), customers, seed), customers, seed)
    path = get_settings().project / "docs" / "quality.md"
    write_block(path, "churn", page)
    log.info("Wrote %s", path)


if __name__ == "__main__":
    write()

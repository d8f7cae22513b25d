"""The alerts of the rules on a made-up utility that none was tuned on; ``make alert-rules-quality`` tells more."""

import pytest

from meterwise.commands.alert_rules_quality import CUSTOMERS, SEED, Trial, trial

pytestmark = [pytest.mark.figures, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return trial(tmp_path_factory.mktemp("utility"), CUSTOMERS, SEED)


def test_the_budget_of_false_alarms_is_kept(found: Trial) -> None:
    assert found.figures["published"].sum() > 100
    assert found.false_alarms_per_100_meters <= found.budget


@pytest.mark.parametrize(
    ("alert_type", "recall", "precision"),
    [("dead_meter", 0.9, 0.9), ("tamper_suspected", 0.7, 0.5), ("vacancy", 0.75, 0.9), ("low_use", 0.2, 0.45)],
)
def test_what_befell_meters_is_found_and_told_rightly(
    found: Trial, alert_type: str, recall: float, precision: float
) -> None:
    figures = found.figures.set_index("alert_type").loc[alert_type]

    assert figures["found"] >= recall * figures["episodes"] > 0
    assert figures["published_right"] >= precision * figures["published"] > 0

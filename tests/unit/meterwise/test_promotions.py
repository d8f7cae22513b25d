"""Who becomes champion, in a real MLflow store and a real PostgreSQL; the models only say how good they are."""

import numpy as np
import pandas as pd
import pytest

from meterwise import metrics, ops, promotions, registry
from meterwise.promotions import Comparison
from meterwise.settings import Settings

DAY = "2026-07-15"
FEATURES = pd.DataFrame({"kwh_30d": [10.0, 20.0]})


class Constant:
    """A predictor that is as good as its value."""

    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"value": np.full(len(frame), self.value)})


@pytest.fixture
def settings(mlflow_settings: Settings, database: Settings) -> Settings:
    return mlflow_settings.model_copy(update={"database_url": database.database_url})


def record(settings: Settings, value: float) -> str:
    with registry.run("churn", "window", DAY, settings=settings) as run:
        run.log_metrics({"worth": value})
        run.log_model(Constant(value), FEATURES)
    return run.run_id


def promote(run_id: str, settings: Settings, noise: float = 0.0) -> bool:
    def compare(challenger: registry.RegisteredModel, champion: registry.RegisteredModel) -> Comparison:
        own, other = (model.predictor.value for model in (challenger, champion))
        return Comparison("worth", "worth", own, other, noise)

    return promotions.promote_if_better(
        "churn", run_id, DAY, lambda logged: f"worth {logged['worth']}", compare, settings
    )


@pytest.mark.parametrize(
    ("challenger", "noise", "less_is_better", "is_better"),
    [
        pytest.param(1.02, 0.0, False, True, id="better by more than the margin"),
        pytest.param(1.005, 0.0, False, False, id="within the margin"),
        pytest.param(1.02, 0.03, False, False, id="within its noise"),
        pytest.param(1.04, 0.03, False, True, id="better by more than both"),
        pytest.param(0.98, 0.0, True, True, id="a smaller error"),
        pytest.param(0.98, 0.03, True, False, id="a smaller error within its noise"),
        pytest.param(float("nan"), 0.0, False, False, id="unknown"),
    ],
)
def test_better_is_by_more_than_margin_and_noise(
    challenger: float, noise: float, less_is_better: bool, is_better: bool
) -> None:
    better, reason = Comparison("worth", "worth", challenger, 1.0, noise, less_is_better).judge(margin=0.01)

    assert better == is_better
    assert reason.startswith("better than the champion: " if is_better else "the champion stays: ")
    assert "against 1.0000" in reason


def test_the_noise_of_a_mean_is_its_standard_error() -> None:
    draw = np.random.default_rng(3)
    by_group = draw.normal(0, 1, 400)
    groups, values = np.repeat(np.arange(400), 5), np.repeat(by_group, 5)

    noise = metrics.difference_noise(lambda times: float((times * values).sum() / times.sum()), groups, seed=1)

    assert noise == pytest.approx(by_group.std() / np.sqrt(400), rel=0.15)
    assert metrics.difference_noise(lambda _: float("nan"), groups, seed=1) == 0


def test_a_version_that_lost_says_on_its_run_why(settings: Settings) -> None:
    first, worse = record(settings, 1.0), record(settings, 0.9)

    assert promote(first, settings)
    assert not promote(worse, settings, noise=0.02)

    lost = registry.client(settings).get_run(worse).data
    assert lost.tags[registry.VERDICT].startswith("the champion stays: worth 0.9000 against 1.0000")
    assert (lost.metrics["worth_champion"], lost.metrics["worth_noise"]) == (1.0, 0.02)
    assert registry.client(settings).get_run(first).data.tags[registry.VERDICT] == "first version; worth 1.0"


def test_rows_that_cannot_tell_keep_the_champion_and_say_so(settings: Settings) -> None:
    first, second = record(settings, 1.0), record(settings, 2.0)
    promote(first, settings)

    def compare(*_: object) -> Comparison:
        raise promotions.IncomparableError("nobody left")

    assert not promotions.promote_if_better("churn", second, DAY, str, compare, settings)
    assert registry.client(settings).get_run(second).data.tags[registry.VERDICT] == "the champion stays: nobody left"


def test_a_promotion_killed_before_its_record_is_completed(settings: Settings) -> None:
    first, second = record(settings, 1.0), record(settings, 2.0)
    promote(first, settings)
    registry.move_alias("churn", "2", DAY, "better than the champion: by far", settings)  # and here it was killed

    assert promote(second, settings), "champion it is, so the model goes on to scoring"
    assert promote(second, settings)

    promotion = ops.current_promotion("churn", settings)
    assert (promotion.version, promotion.promoted_by) == ("2", "automatic")
    assert promotion.reason == "better than the champion: by far"


def test_a_scoring_between_kill_and_repetition_takes_it_for_no_hand(settings: Settings) -> None:
    first, _ = record(settings, 1.0), record(settings, 2.0)
    promote(first, settings)
    registry.move_alias("churn", "2", DAY, "better than the champion: by far", settings)

    assert promotions.champion_to_score("churn", DAY, settings).version == "2"

    assert ops.current_promotion("churn", settings).promoted_by == "automatic"


def test_a_hand_that_puts_an_earlier_champion_back_is_honoured(settings: Settings) -> None:
    for value in (1.0, 2.0):
        promote(record(settings, value), settings)
    registry.client(settings).set_registered_model_alias("churn", "champion", "1")

    assert promotions.champion_to_score("churn", DAY, settings).version == "1"

    promotion = ops.current_promotion("churn", settings)
    assert (promotion.version, promotion.promoted_by) == ("1", "manual")


def test_a_hand_is_written_down_before_a_challenger_follows(settings: Settings) -> None:
    runs = [record(settings, value) for value in (1.0, 0.5, 2.0)]
    promote(runs[0], settings)
    registry.client(settings).set_registered_model_alias("churn", "champion", "2")

    assert promote(runs[2], settings)

    champions = [(row["version"], row["promoted_by"]) for row in ops.select_rows(ops.select(ops.PROMOTIONS), settings)]
    assert champions == [("1", "automatic"), ("2", "manual"), ("3", "automatic")]

"""The search for better parameters on the warehouse's own loads, and the training that takes what it found."""

from datetime import timedelta

import numpy as np
import pytest
from made_up_utility import AS_OF_DATE

from meterwise import registry
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from models.demand import search as module
from models.demand import train
from models.demand.forecast_params import ForecastParams
from models.demand.grid import LoadGrid
from models.demand.params import DemandParams
from models.demand.search import TooShortToSearchError, before_the_test_window, search
from models.demand.searched import SEARCHES, Searched, newest_search
from models.demand.tune import Task, searched

DAY_BEFORE = "2026-07-14"
FIRST_DAY_OF_TEST_WINDOW = "2026-06-24"
STIFF = {"shrinkage": 100.0, "half_life_days": 120.0, "harmonics": 1, "carried_shrinkage": 0.3}


@pytest.fixture
def stiff(small_params: DemandParams) -> DemandParams:
    """Parameters that others are better than."""
    return small_params.model_copy(update={"forecast": small_params.forecast.model_copy(update=STIFF)})


def test_a_search_that_tries_nothing_else_keeps_the_parameters_and_says_so(
    utility: Settings, params: DemandParams
) -> None:
    run_id = search(AS_OF_DATE, utility, params, trials=0)

    run = registry.client(utility).get_run(run_id)
    assert registry.client(utility).get_experiment(run.info.experiment_id).name == SEARCHES
    assert run.data.tags[registry.VERDICT].startswith("the given parameters stay")
    assert run.data.params["trials"] == "0"
    assert run.data.params["looked_at"] == "2025-08-01 to 2026-06-23", "up to the day before the test window"
    assert run.data.metrics["loss_start_areas"] == run.data.metrics["loss_best_areas"] > 0
    assert {name: run.data.params[name] for name in searched(params.forecast)} == {
        name: str(value) for name, value in searched(params.forecast).items()
    }
    artifacts = registry.client(utility).list_artifacts
    assert [artifact.path for artifact in artifacts(run_id, "plots")] == ["plots/losses.png"]
    assert "windows.csv" in {artifact.path for artifact in artifacts(run_id)}


def test_nothing_of_the_test_window_is_looked_at(utility: Settings, stiff: DemandParams) -> None:
    first = found(utility, search(AS_OF_DATE, utility, stiff, trials=1))

    change_loads(utility, f"local_date >= date '{FIRST_DAY_OF_TEST_WINDOW}'")
    assert found(utility, search(AS_OF_DATE, utility, stiff, trials=1)) == first

    change_loads(utility, f"local_date = date '{FIRST_DAY_OF_TEST_WINDOW}' - 1")
    _, losses = found(utility, search(AS_OF_DATE, utility, stiff, trials=0))
    assert losses["loss_start_areas"] != first[1]["loss_start_areas"], "the day before counts"


def test_what_is_searched_on_is_what_the_judged_twin_is_fitted_on(
    utility: Settings, params: DemandParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[LoadGrid] = []
    monkeypatch.setattr(module.Task, "of", lambda grid, *_: fitted.append(grid) or Task(grid, [], 0, True, 1))
    monkeypatch.setattr(train.Forecasters, "fit", lambda grid, *_: fitted.append(grid))
    demand = module.known(AS_OF_DATE, params, utility)

    train.fit_twins(demand, params, params.forecast, 1)
    judged = fitted[0]

    np.testing.assert_array_equal(before_the_test_window(demand, params).load, judged.load)


def test_the_next_training_takes_what_was_found_and_an_earlier_one_does_not(
    utility: Settings, stiff: DemandParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = search(AS_OF_DATE, utility, stiff, trials=4)
    run = registry.client(utility).get_run(run_id)

    assert run.data.tags[registry.VERDICT].startswith("better parameters were found")
    assert run.data.metrics["loss_best_areas"] < 0.99 * run.data.metrics["loss_start_areas"]
    for day in (AS_OF_DATE, "2026-08-01"):
        assert newest_search(day, utility).searched_by == run_id
    best = newest_search(AS_OF_DATE, utility).params
    assert {name: str(value) for name, value in searched(best.forecast).items()} == {
        name: run.data.params[name] for name in searched(best.forecast)
    }
    assert best == DemandParams(forecast=ForecastParams(**searched(best.forecast))), "the rest is as by default"
    assert newest_search(DAY_BEFORE, utility) == Searched(DemandParams(), "none")

    trained: list[Searched] = []
    monkeypatch.setattr(train, "fit", lambda *_: None)
    monkeypatch.setattr(
        train, "_record", lambda model, demand, rows, fingerprint, chosen, settings: trained.append(chosen)
    )
    for day, given in ((AS_OF_DATE, None), (DAY_BEFORE, None), (AS_OF_DATE, stiff)):
        train.train_model(day, given, utility)
    assert trained == [Searched(best, run_id), Searched(DemandParams(), "none"), Searched(stiff, "given")]


def test_a_search_begins_with_what_was_found_before_its_day(
    utility: Settings, stiff: DemandParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[ForecastParams] = []
    monkeypatch.setattr(module, "_outcome", lambda tasks, given, *_: begun.append(given) or 1 / 0)
    for day, harmonics in ((DAY_BEFORE, 2), (AS_OF_DATE, 3)):
        with registry.run(SEARCHES, "made up", day, settings=utility) as run:
            run.log_params(searched(ForecastParams(harmonics=harmonics)) | {"trials": 5})

    with pytest.raises(ZeroDivisionError):
        search(AS_OF_DATE, utility)

    assert begun == [ForecastParams(harmonics=2)], "so that a search repeated for a day is the same search"


@pytest.mark.parametrize(
    ("of_areas", "of_feeders", "taken"),
    [
        pytest.param((1.0, 0.9), (1.0, 0.95), True, id="better_for_both"),
        pytest.param((1.0, 0.995), (1.0, 0.9), False, id="within_the_margin"),
        pytest.param((1.0, 0.9), (1.0, 1.01), False, id="worse_for_feeders"),
        pytest.param((1.0, 0.9), None, True, id="no_feeders"),
    ],
)
def test_parameters_are_taken_only_if_better_by_the_margin_and_no_worse_for_feeders(
    monkeypatch: pytest.MonkeyPatch,
    of_areas: tuple[float, float],
    of_feeders: tuple[float, float] | None,
    taken: bool,
) -> None:
    given = ForecastParams()
    losses = {1: of_areas, 2: of_feeders or (0, 0)}
    monkeypatch.setattr(Task, "loss", lambda task, params: losses[task.horizon][params != given])
    tasks = {
        "areas": Task(None, [1], 1, True, 1),
        "feeders": Task(None, [1] if of_feeders else [], 2, True, 1),
    }

    outcome = module._outcome(tasks, given, timedelta(minutes=1), trials=1)

    assert (outcome.params != given) == taken
    assert ("the given parameters stay" in outcome.verdict) != taken
    assert outcome.losses.tolist() == list(of_areas)


def test_too_short_a_history_ends_with_a_word(utility: Settings, params: DemandParams) -> None:
    with pytest.raises(TooShortToSearchError, match="Load more meter reads"):
        search("2025-10-01", utility, params, trials=0)
    with pytest.raises(TooShortToSearchError, match="before the test window"):
        search("2025-11-05", utility, params, trials=0)


def found(settings: Settings, run_id: str) -> tuple[dict[str, str], dict[str, float]]:
    run = registry.client(settings).get_run(run_id)
    return run.data.params, run.data.metrics


def change_loads(settings: Settings, where: str) -> None:
    Warehouse(settings).execute(
        "update features.features_demand_loads set consumption_kwh = consumption_kwh * (1 + hour_of_day % 5) "
        f"+ ascii(feeder_code) where {where}"
    )

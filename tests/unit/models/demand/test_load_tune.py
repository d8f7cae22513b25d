"""The search for better hyperparameters, for seconds."""

import logging
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from made_up_load import FEW, town

from models.demand import tune as module
from models.demand.forecast_params import ForecastParams
from models.demand.grid import LoadGrid
from models.demand.tune import tune

LITTLE = timedelta(seconds=1)
START = FEW.model_copy(update={"trees": 40})  # fewest that are searched


def test_a_search_of_a_second_is_never_worse_than_what_it_began_with(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[ForecastParams, float]] = []
    loss = module._loss

    def noted(grid: LoadGrid, cutoff: int, horizon: int, known: bool, params: ForecastParams) -> float:
        tried.append((params, loss(grid, cutoff, horizon, known, params)))
        return tried[-1][1]

    monkeypatch.setattr(module, "_loss", noted)
    found = tune(town(days=70), 48, True, START, 1, LITTLE)

    assert isinstance(found, ForecastParams)
    assert tried[0][0] == START, "the given ones are tried first"
    losses = {params: np.mean([one for other, one in tried if other == params]) for params, _ in tried}
    assert losses[found] == min(losses.values()) <= losses[START]
    untouched = set(ForecastParams.model_fields) - set(module._suggested_names())
    assert all(getattr(found, name) == getattr(START, name) for name in untouched)


def test_what_is_better_is_taken_and_what_is_not_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for sign, better in ((1, False), (-1, True)):
        monkeypatch.setattr(
            module, "_loss", lambda *what, sign=sign: sign * abs(what[4].shrinkage - START.shrinkage) + 100
        )
        found = tune(town(days=70), 48, True, START, 1, timedelta(seconds=0.3))
        assert (found.shrinkage != START.shrinkage) == better


def test_a_search_bears_a_temperature_that_was_never_there() -> None:
    grid = town(days=70)

    found = tune(replace(grid, temperature_c=np.full_like(grid.temperature_c, np.nan)), 48, True, START, 1, LITTLE / 5)

    assert isinstance(found, ForecastParams)


def test_a_history_too_short_for_a_window_is_not_searched(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = tune(town(days=30), 48, True, START, 1, LITTLE)

    assert found == START
    assert "the history is too short" in caplog.text


def test_windows_lie_in_the_last_year_apart_from_each_other() -> None:
    cutoffs = module._cutoffs(town(days=800), 48, START)

    assert len(cutoffs) == module.WINDOWS
    assert cutoffs[0] == 800 * 24 - 48
    assert (np.diff(cutoffs) == -60 * 24).all(), "two months, at the same time of day"

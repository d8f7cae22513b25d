"""What the forecaster is shown, and when it is fitted."""

import numpy as np
import pytest
from made_up_load import LastWeek, grid_of, load_of, utc

from models.demand.backtest.problems import BacktestError
from models.demand.backtest.run import Task, refits, roll, roll_naive
from models.demand.backtest.target import of_daily_maxima, of_intervals
from models.demand.backtest.windows import Window
from models.demand.grid import LoadGrid

LEVELS = [0.1, 0.5, 0.9]


def task_of(weather_is_known: bool = False, refit: int = 1440) -> Task:
    load = load_of(utc("2024-01-01", 40))
    plain = grid_of(load)
    grid = LoadGrid(
        plain.unique_ids, plain.times_utc, 60, "UTC", plain.load, np.ones((1, *plain.load.shape)), plain.is_holiday
    )
    target = of_intervals(grid, grid.times_utc)
    windows = [Window(first, first + 24) for first in (480, 504, 528)]
    return Task(grid, target, windows, refits(grid, target, windows, refit), weather_is_known, LEVELS)


@pytest.mark.parametrize("weather_is_known", [True, False])
def test_a_window_is_shown_no_load_from_its_cutoff_on(weather_is_known: bool) -> None:
    task, fitted, steps = task_of(weather_is_known), [], []

    run = roll(task, lambda history: fitted.append(LastWeek(history)) or fitted[-1], lambda: steps.append(1))

    assert [forecaster.history.load.shape[1] for forecaster in fitted] == [480, 504, 528]
    for forecaster, window in zip(fitted, task.windows, strict=True):
        (known,) = forecaster.known
        assert known.load.shape[1] == window.end
        assert np.isnan(known.load[:, window.first :]).all()
        assert np.isnan(known.temperature_c[:, :, window.first :]).all() != weather_is_known
    assert (run.median.shape, run.quantiles.shape, run.basis.shape) == ((3, 1, 24), (3, 3, 1, 24), (3, 1, 24))
    assert run.peak_memory_mb > 10
    assert len(steps) == 3


def test_an_earlier_fit_serves_until_its_time_is_up() -> None:
    fits: list[int] = []

    def fit(history: LoadGrid) -> LastWeek:
        fits.append(history.load.shape[1])
        return LastWeek(history)

    run = roll(task_of(refit=2880), fit, lambda: None)

    assert fits == [480, 528]
    np.testing.assert_array_equal(run.median, roll_naive(task_of(), 7))


def test_daily_maxima_are_shown_whole_local_days() -> None:
    grid = grid_of(load_of(utc("2024-03-01", 40)), "2024-03-01T00:00", 60, "Europe/Berlin")
    target = of_daily_maxima(grid)
    windows = [Window(first, first + 2) for first in (28, 30)]
    task = Task(grid, target, windows, [True, False], False, LEVELS)
    said = LastWeek(grid, by_day=True)

    run = roll(task, lambda history: said, lambda: None)

    assert run.median.shape == (2, 1, 2)
    hours = [known.load.shape[1] - np.isfinite(known.load[0]).sum() for known in said.known]
    assert hours == [47, 48], "the day of the spring change has 23"


def test_an_answer_of_another_shape_is_refused() -> None:
    with pytest.raises(BacktestError, match="The forecaster answered with arrays of"):
        roll(task_of(), lambda history: LastWeek(history, by_day=True), lambda: None)

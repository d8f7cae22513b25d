"""Figures against utilsforecast, and against numbers that can be worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from made_up_load import LastWeek, grid_of, load_of, utc
from utilsforecast import losses

from models.demand.backtest.figures import by_series, figures, skill
from models.demand.backtest.results import day_sizes
from models.demand.backtest.run import Run, Task, roll, roll_naive
from models.demand.backtest.scored_rows import scales, scored_rows
from models.demand.backtest.target import of_intervals
from models.demand.backtest.windows import Window

LEVELS = [0.1, 0.5, 0.9]


def task_of(load: np.ndarray, windows: list[Window], ids: str = "ab", levels: list[float] = LEVELS) -> Task:
    grid = grid_of(load, ids=ids)
    return Task(grid, of_intervals(grid, grid.times_utc), windows, [True] * len(windows), False, levels)


@pytest.fixture(scope="module")
def judged() -> tuple[Task, pd.DataFrame]:
    index = utc("2024-01-01", 40)
    load = np.stack([load_of(index), 50 * load_of(index, 2) - 400])
    load[0, 700:705] = np.nan
    task = task_of(load, [Window(first, first + 48) for first in (480, 660, 700)])
    rows = scored_rows(task, roll(task, LastWeek, lambda: None), {"seasonal_naive": roll_naive(task, 1)})
    return task, rows


def history(task: Task) -> pd.DataFrame:
    """All that was ever known; utilsforecast cuts it off at each cutoff."""
    times = pd.DatetimeIndex(task.target.ds.astype("datetime64[us]"))
    series = zip(task.grid.unique_ids, task.target.y, strict=True)
    return pd.concat(pd.DataFrame({"unique_id": name, "ds": times, "y": y}) for name, y in series)


def test_scaled_figures_are_those_of_utilsforecast(judged: tuple[Task, pd.DataFrame]) -> None:
    task, rows = judged
    known = rows.dropna(subset="y")[["unique_id", "cutoff", "ds", "y", "y_hat", "q0.1", "q0.5", "q0.9"]]
    train = history(task)

    found = figures(rows, "y_hat", LEVELS, scales(task), day_sizes(task), is_band=True)

    mase = losses.mase(known, ["y_hat"], 24, train)["y_hat"].mean()
    quantile = [losses.scaled_quantile_loss(known, {"m": f"q{q:g}"}, 24, train, q=q)["m"].mean() for q in LEVELS]
    assert found["mase"] == pytest.approx(mase)
    assert found["scaled_quantile_loss"] == pytest.approx(np.mean(quantile))


def test_pooled_figures(judged: tuple[Task, pd.DataFrame]) -> None:
    task, rows = judged
    known = rows.dropna(subset="y")
    off = known["y_hat"] - known["y"]

    found = figures(rows, "y_hat", LEVELS, scales(task), day_sizes(task), is_band=True)

    assert found["mae"] == pytest.approx(off.abs().mean())
    assert found["rmse"] == pytest.approx(np.sqrt((off**2).mean()))
    assert found["wape"] == pytest.approx(off.abs().sum() / known["y"].abs().sum())
    assert found["bias"] == pytest.approx(off.sum() / known["y"].abs().sum())
    assert found["mape"] == pytest.approx((off.abs() / known["y"].abs()).mean())
    inside = (known["y"] >= known["q0.1"]) & (known["y"] <= known["q0.9"])
    assert found["coverage_80"] == found["coverage"]["80"] == pytest.approx(inside.mean())
    assert list(found["pinball"]) == ["0.1", "0.5", "0.9"]
    assert found["pinball"]["0.5"] == pytest.approx(found["mae"] / 2)


def by_hand(mean: list[float], actual: list[float], before: float = 0.0) -> tuple[Task, pd.DataFrame]:
    """One window of some days after two days whose every value lies 2 from that of the day before."""
    days = np.concatenate([np.full(24, before), np.full(24, before + 2), actual])
    task = task_of(days, [Window(48, len(days))], "a")
    said = np.array(mean)[None, None]
    run = Run(said, np.stack([said - 1, said, said + 1]), np.full(said.shape, "model"), 1.0, 1.0)
    return task, scored_rows(task, run, {"flat": said * 0})


def measured(task: Task, rows: pd.DataFrame, column: str = "y_hat") -> dict[str, object]:
    return figures(rows, column, LEVELS, scales(task), day_sizes(task), is_band=column == "y_hat")


def test_figures_worked_out_by_hand() -> None:
    actual, mean = np.full(24, 10.0), np.full(24, 12.0)
    actual[0], actual[1] = np.nan, 0.0

    found = measured(*by_hand(mean, actual))

    # 22 hours are off by 2 and one by 12; the scale is 2.
    assert found["mae"] == pytest.approx((22 * 2 + 12) / 23)
    assert found["mase"] == pytest.approx((22 * 2 + 12) / 23 / 2)
    assert found["mape"] == pytest.approx(0.2), "the hour of no load is left out"
    assert found["bias"] == pytest.approx(56 / 220)
    assert found["coverage_80"] == 0.0
    assert found["pinball"] == pytest.approx(
        {"0.1": 0.9 * (22 * 1 + 11) / 23, "0.5": 0.5 * 56 / 23, "0.9": 0.1 * (22 * 3 + 13) / 23}
    )


def test_without_a_scale_or_an_actual_value_figures_are_undefined() -> None:
    nothing = measured(*by_hand([1.0] * 24, [np.nan] * 24))
    assert all(np.isnan(nothing[name]) for name in ("mase", "scaled_quantile_loss", "wape", "bias", "mae", "mape"))
    assert nothing["peak_days"]["days"] == 0

    task, rows = by_hand([1.0] * 24, [1.0] * 24)
    flat = figures(rows, "y_hat", LEVELS, scales(task) * 0, day_sizes(task), is_band=True)
    assert np.isnan(flat["mase"])
    assert flat["mae"] == 0


def test_a_point_stands_at_every_level_of_a_baseline() -> None:
    found = measured(*by_hand([1.0] * 24, [10.0] * 24), column="flat")

    assert (found["coverage"], found["coverage_80"]) == (None, None)
    assert found["pinball"] == pytest.approx({"0.1": 1.0, "0.5": 5.0, "0.9": 9.0})
    assert found["scaled_quantile_loss"] == pytest.approx((1 + 5 + 9) / 3 / 2)


def test_peak_days_are_the_highest_tenth() -> None:
    highs = np.arange(20.0) + 100
    said = highs.copy()
    said[[18, 19]], said[0] = [110.0, 119.0], 130.0
    actual, mean = np.repeat(highs, 24), np.repeat(said, 24)

    peaks = measured(*by_hand(mean, actual))["peak_days"]

    assert peaks == {
        "mape": pytest.approx(8 / 118 / 2),
        "bias": pytest.approx(-8 / (118 + 119)),
        "season_max_error": pytest.approx(130 / 119 - 1),
        "hits": 1,
        "days": 2,
    }


def test_of_days_in_several_windows_the_latest_that_covers_all_counts() -> None:
    load = np.concatenate([np.zeros(24), np.full(24, 2.0), np.full(48, 10.0)])
    task = task_of(load, [Window(48, 84), Window(60, 96)], "a")
    mean = np.stack([np.full((1, 36), 1.0), np.full((1, 36), 5.0)])
    rows = scored_rows(task, Run(mean, np.stack([mean] * 3), np.full(mean.shape, "model"), 1.0, 1.0), {})

    peaks = figures(rows, "y_hat", LEVELS, scales(task), day_sizes(task), is_band=True)["peak_days"]

    # The first day is covered by the first window, the second one by the second; one is the highest tenth.
    assert peaks["days"] == 1
    assert peaks["season_max_error"] == pytest.approx(5 / 10 - 1)


def test_series_are_measured_one_by_one(judged: tuple[Task, pd.DataFrame]) -> None:
    task, rows = judged

    found = by_series(rows, "y_hat", scales(task))

    assert list(found) == ["a", "b"]
    whole = figures(rows, "y_hat", LEVELS, scales(task), day_sizes(task), is_band=True)
    assert np.mean([found[name]["mase"] for name in "ab"]) == pytest.approx(whole["mase"])
    mine = rows[rows["unique_id"] == "a"].dropna(subset="y")
    assert found["a"]["wape"] == pytest.approx((mine["y"] - mine["y_hat"]).abs().sum() / mine["y"].abs().sum())


def test_skill_is_against_the_better_naive_one() -> None:
    found = {"model": {"mase": 0.6}, "seasonal_naive": {"mase": 1.0}, "week_ago": {"mase": 0.8}}

    assert skill(found)["mase_against_better_naive"] == pytest.approx(0.25)
    found["week_ago"]["mase"] = float("nan")
    assert skill(found)["mase_against_better_naive"] == pytest.approx(0.4)

"""Where windows begin and end, over both changes of the clock."""

from pathlib import Path

import numpy as np
import pytest
from made_up_load import ZONE, grid_of

from models.demand.backtest.options import Options
from models.demand.backtest.problems import DAY, BacktestError, duration, frequency, in_words
from models.demand.backtest.run import refits
from models.demand.backtest.target import Target, of_daily_maxima, of_intervals
from models.demand.backtest.windows import Asked, Window, daily_windows, interval_windows
from models.demand.grid import LoadGrid

MARCH, OCTOBER = "2024-03-01T00:00", "2024-10-01T00:00"


def of_days(days: float, first: str = MARCH, minutes: int = 60) -> tuple[LoadGrid, Target]:
    load = np.arange(days * DAY / minutes)
    grid = grid_of(load, first, minutes, ZONE)
    return grid, of_intervals(grid, grid.local_times)


def begins(grid: LoadGrid, windows: list[Window]) -> list[str]:
    return [str(grid.local_times[window.first]) for window in windows]


@pytest.mark.parametrize("first", [MARCH, OCTOBER])
def test_steps_of_whole_days_begin_at_the_same_local_time(first: str) -> None:
    grid, target = of_days(60, first)

    windows, notes = interval_windows(target, grid, Asked(7 * DAY, 7 * DAY, 4))

    assert windows[-1].end == grid.load.shape[1]
    assert {begin[11:] for begin in begins(grid, windows)} == {begins(grid, windows)[-1][11:]}
    assert [window.end - window.first for window in windows] == [168] * 4
    assert notes == []


def test_other_steps_are_so_many_intervals() -> None:
    grid, target = of_days(60)

    windows, _ = interval_windows(target, grid, Asked(DAY, 12 * 60, 5))

    assert np.diff([window.first for window in windows]).tolist() == [12] * 4


def test_windows_with_less_than_two_weeks_of_history_are_left_out_with_a_word() -> None:
    grid, target = of_days(35)

    windows, notes = interval_windows(target, grid, Asked(7 * DAY, 7 * DAY, 20))

    assert [window.first for window in windows] == [14 * 24, 21 * 24, 28 * 24]
    assert notes[0].startswith("3 of 20 windows were run")
    assert notes[1] == "1 window(s) have less than 21 days of history."


def test_no_window_at_all_is_an_error_with_what_is_needed() -> None:
    grid, target = of_days(20)

    with pytest.raises(BacktestError, match=r"0 of 3 windows fit: the file has 20.0 days .* needs 21.0"):
        interval_windows(target, grid, Asked(7 * DAY, 7 * DAY, 3))
    with pytest.raises(BacktestError, match=r"--horizon 45min is no multiple of --freq 1h"):
        interval_windows(target, grid, Asked(45, 60, 3))


@pytest.mark.parametrize(("first", "change", "hours"), [(MARCH, "2024-03-31", 23), (OCTOBER, "2024-10-27", 25)])
def test_daily_maxima_go_by_local_days_and_leave_cut_ones_out(first: str, change: str, hours: int) -> None:
    grid, _ = of_days(60, first)

    target = of_daily_maxima(grid)

    day = target.ds.tolist().index(np.datetime64(change, "m").astype(object))
    assert target.columns[day + 1] - target.columns[day] == hours
    assert str(target.ds[0]) == np.datetime_as_string(np.datetime64(first, "D") + 1) + "T00:00"
    assert target.y[0, day] == grid.load[0, target.columns[day + 1] - 1]
    assert {str(time)[11:] for time in grid.local_times[target.columns[:-1]]} == {"00:00"}


def test_daily_windows_end_with_the_last_whole_day() -> None:
    grid, _ = of_days(60)
    target = of_daily_maxima(grid)

    windows, _ = daily_windows(target, Asked(DAY, DAY, 30))

    assert (len(windows), windows[-1].end) == (30, len(target.ds))
    assert str(target.ds[-1])[:10] == "2024-04-29"
    with pytest.raises(BacktestError, match="--step 12h is not in whole days"):
        daily_windows(target, Asked(DAY, 720, 3))


def test_the_maximum_of_a_day_of_which_much_is_missing_is_unknown() -> None:
    load = np.arange(96.0)
    load[[0, 1, 30, 31, 32, 50]] = np.nan

    target = of_daily_maxima(grid_of(load))

    np.testing.assert_array_equal(target.y[0], [23, np.nan, 71, 95])


def test_a_file_of_less_than_a_day_has_no_daily_maxima() -> None:
    target = of_daily_maxima(grid_of(np.arange(10.0)))

    with pytest.raises(BacktestError, match="0 of 3 windows fit"):
        daily_windows(target, Asked(DAY, DAY, 3))


def test_a_week_is_a_week_for_refits_though_the_clock_changes() -> None:
    grid, target = of_days(60)
    windows, _ = interval_windows(target, grid, Asked(7 * DAY, 7 * DAY, 5))
    daily, _ = interval_windows(target, grid, Asked(DAY, DAY, 15))

    assert refits(grid, target, windows, 7 * DAY) == [True] * 5
    assert refits(grid, target, daily, 7 * DAY) == [number % 7 == 0 for number in range(15)]


@pytest.mark.parametrize(("text", "minutes"), [("30min", 30), ("1h", 60), ("168h", 10080), ("7d", 10080), ("15T", 15)])
def test_durations(text: str, minutes: int) -> None:
    assert duration(text, "--horizon") == minutes
    assert duration(in_words(minutes), "--horizon") == minutes


def test_options_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for text in ("", "0h", "-1h", "1 fortnight", "h"):
        with pytest.raises(BacktestError, match="is no duration"):
            duration(text, "--horizon")
    with pytest.raises(BacktestError, match="does not divide a day"):
        frequency("50min")
    for text in ("", "0.1,x", "0,0.5", "0.5,1"):
        with pytest.raises(BacktestError, match="write levels between 0 and 1"):
            _ = Options(tmp_path, None, None, "1h", "1d", "1d", 1, quantiles=text).levels  # type: ignore[arg-type]

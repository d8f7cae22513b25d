"""Days side by side, and windows of them."""

import numpy as np
from made_up_days import grid_of

from models.bills.day_grid import Month, months
from models.bills.week import common_week, own_weeks


def test_months_are_those_of_which_every_day_is_there() -> None:
    dates = np.arange("2024-01-15", "2024-04-15", dtype="datetime64[D]")

    assert months(dates) == [Month(17, 46), Month(46, 77)]
    assert [month.days for month in months(dates)] == [29, 31]


def test_what_was_measured_is_scaled_up_and_too_little_is_unknown() -> None:
    grid = grid_of(np.array([[9.0, 9.0, 9.0]]), measured=np.array([[1.0, 0.9, 0.5]]))

    np.testing.assert_allclose(grid.kwh, [[9.0, 10.0, np.nan]])


def test_windows_leave_unknown_days_out() -> None:
    known = grid_of(np.array([[1.0, np.nan, 3.0, -4.0]])).known

    assert known.mean(0, 3)[0] == 2
    assert known.mean_size(2, 4)[0] == 3.5
    assert known.days(0, 2)[0] == 1
    assert np.isnan(known.mean(0, 3, least=3)[0])
    assert np.isnan(known.mean(-10, -3)[0])


def test_a_holiday_is_a_sunday() -> None:
    grid = grid_of(np.ones((1, 7)), first="2024-01-01")
    grid.is_holiday[0, 1] = True

    assert grid.day_kind.tolist() == [[0, 6, 2, 3, 4, 5, 6]]


def test_weeks_are_drawn_to_that_of_all_and_have_a_mean_of_one() -> None:
    day = np.arange(56)
    always, sunday = np.ones(56), np.where((day + 6) % 7 == 6, 8.0, 1.0)
    grid = grid_of(np.stack([sunday, always, np.full(56, np.nan)]), first="2023-01-01")
    common = common_week(grid, 56)

    weeks = own_weeks(grid, 56, common, 6.0)

    np.testing.assert_allclose(weeks.mean(axis=1), 1)
    np.testing.assert_allclose(weeks[2], common)
    assert weeks[0].argmax() == weeks[0].size - 1 or weeks[0].argmax() == int(grid.day_kind[0, sunday.argmax()])
    assert weeks[0].max() > common.max() > weeks[1].max()

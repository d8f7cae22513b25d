"""Days of a made-up calendar, each named by hand."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_load import grid_of

from models.demand.calendar import Calendar


def named(first: str, days: int, holidays: list[str], zone: str = "UTC") -> dict[str, list[str]]:
    """Return the dates that each mark is on."""
    grid = grid_of(np.zeros(days * 24), f"{first}T00:00", 60, zone)
    dates = grid.local_times.astype("datetime64[D]")
    off = np.isin(dates, np.array(holidays, dtype="datetime64[D]"))
    calendar = Calendar.of(replace(grid, is_holiday=off[None]))
    marks = calendar.marks | {"is_off": calendar.is_off}
    return {name: sorted({str(date)[5:] for date in dates[mark[0]]}) for name, mark in marks.items()}


def test_a_holiday_on_thursday_makes_friday_a_bridge() -> None:
    marks = named("2024-05-06", 7, ["2024-05-09"])

    assert marks["holiday"] == marks["holiday_on_working_day"] == ["05-09"]
    assert marks["eve"] == ["05-08"]
    assert marks["day_after"] == marks["bridge"] == ["05-10"]
    assert marks["is_off"] == ["05-09", "05-11", "05-12"]
    assert marks["turn_of_year"] == []


def test_a_holiday_on_tuesday_makes_monday_a_bridge() -> None:
    marks = named("2023-09-29", 8, ["2023-10-03"])

    assert marks["eve"] == marks["bridge"] == ["10-02"]
    assert marks["day_after"] == ["10-04"]


def test_a_holiday_on_wednesday_has_no_bridge_and_one_on_saturday_no_working_day() -> None:
    marks = named("2024-04-29", 14, ["2024-05-01", "2024-05-11"])

    assert marks["bridge"] == []
    assert marks["holiday_on_working_day"] == ["05-01"]
    assert marks["eve"] == ["04-30", "05-10"]


def test_holidays_in_a_row_have_one_eve_and_one_day_after() -> None:
    marks = named("2023-12-22", 20, ["2023-12-25", "2023-12-26", "2024-01-01"])

    assert marks["eve"] == ["12-24", "12-31"]
    assert marks["day_after"] == ["01-02", "12-27"]


@pytest.mark.parametrize("year", [2023, 2024], ids=["usual", "leap"])
def test_the_turn_of_the_year_is_from_24_december_to_5_january_without_its_holidays(year: int) -> None:
    marks = named(f"{year}-12-20", 22, [f"{year}-12-25", f"{year + 1}-01-01"])

    january, december = [f"01-{day:02}" for day in range(2, 6)], [f"12-{day}" for day in (24, 26, 27, 28, 29, 30, 31)]
    assert marks["turn_of_year"] == [*january, *december]


def test_a_leap_day_is_a_day_of_its_own() -> None:
    grid = grid_of(np.zeros(24 * 4), "2024-02-28T00:00")
    calendar = Calendar.of(grid)

    assert calendar.day_of_year[::24].tolist() == [58, 59, 60, 61]
    assert calendar.day_of_week[::24].tolist() == [2, 3, 4, 5]
    assert calendar.day[::24].tolist() == [0, 1, 2, 3]
    assert all(np.isfinite(wave).all() for wave in calendar.season(3))


@pytest.mark.parametrize(("date", "hours"), [("2024-03-31", 23), ("2024-10-27", 25)])
def test_days_are_those_of_the_local_clock(date: str, hours: int) -> None:
    grid = grid_of(np.zeros(24 * 4), f"{np.datetime64(date) - 1}T00:00", 60, "Europe/Berlin")
    calendar = Calendar.of(grid)

    at = grid.local_times.astype("datetime64[D]") == np.datetime64(date)
    assert at.sum() == hours
    steps = list(range(24))
    steps[2:3] = [2, 2] if hours == 25 else []
    assert calendar.step_of_day[at].tolist() == steps
    assert (np.unique(calendar.shift) == [1, 2]).all()


def test_season_is_highest_at_midsummer_of_the_north() -> None:
    calendar = Calendar.of(grid_of(np.zeros(24 * 365), "2023-01-01T00:00"))

    assert calendar.day_of_year[int(calendar.season(1)[1].argmax())] == 171

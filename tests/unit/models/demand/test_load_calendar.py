"""Days of a made-up calendar, each named by hand."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_load import grid_of

from models.demand.calendar import Calendar
from models.demand.grid import LoadGrid


def with_days(first: str, days: int, holidays: list[str], zone: str = "UTC", **known: list[str]) -> LoadGrid:
    """Return an hourly grid with holidays, and other marks by name."""
    grid = grid_of(np.zeros(days * 24), f"{first}T00:00", 60, zone)
    dates = grid.local_times.astype("datetime64[D]")
    off, *others = (np.isin(dates, np.array(some, dtype="datetime64[D]"))[None] for some in (holidays, *known.values()))
    return replace(grid, is_holiday=off, day_marks=dict(zip(known, others, strict=True)))


def named(first: str, days: int, holidays: list[str], zone: str = "UTC", **known: list[str]) -> dict[str, list[str]]:
    """Return the dates that each mark is on."""
    grid = with_days(first, days, holidays, zone, **known)
    calendar, dates = Calendar.of(grid), grid.local_times.astype("datetime64[D]")
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


def test_a_worked_weekend_is_no_day_off_and_has_the_weekday_that_lies_as_it_does() -> None:
    """China in 2024: 4 and 5 May end the week of Labour Day, 11 May is worked for it, and 28 April before it."""
    holidays, worked = [f"2024-05-0{day}" for day in range(1, 6)], ["2024-04-28", "2024-05-11"]
    days = ("2024-04-22", 28, holidays, "Asia/Shanghai")
    marks, calendar = named(*days, worked_weekend=worked), Calendar.of(with_days(*days, worked_weekend=worked))

    assert marks["worked_weekend"] == ["04-28", "05-11"]
    assert marks["is_off"] == ["04-27", *(f"05-0{day}" for day in range(1, 6)), "05-12", "05-18", "05-19"]
    assert calendar.day_of_week[0, ::24].tolist() == [*range(6), 0, *range(7), *range(5), 4, 6, *range(7)]


def test_a_day_beside_a_worked_weekend_is_no_bridge() -> None:
    """China in 2024: Monday, 30 September, lies before National Day, but Sunday is worked."""
    days = ("2024-09-26", 12, [f"2024-10-0{day}" for day in range(1, 8)])

    assert named(*days)["bridge"] == ["09-30"]
    marks = named(*days, worked_weekend=["2024-09-29"])
    assert marks["bridge"] == []
    assert marks["eve"] == ["09-30"]


def test_school_holidays_are_a_mark_of_their_own_and_no_days_off() -> None:
    pupils_free = [f"2024-07-{day}" for day in range(15, 27)]

    marks = named("2024-07-08", 21, [], school_holiday=pupils_free)

    assert marks["school_holiday"] == [date[5:] for date in pupils_free]
    assert marks["is_off"] == [f"07-{day}" for day in (13, 14, 20, 21, 27, 28)]


@pytest.mark.parametrize("year", [2023, 2024], ids=["usual", "leap"])
def test_the_turn_of_the_year_is_from_24_december_to_5_january_without_its_holidays(year: int) -> None:
    marks = named(f"{year}-12-20", 22, [f"{year}-12-25", f"{year + 1}-01-01"])

    january, december = [f"01-{day:02}" for day in range(2, 6)], [f"12-{day}" for day in (24, 26, 27, 28, 29, 30, 31)]
    assert marks["turn_of_year"] == [*january, *december]


def test_a_leap_day_is_a_day_of_its_own() -> None:
    grid = grid_of(np.zeros(24 * 4), "2024-02-28T00:00")
    calendar = Calendar.of(grid)

    assert calendar.day_of_year[::24].tolist() == [58, 59, 60, 61]
    assert calendar.day_of_week[0, ::24].tolist() == [2, 3, 4, 5]
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

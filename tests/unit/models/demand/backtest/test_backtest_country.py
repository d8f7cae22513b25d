"""Days as countries keep them, checked against what their governments announced."""

import numpy as np
import pytest

from models.demand.backtest.country import CountryDays
from models.demand.backtest.problems import BacktestError


def named(country: str, first: str, last: str) -> dict[str, list[str]]:
    """Return the dates of each mark, and of holidays, in ``first`` to ``last``."""
    days = np.arange(first, np.datetime64(last) + 1, dtype="datetime64[D]")
    found = CountryDays.of(country, days)
    return {
        name: [str(day)[5:] for day in days[on > 0]]
        for name, on in ({"holiday": found.is_holiday} | found.marks).items()
    }


def dates(month: int, first: int, last: int) -> list[str]:
    return [f"{month:02}-{day:02}" for day in range(first, last + 1)]


def test_china_works_on_sundays_for_its_days_off_and_those_are_holidays() -> None:
    marks = named("CN", "2024-04-01", "2024-05-20")

    assert marks["worked_weekend"] == ["04-07", "04-28", "05-11"]
    assert marks["holiday"] == ["04-04", "04-05", "05-01", "05-02", "05-03"], "05-02 and 05-03 are exchanged"
    assert marks["festival"] == marks["before_festival"] == marks["after_festival"] == []


def test_spring_festival_is_a_festival_with_its_weekends_and_a_week_on_both_sides() -> None:
    marks = named("CN", "2024-01-20", "2024-03-10")

    assert marks["festival"] == dates(2, 10, 17)
    assert marks["worked_weekend"] == ["02-04", "02-18"]
    assert marks["before_festival"] == dates(2, 3, 9)
    assert marks["after_festival"] == dates(2, 18, 24)


def test_work_runs_down_to_a_festival_and_up_from_it() -> None:
    days = np.arange("2024-02-02", "2024-02-26", dtype="datetime64[D]")
    marks = CountryDays.of("CN", days).marks

    np.testing.assert_allclose(marks["before_festival"], [*np.arange(8) / 8, *np.zeros(16)])
    np.testing.assert_allclose(marks["after_festival"], [*np.zeros(16), *np.arange(7, -1, -1) / 8])


def test_what_is_known_of_a_day_does_not_depend_on_where_the_days_end() -> None:
    """A festival that begins on the last day, or the week before one, is known as well as in the middle of a year."""
    whole = CountryDays.of("CN", np.arange("2023-01-01", "2025-01-01", dtype="datetime64[D]"))
    for last in (38, 42, 400, 407, 411):
        part = CountryDays.of("CN", np.arange("2023-01-01", "2025-01-01", dtype="datetime64[D]")[:last])
        np.testing.assert_array_equal(part.is_holiday, whole.is_holiday[:last])
        for name, on in part.marks.items():
            np.testing.assert_array_equal(on, whole.marks[name][:last], name)


@pytest.mark.parametrize("country", ["AU-VIC", "DE", "US", "JP"])
def test_easter_substitutes_and_golden_week_are_plain_holidays(country: str) -> None:
    marks = named(country, "2010-01-01", "2025-12-31")

    assert marks["holiday"]
    assert not any(marks[name] for name in ("worked_weekend", "festival", "before_festival", "after_festival"))


@pytest.mark.parametrize(
    ("country", "first", "festivals"),
    [("TR", "2024-04-01", dates(4, 10, 14)), ("VN", "2024-02-01", dates(2, 8, 14)), ("KR", "2023-09-20", None)],
)
def test_other_festivals_move_too(country: str, first: str, festivals: list[str] | None) -> None:
    marks = named(country, first, str(np.datetime64(first) + 20))

    assert marks["festival"] == (festivals or ["09-28", "09-29", "09-30", "10-01", "10-02", "10-03"])


def test_an_unknown_country_is_refused() -> None:
    with pytest.raises(BacktestError, match="--country XX is unknown"):
        named("XX", "2024-01-01", "2024-02-01")

"""What a country says of days: public holidays, worked weekends, and festivals that move through the year."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import holidays
import numpy as np

from models.demand.backtest.problems import BacktestError
from models.demand.calendar import WORKED_WEEKEND
from models.demand.grid import Bools, DayMarks, Floats, Times

FESTIVAL_DAYS = 3
"""Days in a row that keep neither date nor weekday, at least, if plants stop for them: those of Spring Festival and Eid
do, while Easter keeps its weekdays."""
MOVES = 7
"""Days of the year by which such a holiday moves, at least; one given for a Sunday moves by less."""
NEAR_DAYS = 7
"""Days before and after a festival over which work runs down and up again."""


@dataclass(frozen=True)
class CountryDays:
    """Dates as a country keeps them.

    Attributes:
        is_holiday: (days,) public holidays, among them days off in exchange for a worked weekend.
        marks: (days,) each, by name: ``worked_weekend``, ``festival`` (every day off in a row that holds one),
            ``before_festival`` and ``after_festival``, which rise to the festival and fall from it within a week. Steps
            there would be forecast as steps, where what was missed yesterday is the better forecast.
    """

    is_holiday: Bools
    marks: DayMarks

    @classmethod
    def of(cls, country: str, days: Times) -> "CountryDays":
        """Look up ``days``, (days,) sorted dates, for a country ``CN`` or a part of one ``AU-VIC``.

        Raises:
            BacktestError: Unknown.
        """
        first, last = days[[0, -1]].astype("datetime64[Y]") + np.array([-1, 2])
        found = _holidays(country, range(first.astype(object).year, last.astype(object).year))
        around = np.arange(first, last, dtype="datetime64[D]")
        is_holiday, is_worked = (np.isin(around, _dates(some)) for some in (found, found.weekend_workdays))
        is_weekend = np.isin((around.astype(np.int64) + 3) % 7, list(found.weekend))
        is_off = is_holiday | (is_weekend & ~is_worked)
        row = np.cumsum(~is_off)
        festival = is_off & np.isin(row, row[_lasting(np.isin(around, _dates(_moving(found))))])
        marks: DayMarks = {
            WORKED_WEEKEND: is_worked,
            "festival": festival,
            "before_festival": _nearness(festival[::-1])[::-1],
            "after_festival": _nearness(festival),
        }
        asked = np.isin(around, days)
        return cls(is_holiday[asked], {name: mark[asked] for name, mark in marks.items()})


def _holidays(country: str, years: range) -> holidays.HolidayBase:
    code, _, part = country.upper().partition("-")
    try:
        return holidays.country_holidays(code, subdiv=part or None, years=years)
    except (NotImplementedError, AttributeError):
        raise BacktestError(
            f"--country {country} is unknown: write a code like DE, or with its part like AU-VIC."
        ) from None


def _dates(days: Iterable[date]) -> Times:
    return np.array(sorted(days), dtype="datetime64[D]")


def _moving(found: holidays.HolidayBase) -> list[date]:
    """Return the days of holidays that fall on other dates and other weekdays in other years."""
    by_name = defaultdict(list)
    for day in sorted(found):
        for name in found.get_list(day):
            by_name[name].append(day)
    return [day for days in by_name.values() if _moves(days) for day in days]


def _moves(days: list[date]) -> bool:
    firsts = list({day.year: day for day in reversed(days)}.values())
    day_of_year = [day.timetuple().tm_yday for day in firsts]
    return max(day_of_year) - min(day_of_year) > MOVES and len({day.weekday() for day in firsts}) > 1


def _lasting(days: Bools) -> Bools:
    """Return (days,) those that lie in a row long enough for a festival."""
    row = np.cumsum(~days)
    lasting: Bools = days & (np.bincount(row, days)[row] >= FESTIVAL_DAYS)
    return lasting


def _nearness(days: Bools) -> Floats:
    """Return (days,) 1 - k / 8 on the day k behind the last of ``days``, 0 on these and from the eighth on."""
    place = np.arange(len(days))
    since = place - np.maximum.accumulate(np.where(days, place, -len(days)))
    return np.where(days, 0.0, np.maximum(1 - since / (NEAR_DAYS + 1), 0))

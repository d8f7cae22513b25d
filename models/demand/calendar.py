"""What the local calendar says of each interval of a grid."""

from dataclasses import dataclass

import numpy as np

from models.demand.grid import Bools, DayMarks, Floats, Integers, LoadGrid

SUNDAY = 6
WORKED_WEEKEND, SCHOOL_HOLIDAY = "worked_weekend", "school_holiday"
WORKED_AS = np.array([0, 1, 2, 3, 4, 4, 0])
"""Weekday that a worked day counts as, by its own."""
TURN_OF_YEAR = (8, 4)
"""From 24 December, 8 days before 1 January, to 5 January, 4 days after: offices close, holiday or not."""


@dataclass(frozen=True)
class Calendar:
    """Calendar of a grid; what differs by series is (series, times), the rest (times,).

    Attributes:
        date: Local days since 1 January 1970.
        day: Local days since the first one of the grid.
        step_of_day: Intervals since local midnight.
        day_of_week: (series, times); 0 is Monday. A worked Saturday counts as Friday, a worked Sunday as Monday: they
            lie beside a day off as those do.
        day_of_year: 0 is 1 January.
        shift: Intervals by which the local clock is ahead of UTC.
        marks: What each day is: holiday, holiday_on_working_day, eve, day_after, bridge, turn_of_year, and the grid's
            ``day_marks``.
        is_off: Holiday, or weekend that is not worked.
    """

    date: Integers
    day: Integers
    step_of_day: Integers
    day_of_week: Integers
    day_of_year: Integers
    shift: Integers
    marks: DayMarks
    is_off: Bools

    @classmethod
    def of(cls, grid: LoadGrid) -> "Calendar":
        """Look every interval up by the clock of the grid."""
        local = grid.local_times
        dates = local.astype("datetime64[D]")
        day = (dates - dates[0]).astype(np.int64)
        day_of_week = (dates.astype(np.int64) + 3) % 7
        day_of_year = (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
        first = np.searchsorted(day, np.arange(day[-1] + 1))
        holiday, known = grid.is_holiday[:, first], {name: mark[:, first] for name, mark in grid.day_marks.items()}
        worked = known.get(WORKED_WEEKEND, np.zeros_like(holiday)).astype(np.bool_)
        to_next_year = ((dates.astype("datetime64[Y]") + 1).astype("datetime64[D]") - dates).astype(np.int64)
        turn = (to_next_year <= TURN_OF_YEAR[0]) | (day_of_year <= TURN_OF_YEAR[1])
        marks = _marks(holiday, worked, day_of_week[first], turn[first]) | known
        weekday = np.where(worked, WORKED_AS[day_of_week[first]], day_of_week[first])
        return cls(
            date=dates.astype(np.int64),
            day=day,
            step_of_day=(local - dates).astype("timedelta64[m]").astype(np.int64) // grid.minutes,
            day_of_week=weekday[:, day],
            day_of_year=day_of_year,
            shift=(local - grid.times_utc).astype("timedelta64[m]").astype(np.int64) // grid.minutes,
            marks={name: values[:, day] for name, values in marks.items()},
            is_off=(holiday | (weekday >= SUNDAY - 1))[:, day],
        )

    def season(self, harmonic: int) -> tuple[Floats, Floats]:
        """Return sine and cosine of the year, counted from midsummer of the north, ``harmonic`` times a year."""
        angle = 2 * np.pi * harmonic * (self.day_of_year - 171) / 365.25
        return np.sin(angle), np.cos(angle)


def _marks(holiday: Bools, worked: Bools, day_of_week: Integers, turn: Bools) -> DayMarks:
    """Name the days, (series, days): a bridge is a working day between a holiday and a weekend that is not worked."""
    eve, day_after = _next(holiday) & ~holiday, _last(holiday) & ~holiday
    to_weekend = (day_of_week == SUNDAY - 2) & ~_next(worked)
    from_weekend = (day_of_week == 0) & ~_last(worked)
    return {
        "holiday": holiday,
        "holiday_on_working_day": holiday & (day_of_week < SUNDAY - 1),
        "eve": eve,
        "day_after": day_after,
        "bridge": (day_after & to_weekend) | (eve & from_weekend),
        "turn_of_year": turn & ~holiday,
    }


def _next(days: Bools) -> Bools:
    return np.pad(days[:, 1:], ((0, 0), (0, 1)))


def _last(days: Bools) -> Bools:
    return np.pad(days[:, :-1], ((0, 0), (1, 0)))

"""When which price holds: seasons, kinds of day and hours of a tariff with time of use.

Holidays are no part of a tariff: they come beside the reads.
"""

import re
from datetime import date
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, field_validator, model_validator

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
DayKind = Literal["workday", "weekend", "holiday"]
DAY_KINDS: tuple[DayKind, ...] = ("workday", "weekend", "holiday")
WEEKDAYS = {"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7}
HOURS = re.compile(r"^([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$")
DAYS_OF_YEAR = re.compile(r"^(\d\d)-(\d\d)\.\.(\d\d)-(\d\d)$")
DAY_MINUTES = 1440
MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
YEAR = [100 * month + day for month, days in enumerate(MONTH_DAYS, 1) for day in range(1, days + 1)]
"""Every day of a leap year as 100 x month + day."""
WHOLE_YEAR = "year"
"""Season of a tariff without seasons."""


def minutes_of(hours: str) -> list[tuple[int, int]]:
    """Return the minutes of the day, from and to (excluded), that ``22:00-06:00`` names; two pairs across midnight."""
    found = HOURS.match(hours)
    if not found:
        raise ValueError(f"'{hours}' is no span of hours; write it like \"08:00-12:00\", midnight at the end as 24:00")
    from_hour, from_minute, to_hour, to_minute = (int(text) for text in found.groups())
    start, end = 60 * from_hour + from_minute, 60 * to_hour + to_minute
    if max(start, end) > DAY_MINUTES or start == end:
        raise ValueError(f"'{hours}' is no span of hours; a whole day is 00:00-24:00")
    spans = [(start, end)] if start < end else [(start, DAY_MINUTES), (0, end)]
    return [(first, last) for first, last in spans if first < last]


def days_of(span: str) -> list[tuple[int, int]]:
    """Return first and last day (100 x month + day) of ``10-01..04-30``; two pairs across the new year."""
    found = DAYS_OF_YEAR.match(span)
    if not found:
        raise ValueError(f"'{span}' is no span of days; write it like \"06-01..09-30\", both days included")
    first, last = 100 * int(found[1]) + int(found[2]), 100 * int(found[3]) + int(found[4])
    for day in (first, last):
        if day not in YEAR:
            raise ValueError(f"'{span}' names a day that no year has")
    return [(first, last)] if first <= last else [(first, 1231), (101, last)]


def clock(minute: int) -> str:
    """Return a minute of the day as people write it."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


class Window(BaseModel, frozen=True, extra="forbid"):
    """Hours at which a period holds."""

    period: Code = Field(description="Period that holds then, such as peak.")
    hours: tuple[str, ...] = Field(min_length=1, description='Local hours, such as "08:00-12:00"; may pass midnight.')
    season: tuple[Code, ...] = Field(default=(), description="Seasons; none named: all of them.")
    days: tuple[DayKind, ...] = Field(default=DAY_KINDS, description="Kinds of day; default: all.")

    @field_validator("hours", "season", "days", mode="before")
    @classmethod
    def _one_or_more(cls, given: object) -> object:
        return [given] if isinstance(given, str) else given

    @field_validator("hours")
    @classmethod
    def _readable(cls, hours: tuple[str, ...]) -> tuple[str, ...]:
        for span in hours:
            minutes_of(span)
        return hours

    @property
    def minutes(self) -> list[tuple[int, int]]:
        """Minutes of the day, from and to (excluded)."""
        return sorted(pair for span in self.hours for pair in minutes_of(span))


class CriticalPeak(BaseModel, frozen=True, extra="forbid"):
    """Dates on which some hours have a period of their own, whatever the day is."""

    period: Code = Field(description="Period that holds then, such as critical_peak.")
    hours: tuple[str, ...] = Field(min_length=1, description="Local hours.")
    dates: tuple[date, ...] = Field(min_length=1, description="Local dates.")

    _one_or_more = field_validator("hours", "dates", mode="before")(
        lambda given: [given] if isinstance(given, str | date) else given
    )

    @property
    def minutes(self) -> list[tuple[int, int]]:
        """Minutes of the day, from and to (excluded)."""
        return sorted(pair for span in self.hours for pair in minutes_of(span))

    @model_validator(mode="after")
    def _no_overlap(self) -> Self:
        for (_, end), (start, _) in pairwise(self.minutes):
            if start < end:
                raise ValueError(f"its hours overlap at {clock(start)}")
        if len(set(self.dates)) < len(self.dates):
            raise ValueError("a date is named twice; name each once")
        return self


class Calendar(BaseModel, frozen=True, extra="forbid"):
    """Seasons and hours of a tariff with time of use.

    Invariants:
        Each minute of each kind of day of each season has exactly one period.
    """

    seasons: dict[Code, tuple[str, ...]] = Field(
        default_factory=dict, description='Season: its days of the year, such as "06-01..09-30", both included.'
    )
    weekend: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(
        default=("sat", "sun"), description="Days of the week that are the weekend."
    )
    windows: tuple[Window, ...] = Field(default=(), description="Hours of the periods.")
    otherwise: Code | None = Field(default=None, description="Period of all hours that no window names.")
    critical: tuple[CriticalPeak, ...] = Field(default=(), description="Dates with hours of their own.")
    observes_holidays: bool = Field(
        default=True, description="Whether holidays are a kind of day; else the day of the week alone decides."
    )

    @field_validator("seasons", mode="before")
    @classmethod
    def _one_or_more(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        return {name: [spans] if isinstance(spans, str) else spans for name, spans in given.items()}

    @model_validator(mode="after")
    def _whole_year(self) -> Self:
        days = sorted((first, last, name) for name, first, last in self.season_days())
        for (_, last, name), (first, _, other) in pairwise(days):
            if first <= last:
                raise ValueError(f"seasons {name} and {other} overlap at {_day(first)}; a day belongs to one season")
        missing = [day for day in YEAR if not any(first <= day <= last for first, last, _ in days)]
        if missing:
            raise ValueError(f"no season holds {_day(missing[0])} ({len(missing)} days missing); seasons fill the year")
        return self

    @model_validator(mode="after")
    def _whole_days(self) -> Self:
        unknown = {season for window in self.windows for season in window.season} - set(self.season_names)
        if unknown:
            raise ValueError(f"a window names season {min(unknown)}, which `seasons` does not have")
        for season in self.season_names:
            for kind in DAY_KINDS:
                end, period = 0, ""
                for first, last, name in self.spans(season, kind):
                    place = f"{season}, {kind}" if self.seasons else kind
                    if first < end:
                        raise ValueError(f"{period} and {name} overlap at {clock(first)} ({place}); shorten one")
                    if first > end:
                        raise ValueError(_gap(end, first, place))
                    end, period = last, name
                if end < DAY_MINUTES:
                    raise ValueError(_gap(end, DAY_MINUTES, f"{season}, {kind}" if self.seasons else kind))
        return self

    @property
    def season_names(self) -> tuple[str, ...]:
        """Seasons; one for all days where the tariff has none."""
        return tuple(self.seasons) or (WHOLE_YEAR,)

    @property
    def periods(self) -> tuple[str, ...]:
        """Periods in the order in which the file names them."""
        named = [window.period for window in self.windows] + [self.otherwise] + [peak.period for peak in self.critical]
        return tuple(dict.fromkeys(name for name in named if name))

    def periods_in(self, seasons: tuple[str, ...]) -> set[str]:
        """Return the periods that occur in some seasons; in all where none is named."""
        found = {peak.period for peak in self.critical}
        for season in seasons or self.season_names:
            found |= {period for kind in DAY_KINDS for _, _, period in self.spans(season, kind)}
        return found

    def season_days(self) -> list[tuple[str, int, int]]:
        """Return season, first and last day (100 x month + day), a row a stretch within the year."""
        if not self.seasons:
            return [(WHOLE_YEAR, 101, 1231)]
        return [(name, *pair) for name, spans in self.seasons.items() for span in spans for pair in days_of(span)]

    def spans(self, season: str, kind: DayKind) -> list[tuple[int, int, str]]:
        """Return from minute, to minute (excluded) and period of a day, in order, ``otherwise`` included."""
        named = sorted(
            (first, last, window.period)
            for window in self.windows
            if kind in window.days and (not window.season or season in window.season)
            for first, last in window.minutes
        )
        if self.otherwise is None:
            return named
        rest, end = [], 0
        for first, last, _ in [*named, (DAY_MINUTES, DAY_MINUTES, "")]:
            if first > end:
                rest.append((end, first, self.otherwise))
            end = max(end, last)
        return sorted([*named, *rest])


def _gap(start: int, end: int, place: str) -> str:
    return (
        f"no period holds from {clock(start)} to {clock(end)} ({place}); add a window, or name the period of all other "
        "hours under `otherwise`"
    )


def _day(day: int) -> str:
    return f"{day // 100:02d}-{day % 100:02d}"

"""Load of many series on one regular grid of time, with what is known beside it."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Times = npt.NDArray[np.datetime64]
DayMarks = dict[str, Bools | Floats]


@dataclass(frozen=True)
class IssuedWeather:
    """Weather as it was forecast when load was: what a forecast of the past could know of it.

    Attributes:
        cutoffs: (issues,) ascending columns of the grid, the first of each forecast.
        temperature_c: (issues, places, steps) of the columns from each cutoff on; NaN is unknown.
        place: (series,) place of each series.
        humidity_pct: (issues, places, steps) relative humidity; None is no humidity.
    """

    cutoffs: Integers
    temperature_c: Floats
    place: Integers
    humidity_pct: Floats | None = None

    def between(self, first: int, end: int) -> "IssuedWeather":
        """Return the issues of the columns from ``first`` up to ``end``, as columns of these."""
        inside = (self.cutoffs > first) & (self.cutoffs < end)
        humidity_pct = None if self.humidity_pct is None else self.humidity_pct[inside]
        return IssuedWeather(self.cutoffs[inside] - first, self.temperature_c[inside], self.place, humidity_pct)


@dataclass(frozen=True)
class LoadGrid:
    """Series of one frequency side by side. What lies at or after a cutoff may be there: who forecasts cuts it off.

    Attributes:
        unique_ids: (series,) names.
        times_utc: (times,) starts of the intervals, ``datetime64[m]``, ``minutes`` apart without a gap.
        minutes: Length of an interval.
        timezone: IANA name of the clock by which people live.
        load: (series, times) mean load or energy of the interval, any unit; NaN is unknown.
        temperature_c: (stations, series, times) outdoor temperature; NaN is unknown, no station is no temperature.
        is_holiday: (series, times) public holidays by the local date.
        day_marks: (series, times) what else is known of the local date long ahead, by name: ``worked_weekend`` (a
            Saturday or Sunday that is worked in exchange for a bridge), ``school_holiday``, and any other, which may
            also be a degree from 0 to 1.
        humidity_pct: (stations, series, times) relative humidity outdoors; NaN is unknown, no station is no humidity.
        issued_weather: What was forecast of the temperature in the past; None is unknown: then the actual one stands
            for it.
    """

    unique_ids: npt.NDArray[np.str_]
    times_utc: Times
    minutes: int
    timezone: str
    load: Floats
    temperature_c: Floats
    is_holiday: Bools
    day_marks: DayMarks = field(default_factory=dict)
    humidity_pct: Floats = field(default_factory=lambda: np.empty((0, 0, 0)))
    issued_weather: IssuedWeather | None = None

    @property
    def steps_a_day(self) -> int:
        """Intervals in a day of 24 hours."""
        return 1440 // self.minutes

    @property
    def steps_an_hour(self) -> int:
        """Intervals in an hour; 1 for longer ones."""
        return max(1, 60 // self.minutes)

    @cached_property
    def local_times(self) -> Times:
        """(times,) starts of the intervals by the local clock, ``datetime64[m]``."""
        index = pd.DatetimeIndex(self.times_utc, tz="UTC").tz_convert(self.timezone)
        return index.tz_localize(None).to_numpy().astype("datetime64[m]")

    def between(self, first: int, end: int) -> "LoadGrid":
        """Return the columns from ``first`` up to ``end``, ``end`` excluded."""
        columns = slice(first, end)
        return replace(
            self,
            times_utc=self.times_utc[columns],
            load=self.load[:, columns],
            temperature_c=self.temperature_c[:, :, columns],
            is_holiday=self.is_holiday[:, columns],
            day_marks={name: mark[:, columns] for name, mark in self.day_marks.items()},
            humidity_pct=self.humidity_pct[:, :, columns],
            issued_weather=self.issued_weather.between(first, end) if self.issued_weather else None,
        )

    def of(self, names: npt.NDArray[np.str_]) -> "LoadGrid":
        """Return the series of these names, in this order; one that is not here has nothing known but the days."""
        row = pd.Index(self.unique_ids).get_indexer(pd.Index(names))
        absent = row < 0
        load, temperature_c, humidity_pct = self.load[row], self.temperature_c[:, row], self.humidity_pct
        load[absent], temperature_c[:, absent] = np.nan, np.nan
        if len(humidity_pct):
            humidity_pct = humidity_pct[:, row]
            humidity_pct[:, absent] = np.nan
        issued = self.issued_weather
        return replace(
            self,
            unique_ids=names,
            load=load,
            temperature_c=temperature_c,
            is_holiday=self.is_holiday[row],
            day_marks={name: mark[row] for name, mark in self.day_marks.items()},
            humidity_pct=humidity_pct,
            issued_weather=replace(issued, place=issued.place[row]) if issued else None,
        )

    def recent(self, cutoff: int, days: int) -> tuple["LoadGrid", int]:
        """Return the columns from ``days`` days before ``cutoff`` on, and where the cutoff lies among them."""
        first = max(0, cutoff - days * self.steps_a_day)
        return self.between(first, self.load.shape[1]), cutoff - first

    def as_known_at(self, cutoff: int, horizon: int, weather_is_known: bool) -> "LoadGrid":
        """Return what may be known when columns from ``cutoff`` on are forecast, ``horizon`` of them.

        Load from ``cutoff`` on is NaN, and weather too unless that of the horizon is known. Holidays are.
        """
        known = self.between(0, cutoff + horizon)
        load = known.load.copy()
        load[:, cutoff:] = np.nan
        temperature_c, humidity_pct = known.temperature_c, known.humidity_pct
        if not weather_is_known:
            temperature_c, humidity_pct = temperature_c.copy(), humidity_pct.copy()
            temperature_c[:, :, cutoff:] = humidity_pct[:, :, cutoff:] = np.nan
        return replace(known, load=load, temperature_c=temperature_c, humidity_pct=humidity_pct)

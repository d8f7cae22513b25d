"""Rows of forecasts: which series, issued when, for when, and what was known then. No lag is shorter than the lead."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.demand.calendar import Calendar
from models.demand.grid import Bools, Floats, Integers


@dataclass(frozen=True)
class Rows:
    """Forecasts to learn from or to make, one a row.

    Attributes:
        series: Row of the grid.
        cutoff: First column of the grid that is unknown.
        column: Column that is forecast, at or after the cutoff.
        steps_a_day: Intervals of a day.
    """

    series: Integers
    cutoff: Integers
    column: Integers
    steps_a_day: int

    @property
    def lead_days(self) -> Floats:
        """Days from the last known interval to the one that is forecast."""
        return (self.column - self.cutoff + 1) / self.steps_a_day

    def whole_days_back(self) -> Integers:
        """Fewest days back at which the same time of day is known."""
        return -((self.cutoff - self.column - 1) // self.steps_a_day)

    def whole_weeks_back(self) -> Integers:
        """Fewest weeks back, in days, at which the same time of the week is known."""
        return -((self.cutoff - self.column - 1) // (7 * self.steps_a_day)) * 7

    def lag(self, values: Floats, days: Integers | int, calendar: Calendar) -> Floats:
        """Return ``values`` (series, columns) at the same local time ``days`` before, as far as known; else NaN."""
        plain = self.column - days * self.steps_a_day
        source = plain + calendar.shift[self.column] - calendar.shift[np.maximum(plain, 0)]
        source = np.where(source >= self.cutoff, source - self.steps_a_day, source)
        return np.where(source >= 0, values[self.series, np.maximum(source, 0)], np.nan)

    def where(self, mask: Bools) -> "Rows":
        """Return the rows of ``mask``."""
        return Rows(self.series[mask], self.cutoff[mask], self.column[mask], self.steps_a_day)

    @staticmethod
    def joined(parts: Sequence["Rows"]) -> "Rows":
        """Return the rows of all parts, in their order."""
        series, cutoff, column = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("series", "cutoff", "column")
        )
        return Rows(series, cutoff, column, parts[0].steps_a_day)

    def last_known(self, values: Floats) -> Floats:
        """Return ``values`` (series, columns) at the last known interval."""
        return values[self.series, self.cutoff - 1]

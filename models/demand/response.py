"""How load answers to calendar and weather: a line for each series and time of day, which goes on beyond the seen.

A tree cannot forecast a day hotter than any that it has seen; these lines can (OpenSTEF's best trained model blends
both for the same reason). Terms after Hong's vanilla benchmark: type of day, season, trend, and degrees above knots,
now and over the last days.
"""

from dataclasses import dataclass

import numpy as np

from models.demand.calendar import Calendar
from models.demand.forecast_params import ForecastParams
from models.demand.grid import Bools, Floats, Integers
from models.demand.lags import Rows
from models.demand.regression import Regression
from models.demand.weather import MEMORY, Drivers, quantiles_of_known

DAYS_FOR_A_SEASON = 400
DAYS_FOR_A_TREND = 550
KNOTS = (0.05, 0.25, 0.5, 0.75, 0.92)
"""Shares of the temperatures seen at which the line may bend."""
LEAST_SPREAD = 1.0
"""Degrees that a term counts as moving by if it moves by less. A warm night just over a knot that nearly all nights lie
below would else carry a slope of its own, which no penalty holds, to the first hot one."""
INTERVALS_AT_ONCE = 300_000


@dataclass(frozen=True)
class ResponseShape:
    """What the terms are made by; fixed when fitted.

    Attributes:
        known_days: Local days of the history.
        last_date: The last one, in days since 1970.
        harmonics: Waves of the year, where the history is long enough to know one.
        season_shrinkage: Penalty of the first wave as a share of the usual one; it grows with the square of its number.
        marks: Names of the calendar's marks that some day of the history bears.
        knots: (knots, series) degrees by driver.
        seen: (2, series) lowest and highest of the drivers that are memory. A line goes on for hotter hours than any
            before, as air conditioners do; for longer heat waves than any before nobody knows how it goes on.
    """

    known_days: int
    last_date: int
    harmonics: int
    season_shrinkage: float
    marks: tuple[str, ...]
    knots: dict[str, Floats]
    seen: dict[str, Floats]

    def terms(
        self, calendar: Calendar, drivers: Drivers, series: Integers, column: Integers
    ) -> tuple[Floats, Floats, Floats]:
        """Return (..., terms), and of each term its relative penalty and least spread.

        Args:
            calendar: Of the columns.
            drivers: Degrees at each place.
            series: Series of each place, of a shape that goes with that of ``column``.
            column: Column of the calendar of each place.
        """
        columns, penalties = self._calendar_terms(calendar, series, column)
        for name, knots in self.knots.items():
            columns += _degrees(self._as_seen(name, drivers[name], series), knots[:, series])
        if self.knots:
            columns += self._degrees_when_off(calendar.is_off[series, column], drivers["temperature"], series)
        degrees = len(columns) - len(penalties)
        least_spread = np.repeat([0.0, LEAST_SPREAD], [len(penalties), degrees])
        terms = np.stack(np.broadcast_arrays(*columns), axis=-1).astype(np.float64)
        return terms, np.array(penalties + [1.0] * degrees), least_spread

    def _as_seen(self, name: str, values: Floats, series: Integers) -> Floats:
        if name not in self.seen:
            return values
        low, high = self.seen[name][:, series]
        return np.clip(values, low, high)

    def _calendar_terms(
        self, calendar: Calendar, series: Integers, column: Integers
    ) -> tuple[list[Floats], list[float]]:
        columns = [(calendar.day_of_week[series, column] == day).astype(np.float64) for day in range(6)]
        columns += [calendar.marks[name][series, column].astype(np.float64) for name in self.marks]
        penalties = [1.0] * len(columns)
        if self.known_days < DAYS_FOR_A_SEASON:
            # Within a year season is known by the length of the day alone, and that is shrunk.
            columns.append(calendar.season(1)[1][column])
            penalties.append(5.0)
        else:
            for harmonic in range(1, self.harmonics + 1):
                columns += [wave[column] for wave in calendar.season(harmonic)]
                penalties += [self.season_shrinkage * harmonic**2] * 2
        if self.known_days >= DAYS_FOR_A_TREND:
            columns.append(((calendar.date - self.last_date) / 365.25)[column])
            penalties.append(1.0)
        return columns, penalties

    def _degrees_when_off(self, off: Bools, temperature: Floats, series: Integers) -> list[Floats]:
        cold, hot = self.knots["temperature"][1][series], self.knots["temperature"][3][series]
        return [off * np.maximum(temperature - hot, 0), off * np.maximum(cold - temperature, 0)]


@dataclass(frozen=True)
class Response:
    """The fitted lines.

    Attributes:
        shape: What the terms are.
        groups: The series of each regression.
        lines: Each holds one problem for every series of its group and step of the day, series first.
        steps: Steps of a day.
    """

    shape: ResponseShape
    groups: list[slice]
    lines: list[Regression]
    steps: int

    @classmethod
    def fit(
        cls, load: Floats, weight: Floats, calendar: Calendar, drivers: Drivers, params: ForecastParams
    ) -> "Response":
        """Fit on ``load``, (series, times) in units of scale; NaN or ``weight`` 0 leaves an interval out."""
        knots = {name: quantiles_of_known(values, KNOTS) for name, values in drivers.items()}
        known_days, last_date = int(calendar.day[-1]) + 1, int(calendar.date[-1])
        seen = {name: quantiles_of_known(drivers[name], (0, 1)) for name in MEMORY if name in drivers}
        marks = tuple(name for name, days in calendar.marks.items() if days.any())
        shape = ResponseShape(known_days, last_date, params.harmonics, params.season_shrinkage, marks, knots, seen)
        rows = _rows_by_step(calendar.step_of_day)
        groups = _groups(*load.shape)
        lines = [_fit_group(shape, load, weight, calendar, drivers, rows, series, params) for series in groups]
        return cls(shape, groups, lines, len(rows))

    def predict(self, calendar: Calendar, drivers: Drivers) -> Floats:
        """Return (series, times) in units of scale; NaN where a driver is NaN."""
        found, column = [], np.arange(len(calendar.day))[None]
        for group, line in zip(self.groups, self.lines, strict=True):
            given = {name: values[group] for name, values in drivers.items()}
            found.append(self._predict(line, group, calendar, given, _series_of(group)[:, None], column))
        return np.concatenate(found)

    def predict_rows(self, calendar: Calendar, drivers: Drivers, rows: Rows) -> Floats:
        """Return (rows,) in units of scale; ``drivers`` are degrees at each row."""
        found = np.empty(len(rows.column))
        for group, line in zip(self.groups, self.lines, strict=True):
            mine = (rows.series >= group.start) & (rows.series < group.stop)
            given = {name: values[mine] for name, values in drivers.items()}
            found[mine] = self._predict(line, group, calendar, given, rows.series[mine], rows.column[mine])
        return found

    def _predict(
        self,
        line: Regression,
        group: slice,
        calendar: Calendar,
        drivers: Drivers,
        series: Integers,
        column: Integers,
    ) -> Floats:
        terms, _, _ = self.shape.terms(calendar, drivers, series, column)
        step = np.minimum(calendar.step_of_day[column], self.steps - 1)
        return line.predict(terms, (series - group.start) * self.steps + step)


def _groups(series: int, times: int) -> list[slice]:
    size = max(1, INTERVALS_AT_ONCE // times)
    return [slice(first, min(first + size, series)) for first in range(0, series, size)]


def _series_of(group: slice) -> Integers:
    return np.arange(group.start, group.stop)


def _rows_by_step(step_of_day: Integers) -> Integers:
    """Return (steps, rows): the columns of each step of the day, filled up with -1."""
    counts = np.bincount(step_of_day)
    order = np.argsort(step_of_day, kind="stable")
    rows = np.full((len(counts), counts.max()), -1)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows[step_of_day[order], rank] = order
    return rows


def _fit_group(
    shape: ResponseShape,
    load: Floats,
    weight: Floats,
    calendar: Calendar,
    drivers: Drivers,
    rows: Integers,
    series: slice,
    params: ForecastParams,
) -> Regression:
    given, column = {name: values[series] for name, values in drivers.items()}, np.arange(load.shape[1])[None]
    terms, penalties, least_spread = shape.terms(calendar, given, _series_of(series)[:, None], column)
    usable = ~np.isnan(load[series]) & ~np.isnan(terms).any(-1)
    counted = np.where(usable, weight[series], 0.0)[:, rows] * (rows >= 0)
    problems = len(terms) * len(rows)
    return Regression.fit(
        np.nan_to_num(terms[:, rows]).reshape(problems, rows.shape[1], -1),
        np.nan_to_num(load[series][:, rows]).reshape(problems, -1),
        counted.reshape(problems, -1),
        penalties * params.shrinkage,
        params.huber_rounds,
        least_spread,
    )


def _degrees(temperature: Floats, knots: Floats) -> list[Floats]:
    return [temperature] + [np.maximum(temperature - knot, 0) for knot in knots[1:]]

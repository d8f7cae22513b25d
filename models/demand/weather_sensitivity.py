"""What of the load heats and cools: base, heating and cooling part of each series and interval.

A change-point model (ASHRAE Guideline 14; CalTRACK 2.0) of intervals instead of days. For each series load is a base
by time of day, kind of day and season, and a slope on the degrees below one balance point and above another. Balance
points, and how long houses remember the weather, are searched for; decision 0183 says why so.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.demand.calendar import Calendar
from models.demand.grid import Bools, Floats, Integers, LoadGrid
from models.demand.weather import mean_of_known, trailing_mean

LEAST_DAYS = 330
"""Days with load and temperature, about a year, below which shares would be of some seasons only."""
PIECE_DAYS = 42
"""The base wanders with the season and with customers that come and go: a line that may bend every six weeks."""
MEMORY_HOURS = (1, 3, 6, 12, 24, 48)
HEATING_BALANCE_C = np.arange(6.0, 21.0)
COOLING_BALANCE_C = np.arange(12.0, 29.0)
SEARCHED = 3
"""Parameters of a part: slope, balance point, memory."""


@dataclass(frozen=True)
class Parts:
    """Expected load by cause, in the unit of the load; never negative.

    Attributes:
        unique_ids: (series,) names.
        base: (series, times) what the load would be in weather that asks for neither heating nor cooling.
        heating: (series, times) what cold adds; 0 where no heating is found.
        cooling: (series, times) what heat adds; 0 where no cooling is found.
        is_known: (series,) False where too little load or temperature is known; the parts are NaN there. Parts of a
            known series are NaN in intervals without temperature.
        heating_balance_c: (series,) temperature below which there is heating; NaN where none is found or known.
        cooling_balance_c: (series,) temperature above which there is cooling; NaN where none is found or known.
    """

    unique_ids: npt.NDArray[np.str_]
    base: Floats
    heating: Floats
    cooling: Floats
    is_known: Bools
    heating_balance_c: Floats
    cooling_balance_c: Floats

    @property
    def expected(self) -> Floats:
        """(series, times) load that calendar and weather let expect: the sum of the parts."""
        return self.base + self.heating + self.cooling

    def shares(self, within: Bools) -> pd.DataFrame:
        """Return the shares of the expected load in chosen intervals, e.g. ``last_days`` or ``peak_intervals``.

        Args:
            within: (times,) or (series, times) what counts.

        Returns:
            base_share, heating_share, cooling_share (0 to 1, together 1) by unique_id; NaN where nothing is known or
            expected.
        """
        chosen = np.broadcast_to(within, self.base.shape)
        sums = np.stack([np.nansum(part * chosen, axis=1) for part in (self.base, self.heating, self.cooling)], axis=1)
        total = sums.sum(1, keepdims=True)
        shares = sums / np.where(total > 0, total, np.nan)
        names = ["base_share", "heating_share", "cooling_share"]
        return pd.DataFrame(shares, pd.Index(self.unique_ids, name="unique_id"), names)


def last_days(grid: LoadGrid, days: int = 365) -> Bools:
    """Choose the last ``days`` days of a grid, (times,)."""
    times = grid.load.shape[1]
    return np.arange(times) >= times - days * grid.steps_a_day


def peak_intervals(grid: LoadGrid, count: int, within: Bools) -> Bools:
    """Choose the ``count`` intervals of highest load of each series among those ``within`` (times,).

    Returns:
        (series, times); fewer are chosen where fewer are known.
    """
    load = np.where(within & ~np.isnan(grid.load), grid.load, -np.inf)
    rank = np.argsort(np.argsort(-load, axis=1, kind="stable"), axis=1)
    return (rank < count) & np.isfinite(load)


def weather_sensitive_parts(grid: LoadGrid) -> Parts:
    """Split the load of each series into base, heating and cooling; twenty series of 13 months of hours take seconds.

    Heating and cooling are what days colder or warmer than their neighbours show; what changes with the month in all
    weather stays in the base. A part that explains no more than chance would is left out: a series without weather
    effect has shares of 0. Load is taken as consumption: the base is 0 where it would be negative.

    Args:
        grid: A year or two of load with temperature; the weather of all of it is looked at, the last day's too.
    """
    calendar, (series, times) = Calendar.of(grid), grid.load.shape
    temperature = mean_of_known(grid.temperature_c) if len(grid.temperature_c) else np.full((series, times), np.nan)
    days_known = _days_known(~np.isnan(grid.load) & ~np.isnan(temperature), calendar.step_of_day)
    parts, balance_c = np.full((3, series, times), np.nan), np.full((2, series), np.nan)
    for number in np.flatnonzero(days_known >= LEAST_DAYS):
        degrees = _Degrees.of(temperature[number], 60 / grid.minutes)
        model = _ChangePoints(grid.load[number], degrees, calendar.step_of_day, _base_terms(calendar, int(number)))
        parts[:, number], balance_c[:, number] = model.parts()
    base, heating, cooling = parts
    return Parts(grid.unique_ids, base, heating, cooling, days_known >= LEAST_DAYS, balance_c[0], balance_c[1])


def _days_known(known: Bools, step_of_day: Integers) -> Integers:
    """(series,) days on which a series is known, at the time of day at which it is known least often."""
    by_step = [known[:, step_of_day == step].sum(1) for step in np.unique(step_of_day)]
    return np.min(by_step, axis=0).astype(np.int64)


def _base_terms(calendar: Calendar, number: int) -> Floats:
    """(times, terms) of the base of one series at one time of day."""
    pieces = max(1, round(calendar.day[-1] / PIECE_DAYS))
    place = calendar.day * pieces / calendar.day[-1]
    columns = [np.ones(len(place))] + [calendar.day_of_week[number] == day for day in range(6)]
    columns += [marks[number] for marks in calendar.marks.values()]
    # A constant and ramps: across months without load the smallest solution is a straight line.
    columns += [np.clip(place - piece, 0, 1) for piece in range(pieces)]
    return np.stack(columns, axis=1).astype(np.float64)


@dataclass(frozen=True)
class _Degrees:
    """All degrees that a series may be heated or cooled by, heating first.

    Attributes:
        values: (times, candidates) degrees below or above a balance point, of the mean of some hours; never negative.
        balance_c: (candidates,) that balance point.
        heating: How many of them are heating.
    """

    values: Floats
    balance_c: Floats
    heating: int

    @classmethod
    def of(cls, temperature: Floats, steps_an_hour: float) -> "_Degrees":
        """Make them of the temperature (times,)."""
        steps = [max(1, round(hours * steps_an_hour)) for hours in MEMORY_HOURS]
        felt = np.stack([trailing_mean(temperature, count) for count in steps], axis=1)[:, :, None]
        cold, hot = np.maximum(HEATING_BALANCE_C - felt, 0), np.maximum(felt - COOLING_BALANCE_C, 0)
        times, memories = felt.shape[:2]
        balance_c = np.concatenate([np.tile(HEATING_BALANCE_C, memories), np.tile(COOLING_BALANCE_C, memories)])
        values = np.concatenate([cold.reshape(times, -1), hot.reshape(times, -1)], axis=1)
        return cls(values, balance_c, memories * len(HEATING_BALANCE_C))


@dataclass(frozen=True)
class _ChangePoints:
    """The model of one series.

    Attributes:
        load: (times,); NaN is unknown.
        degrees: What it may be heated or cooled by.
        step_of_day: (times,); base and slopes are fitted for each.
        base_terms: (times, terms).
    """

    load: Floats
    degrees: _Degrees
    step_of_day: Integers
    base_terms: Floats

    def parts(self) -> tuple[Floats, Floats]:
        """Return base, heating and cooling, (3, times), and the balance points of the last two, (2,)."""
        scale = np.abs(self.load[self._usable]).mean() or 1.0
        beside_base = self._beside_base(np.column_stack([self.degrees.values, self.load / scale]))
        chosen = self._chosen(beside_base)
        slopes = scale * self._slopes(beside_base[:, chosen], beside_base[:, -1])
        parts, balance_c = np.zeros((3, len(self.load))), np.full(2, np.nan)
        for slope, candidate in zip(slopes.T, chosen, strict=True):
            place = int(candidate >= self.degrees.heating)
            parts[1 + place] = slope[self.step_of_day] * self.degrees.values[:, candidate]
            balance_c[place] = self.degrees.balance_c[candidate]
        parts[0] = self._base(self.load - parts.sum(0))
        parts[:, np.isnan(self.degrees.values).any(1)] = np.nan
        return parts, balance_c

    @cached_property
    def _usable(self) -> Bools:
        return ~np.isnan(self.load) & ~np.isnan(self.degrees.values).any(1)

    @cached_property
    def _steps(self) -> list[Bools]:
        return [self.step_of_day == step for step in range(int(self.step_of_day.max()) + 1)]

    def _beside_base(self, columns: Floats) -> Floats:
        """Return what the base terms leave of columns, (times, columns); 0 where not usable.

        A regression of what is left has the slopes of one with the base terms in it (Frisch and Waugh, 1933).
        """
        left = np.zeros_like(columns)
        for step in self._steps:
            rows = step & self._usable
            directions, size, _ = np.linalg.svd(self.base_terms[rows], full_matrices=False)
            basis = directions[:, size > 1e-9 * size[0]]
            left[rows] = columns[rows] - basis @ (basis.T @ columns[rows])
        return left

    def _base(self, without_weather: Floats) -> Floats:
        base = np.empty_like(without_weather)
        for step in self._steps:
            rows = step & self._usable
            line = self.base_terms[step] @ _least_squares(self.base_terms[rows], without_weather[rows])
            base[step] = np.maximum(line, 0)
            # What is cut off is taken from the rest, so that the parts still add up to the load of the time of day.
            base[step] *= max(without_weather[rows].sum(), 0) / max(base[rows].sum(), 1e-300)
        return base

    def _chosen(self, beside_base: Floats) -> list[int]:
        """Return the candidates of the best model: none, heating, cooling or both, by Akaike's criterion.

        The slope is the same at all times of day here: few and noisy data can tell no more.
        """
        candidates, load = beside_base[:, :-1], beside_base[:, -1]
        explained = _best_of_each_kind(candidates.T @ candidates, candidates.T @ load, self.degrees)
        fullest = candidates[:, max(explained, key=lambda model: explained[model])]
        independent = self._independent(load - fullest @ _least_squares(fullest, load))
        rounding = 1e-12 * len(load)

        def criterion(model: tuple[int, ...]) -> float:
            left = max(float(load @ load) - explained[model], rounding)
            return float(independent * np.log(left) + 2 * SEARCHED * len(model))

        best: tuple[int, ...] = min(explained, key=criterion)
        return list(best)

    def _independent(self, left: Floats) -> float:
        """As how many independent intervals these count, as what is left goes together in weeks (design effect)."""
        week = np.arange(len(left)) // (7 * len(self._steps))
        together = np.square(np.bincount(week, left)).sum() / max(float(left @ left), 1e-300)
        return float(self._usable.sum() / max(1.0, together))

    def _slopes(self, degrees: Floats, load: Floats) -> Floats:
        """Return slopes by time of day, (steps, parts), never negative.

        Each is drawn towards that of all times, the more the less is known of it (DerSimonian and Laird, 1986).
        """
        pooled = _least_squares(degrees, load)
        own = np.stack([_least_squares(degrees[step], load[step]) for step in self._steps])
        precision = np.stack([_precision(degrees[step], load[step]) for step in self._steps])
        excess = (precision * np.square(own - pooled)).sum(0) - (precision > 0).sum(0)
        between = np.maximum(excess, 0) / np.maximum(precision.sum(0), 1e-300)
        trust = between * precision / (1 + between * precision)
        return np.maximum(pooled + trust * (own - pooled), 0)


def _least_squares(terms: Floats, target: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(terms, target, rcond=None)[0], dtype=np.float64)


def _precision(terms: Floats, target: Floats) -> Floats:
    """Return one over the variance of each slope, (terms,); 0 where a term never moves."""
    noise = np.square(target - terms @ _least_squares(terms, target)).mean()
    variance = noise * np.diag(np.linalg.pinv(terms.T @ terms))
    return np.divide(1.0, variance, out=np.zeros_like(variance), where=variance > 0)


def _best_of_each_kind(squares: Floats, products: Floats, degrees: _Degrees) -> dict[tuple[int, ...], float]:
    """Return the best heating, cooling and pair of both with positive slopes, and the squares that each explains.

    Args:
        squares: (candidates, candidates) sums of products of the candidates.
        products: (candidates,) sums of their products with load.
        degrees: The candidates.
    """
    cold, hot = slice(0, degrees.heating), slice(degrees.heating, None)
    own = np.maximum(np.diag(squares), 1e-12)
    alone = np.square(np.maximum(products, 0)) / own
    cold_own, hot_own, both = own[cold, None], own[None, hot], squares[cold, hot]
    cold_product, hot_product = products[cold, None], products[None, hot]
    determinant = cold_own * hot_own - np.square(both)
    determinant = np.where(determinant > 1e-6 * cold_own * hot_own, determinant, np.inf)
    cold_slope = (cold_product * hot_own - hot_product * both) / determinant
    hot_slope = (hot_product * cold_own - cold_product * both) / determinant
    in_order = degrees.balance_c[cold, None] <= degrees.balance_c[None, hot]
    allowed = (cold_slope > 0) & (hot_slope > 0) & in_order
    together = np.where(allowed, cold_slope * cold_product + hot_slope * hot_product, 0.0)
    first, second = np.unravel_index(int(together.argmax()), together.shape)
    coldest, hottest = int(alone[cold].argmax()), degrees.heating + int(alone[hot].argmax())
    pair = (int(first), degrees.heating + int(second))
    found = {(): 0.0, (coldest,): alone[coldest], (hottest,): alone[hottest], pair: together.max()}
    return {model: float(gain) for model, gain in found.items() if gain > 0 or not model}

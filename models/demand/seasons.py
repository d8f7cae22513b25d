"""The highest load of a season that is months ahead: daily maxima drawn with the weather of other years.

After Hyndman and Fan, Density forecasting for long-term peak electricity demand (IEEE Trans. Power Systems 25, 2010):
nobody knows the weather of a summer to come, but what weather it may bring. Decision 0188 says what is done otherwise.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.demand.bands import DECILES_APART
from models.demand.calendar import Calendar
from models.demand.daily import grid_of_maxima
from models.demand.forecast_params import ForecastParams
from models.demand.grid import Bools, Floats, Integers, LoadGrid, Times
from models.demand.response import Response
from models.demand.training import scale_of
from models.demand.weather import Drivers

DRAWS = 500
WEATHER_BLOCK_DAYS, MISS_BLOCK_DAYS = 14, 7
WEATHER_WITHIN_DAYS, MISS_WITHIN_DAYS = 14, 45
"""So far from its day of the year weather is taken, and what lines missed."""
LEAST_COVERED = 0.9
"""Share of blocks for whose time of the year something must be known."""
YEAR_DAYS, SEASON_DAYS, LEVEL_DAYS = 365.25, 91, 28
MOST_WINDOWS = 8
LEAST_DAYS = 90
CARRIED = 0.5
"""Power to which the level of the last weeks, against the lines, is carried on."""
LEAST_SAID = 0.05


@dataclass(frozen=True)
class Season:
    """Three months that begin with December, March, June or September."""

    first: np.datetime64
    last: np.datetime64

    def days_after(self, day: np.datetime64) -> Times:
        """(days,) its dates behind a day."""
        return np.arange(max(self.first, day + 1), self.last + 1)


def seasons_ahead(day: np.datetime64, count: int = 4) -> list[Season]:
    """Return the season of the day after ``day``, and those that follow."""
    month = (day + 1).astype("datetime64[M]")
    # January 1970 is month 0, and December begins a season.
    start = month - (month.astype(np.int64) + 1) % 3
    firsts = (start + 3 * np.arange(count + 1)).astype("datetime64[D]")
    return [Season(first, following - 1) for first, following in pairwise(firsts)]


@dataclass(frozen=True)
class SeasonDraws:
    """Draws of the rest of a season.

    Attributes:
        highest: (draws, series) highest load of its days, kW.
        day: (draws, series) the column of that day.
    """

    highest: Floats
    day: Integers


@dataclass(frozen=True)
class SeasonForecaster:
    """Draws the highest loads of spans of days.

    Attributes:
        unique_ids: (series,) names.
        lines: Fitted on all that is known.
        shift: What past seasons, left out of the fit, lay above the middle of their draws; in standard deviations of
            these.
        widening: Factor of the standard deviations by which 80 % of past seasons lie inside P10 to P90.
        seed: Of the draws.
    """

    unique_ids: npt.NDArray[np.str_]
    lines: "Lines"
    shift: float
    widening: float
    seed: int

    @classmethod
    def fit(cls, grid: LoadGrid, params: ForecastParams) -> "SeasonForecaster | None":
        """Fit on a grid of intervals, kWh each, that ends at the cutoff; None where no series has 90 known days."""
        enough = (~np.isnan(grid.load)).sum(axis=1) >= LEAST_DAYS * grid.steps_a_day
        if not enough.any():
            return None
        power = replace(grid, load=grid.load * 60 / grid.minutes).of(grid.unique_ids[enough])
        daily, drivers, _ = grid_of_maxima(power)
        drivers = {name: values for name, values in drivers.items() if not np.isnan(values).all()}
        lines = Lines.fit(daily, drivers, params)
        scores = list(_past_scores(daily, drivers, params))
        if not scores:
            return cls(daily.unique_ids, lines, 0.0, 1.0, params.seed)
        score = np.concatenate(scores)
        shift = float(np.median(score))
        widening = float(np.quantile(np.abs(score - shift), 0.8)) / (DECILES_APART / 2)
        return cls(daily.unique_ids, lines, shift, max(1.0, widening), params.seed)

    def draw(self, ahead: LoadGrid, draws: int = DRAWS) -> SeasonDraws | None:
        """Draw the highest day among days to come.

        Args:
            ahead: A grid of one interval a day: the days to come with their calendar, of the same series.
            draws: How many.

        Returns:
            None where nothing is known of that time of the year.
        """
        maxima = self.lines.draw(ahead, draws, self.seed)
        if maxima is None:
            return None
        said = np.log(maxima.max(axis=2))
        middle, spread = np.median(said, axis=0), _spread(said)
        drift = np.random.default_rng(self.seed + 1).normal(size=(draws, 1)) * self.lines.drift(_dates(ahead))
        highest = np.exp(middle + self.shift * spread + self.widening * (said - middle) + drift)
        return SeasonDraws(highest, maxima.argmax(axis=2))


@dataclass(frozen=True)
class Lines:
    """Lines of daily maxima, and what may come beside them.

    Attributes:
        scale: (series,) mean maximum, the unit of what follows.
        response: Lines by calendar and weather.
        dates: (days,) local days of the history, without a gap.
        reference: (series,) degrees by driver at which the lines are read without weather.
        effect: (2, series, days) what the weather of a day changes, on working days and on days off.
        weather_is_known: (days,) days whose weather may come again.
        missed: (series, days) what came as a share of what the lines say.
    """

    scale: Floats
    response: Response
    dates: Times
    reference: Drivers
    effect: Floats
    weather_is_known: Bools
    missed: Floats

    @classmethod
    def fit(cls, daily: LoadGrid, drivers: Drivers, params: ForecastParams, left_out: slice = slice(0, 0)) -> "Lines":
        """Fit on daily maxima, those of a span of days left out."""
        scale, calendar = scale_of(daily.load), Calendar.of(daily)
        load = daily.load / scale[:, None]
        load[:, left_out] = np.nan
        age = calendar.day[-1] - calendar.day
        weight = np.broadcast_to(0.5 ** (age / params.half_life_days), load.shape)
        filled, is_known = _filled(drivers, load.shape[1])
        response = Response.fit(load, weight, calendar, filled, params)
        missed = load / np.maximum(response.predict(calendar, filled), LEAST_SAID)
        reference = {name: values.mean(axis=1) for name, values in filled.items()}
        effect = _effect(response, calendar, filled, reference)
        return cls(scale, response, _dates(daily), reference, effect, is_known, _without_gaps(missed, params.seed))

    def draw(self, ahead: LoadGrid, draws: int, seed: int) -> Floats | None:
        """Return (draws, series, days) daily maxima; None where nothing is known of that time of the year."""
        days, random = _dates(ahead), np.random.default_rng(seed)
        near = self._near(days, WEATHER_BLOCK_DAYS, WEATHER_WITHIN_DAYS, self.weather_is_known)
        weather = _blocks(near, WEATHER_BLOCK_DAYS, draws, random)
        anywhere = np.ones_like(self.weather_is_known)
        misses = _blocks(self._near(days, MISS_BLOCK_DAYS, MISS_WITHIN_DAYS, anywhere), MISS_BLOCK_DAYS, draws, random)
        if weather is None or misses is None:
            return None
        weather, misses, calendar = weather[:, : len(days)], misses[:, : len(days)], Calendar.of(ahead)
        without_weather = self.response.predict(_with_off(calendar, False), _held(self.reference, len(days)))
        level = self.scale * np.median(self.missed[:, -LEVEL_DAYS:], axis=1) ** CARRIED
        found = np.empty((draws, *without_weather.shape))
        for number, line in enumerate(without_weather):
            off = calendar.is_off[number].astype(np.int64)
            said = np.maximum(line + self.effect[off, number, weather], LEAST_SAID)
            found[:, number] = said * self.missed[number, misses] * level[number]
        return found

    def drift(self, days: Times) -> Floats:
        """Return (series,) the standard deviation by which a level differs as long after as the middle of the days."""
        periods = self.missed.shape[1] // LEVEL_DAYS
        by_period = self.missed[:, self.missed.shape[1] - periods * LEVEL_DAYS :].reshape(-1, periods, LEVEL_DAYS)
        level = np.log(np.median(by_period, axis=2))
        later = float((days[len(days) // 2] - self.dates[-1]).astype(np.int64)) / LEVEL_DAYS
        lag = int(np.clip(round(later), 1, max(1, periods // 2)))
        if periods <= lag:
            return np.zeros(len(level))
        return np.asarray(np.sqrt(np.square(level[:, lag:] - level[:, :-lag]).mean(axis=1)))

    def _near(self, days: Times, length: int, within: int, usable: Bools) -> list[Integers]:
        """For each block of days the columns at which one of about that time of the year starts."""
        unusable = np.concatenate([[0], np.cumsum(~usable)])
        columns = np.flatnonzero(unusable[length:] == unusable[:-length])
        apart = (self.dates[columns][None] - days[::length, None]).astype(np.int64)
        apart = np.abs((apart + YEAR_DAYS / 2) % YEAR_DAYS - YEAR_DAYS / 2)
        return [columns[row <= within] for row in apart]


def _past_scores(daily: LoadGrid, drivers: Drivers, params: ForecastParams) -> Iterator[Floats]:
    """Draw spans of a season's length that the lines have not seen: where what came lies among the draws."""
    few = slice(0, params.peak_series)
    daily, drivers = daily.of(daily.unique_ids[few]), {name: values[few] for name, values in drivers.items()}
    ends = range(daily.load.shape[1], SEASON_DAYS - 1, -SEASON_DAYS)
    for end in ends[:MOST_WINDOWS]:
        span = slice(end - SEASON_DAYS, end)
        maxima = Lines.fit(daily, drivers, params, span).draw(daily.between(span.start, span.stop), DRAWS, params.seed)
        came = daily.load[:, span]
        told = ~np.isnan(came).all(axis=1) & (np.nan_to_num(came).max(axis=1) > 0)
        if maxima is None or not told.any():
            continue
        said = np.log(maxima[:, told].max(axis=2))
        yield (np.log(np.nanmax(came[told], axis=1)) - np.median(said, axis=0)) / _spread(said)


def _spread(said: Floats) -> Floats:
    """(series,) standard deviation of (draws, series), as their deciles tell it."""
    low, high = np.quantile(said, (0.1, 0.9), axis=0)
    return np.maximum((high - low) / DECILES_APART, 1e-6)


def _dates(daily: LoadGrid) -> Times:
    return daily.times_utc.astype("datetime64[D]")


def _filled(drivers: Drivers, days: int) -> tuple[Drivers, Bools]:
    """Drivers with gaps closed by lines and unknown series by the mean; and the days of which most series are known."""
    column, known, filled = np.arange(days), np.ones(days, dtype=np.bool_), {}
    for name, values in drivers.items():
        told = ~np.isnan(values)
        some = told.any(axis=1)
        known &= told[some].mean(axis=0) >= 0.5
        closed = [np.interp(column, column[has], row[has]) for row, has in zip(values[some], told[some], strict=True)]
        filled[name] = np.broadcast_to(np.mean(closed, axis=0), values.shape).copy()
        filled[name][some] = closed
    return filled, known


def _effect(response: Response, calendar: Calendar, drivers: Drivers, reference: Drivers) -> Floats:
    """(2, series, days) what weather changes: the same days read with their own and with the weather of reference."""
    without = response.predict(_with_off(calendar, False), _held(reference, len(calendar.day)))
    return np.stack([response.predict(_with_off(calendar, off), drivers) - without for off in (False, True)])


def _with_off(calendar: Calendar, off: bool) -> Calendar:
    return replace(calendar, is_off=np.full_like(calendar.is_off, off))


def _held(reference: Drivers, days: int) -> Drivers:
    return {name: np.repeat(values[:, None], days, axis=1) for name, values in reference.items()}


def _without_gaps(missed: Floats, seed: int) -> Floats:
    """What was missed on unknown days is drawn from the known ones; 1 where nothing is known."""
    random, found = np.random.default_rng(seed), np.maximum(missed, LEAST_SAID)
    for row in found:
        known = row[~np.isnan(row)]
        row[np.isnan(row)] = random.choice(known, int(np.isnan(row).sum())) if len(known) else 1.0
    return found


def _blocks(near: list[Integers], length: int, draws: int, random: np.random.Generator) -> Integers | None:
    """(draws, days) columns of the history, block by block; None where too few blocks have any."""
    has = np.flatnonzero([len(found) > 0 for found in near])
    if len(has) < LEAST_COVERED * len(near):
        return None
    nearest = [near[has[np.abs(has - number).argmin()]] for number in range(len(near))]
    starts = np.stack([random.choice(found, draws) for found in nearest], axis=1)
    return (starts[:, :, None] + np.arange(length)).reshape(draws, -1)

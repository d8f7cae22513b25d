"""What is known of loads, calendar and weather at the end of a day, as a grid.

The only place of the demand model where leakage could happen: loads by what had arrived by then, weather as it was
forecast by then, for the day itself and for every past day that is learnt from.
"""

import logging
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from meterwise.outcomes import NothingToDoError
from meterwise.planning import local_timezone
from meterwise.registry import Champion
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from meterwise.watching.drift import DriftWindows
from models.demand.daily import grid_of_energy
from models.demand.grid import Bools, Floats, Integers, IssuedWeather, LoadGrid, Times
from models.demand.levels import ALL
from models.demand.loads import check_step, columns_of, known_loads
from models.demand.params import DemandParams
from models.demand.weather import mean_of_known

log = logging.getLogger(__name__)

MODEL = "demand"
KEY = ["region_code", "as_of_date", "valid_at_utc"]
WEATHER = ["temperature_c", "humidity_pct", "wind_speed_m_s", "cloud_cover_pct"]
EVENING_BEFORE = np.timedelta64(120, "m")
"""Before midnight, whichever way the clock was changed: then it is still the same day."""
HOUR = 60
MOST_SPREAD = 0.5
"""Share of measured minutes from reads longer than the step, above which what is known has no shape by the step."""

_CONDITIONS = """
    select as_of_date, region_code, valid_at_utc, is_holiday, is_school_holiday, temperature_c, humidity_pct
    from features.features_demand
    where as_of_date <= $as_of_date and as_of_date > $before
    order by as_of_date
"""

_DAYS_AHEAD = """
    select region_code, local_date, is_holiday, is_school_holiday
    from features.features_demand_days
    where as_of_date = $as_of_date and local_date > $as_of_date
"""

_KNOWN_DAYS = """
    select
        count(distinct local_date) as days,
        cast(sum(spread_minutes) as double precision) / sum(measured_minutes) as spread_share
    from features.features_demand_loads
    where known_on <= $as_of_date and measured_minutes > 0 and local_date > $before and local_date <= $as_of_date
        and (replaced_on is null or replaced_on > $as_of_date)
"""


class NoLoadError(NothingToDoError):
    """Nothing is known to forecast from."""


@dataclass(frozen=True)
class Demand:
    """What was known at the end of a day, and the intervals to forecast.

    Attributes:
        as_of_date: The day.
        series: (series,) ``level``, codes and name, in the order of the grid.
        grid: Up to the last interval to forecast; load in kWh of the interval, NaN from ``cutoff`` on.
        cutoff: First interval of which no load is known.
        tomorrow: First interval after the day.
    """

    as_of_date: date
    series: pd.DataFrame
    grid: LoadGrid
    cutoff: int
    tomorrow: int

    @property
    def horizon(self) -> int:
        """Intervals from the cutoff to the last one."""
        return self.grid.load.shape[1] - self.cutoff

    def issued_before(self, days: int) -> "Demand":
        """Return what was known, and was to be forecast, so many days before, by the loads that are known now."""
        back = days * self.grid.steps_a_day
        cutoff = self.cutoff - back
        grid = self.grid.between(0, cutoff + self.horizon)
        known, issued = grid.as_known_at(cutoff, self.horizon, weather_is_known=True), grid.issued_weather
        if issued is not None:
            known = replace(
                known,
                temperature_c=_as_issued(known.temperature_c, issued.temperature_c, issued, cutoff),
                humidity_pct=_as_issued(known.humidity_pct, issued.humidity_pct, issued, cutoff),
            )
        return replace(
            self,
            as_of_date=self.as_of_date - timedelta(days=days),
            grid=known,
            cutoff=cutoff,
            tomorrow=self.tomorrow - back,
        )


def known(
    as_of_date: str,
    params: DemandParams | None = None,
    settings: Settings | None = None,
    days: int | None = None,
) -> Demand:
    """Return what was known at the end of a day.

    Args:
        as_of_date: The day (ISO).
        params: Of the model.
        settings: Defaults to those of the process.
        days: Days to look back; all that is learnt from by default.

    Raises:
        NoLoadError: No load of these days was known.
        OtherStepError: The warehouse holds loads by another step than the settings ask for.
    """
    params, day = params or DemandParams(), date.fromisoformat(as_of_date)
    days, timezone = days or params.history_days, local_timezone(settings)
    before = day - timedelta(days=days)
    found = known_loads(day, days, _midnight(day + timedelta(days=params.horizon_days + 1), timezone), settings)
    if found is None:
        raise NoLoadError(
            f"No load of {before} to {day} was known at the end of {day}. "
            "Land meter reads of these days and build the warehouse again."
        )
    conditions = Warehouse(settings).arrow(_CONDITIONS, {"as_of_date": day, "before": before}).to_pandas()
    series, times, load = found.series, found.times_utc, found.load
    cutoff = int(np.flatnonzero(~np.isnan(load).all(axis=0))[-1]) + 1
    tomorrow = int(np.searchsorted(times, _midnight(day + timedelta(days=1), timezone)))
    empty = LoadGrid(
        series["series"].to_numpy(dtype=str),
        times,
        found.minutes,
        timezone,
        load,
        np.empty((0, *load.shape)),
        load > np.inf,
    )
    return Demand(day, series, _with_conditions(empty, series, conditions, cutoff, tomorrow), cutoff, tomorrow)


def by_day(demand: Demand, days_ahead: int, settings: Settings | None = None) -> Demand:
    """Return the energy of local days in place of intervals, with so many days to forecast; no weather.

    Its grid's clock has no zone: times are dates in UTC. A day of which less than 90 % is known is unknown.
    """
    day = np.datetime64(demand.as_of_date)
    known = grid_of_energy(demand.grid)
    times = np.arange(known.times_utc[0], day + days_ahead + 1, np.timedelta64(1440, "m"))
    regions = sorted(demand.series.loc[demand.series["level"] == "region", "region_code"])
    told = Warehouse(settings).arrow(_DAYS_AHEAD, {"as_of_date": demand.as_of_date}).to_pandas()
    column = np.searchsorted(times, pd.to_datetime(told["local_date"]).to_numpy().astype("datetime64[m]"))
    region = pd.Index(regions).get_indexer(told["region_code"])
    inside, share = (column < len(times)) & (region >= 0), _region_shares(demand.grid.load, demand.series, regions)

    def whole(values: Floats | Bools, name: str, unknown: float = 0.0) -> Floats:
        """What was said of the days ahead over what is known of all."""
        found = np.full((len(values), len(times)), unknown)
        found[:, : values.shape[1]] = values[:, : len(times)]
        if name:
            ahead = np.full((len(regions), len(times)), np.nan)
            ahead[region[inside], column[inside]] = told[name].to_numpy(dtype=np.float64)[inside]
            said = _mixed(ahead, share)
            found = np.where(np.isnan(said), found, said)
        return found

    load = whole(known.load, "", np.nan)
    cutoff = int(np.flatnonzero(~np.isnan(load).all(axis=0))[-1]) + 1
    grid = replace(
        known,
        times_utc=times,
        load=load,
        temperature_c=np.empty((0, *load.shape)),
        is_holiday=whole(known.is_holiday, "is_holiday") >= 0.5,
        day_marks={"school_holiday": whole(known.day_marks["school_holiday"], "is_school_holiday")},
    )
    return replace(demand, grid=grid, cutoff=cutoff, tomorrow=int(np.searchsorted(times, day + 1)))


def test_issues(demand: Demand, params: DemandParams) -> range:
    """Return how many days back the issue days of the test window lie, all known by now; earliest last."""
    nearest = -(-demand.horizon // demand.grid.steps_a_day)
    return range(nearest, nearest + params.test_days)


def skip_reason(as_of_date: str, params: DemandParams | None = None, settings: Settings | None = None) -> str | None:
    """Say why there is nothing to train on or to forecast for this day; None if there is.

    Raises:
        OtherStepError: The warehouse holds loads by another step than the settings ask for.
    """
    params, day, minutes = params or DemandParams(), date.fromisoformat(as_of_date), check_step(settings)
    asked = {"as_of_date": day, "before": day - timedelta(days=params.history_days)}
    (found,) = Warehouse(settings).arrow(_KNOWN_DAYS, asked).to_pylist()
    if found["days"] < params.least_history_days:
        return (
            f"Demand is skipped: {found['days']} days with known loads as of {as_of_date}; "
            f"{params.least_history_days} are needed, the last {params.test_days} of them to judge the model. "
            "Load more meter reads, or build the warehouse for these days."
        )
    spread = f"{found['spread_share']:.0%} of what was measured is of reads longer than {minutes} minutes"
    if found["spread_share"] > MOST_SPREAD:
        return (
            f"Demand is skipped: {spread}, so that most of the load has no shape by this step. Set "
            "METERWISE_FORECAST_STEP_MINUTES to what most meters report, and build the warehouse again."
        )
    if found["spread_share"] > 0:
        log.warning("Demand as of %s: %s; they count as spread evenly over their time.", as_of_date, spread)
    return None


def drift_windows(champion: Champion, as_of_date: str, settings: Settings | None = None) -> DriftWindows | None:
    """Return what to compare for drift: the last issue days, and the same season a year before, or what was learnt."""
    params, today = DemandParams(), date.fromisoformat(as_of_date)
    learnt = date.fromisoformat(champion.as_of_date)
    around = today - timedelta(days=365)
    season = (around - timedelta(days=params.test_days), around + timedelta(days=params.test_days))
    is_known = _first_issue(settings) <= season[0] and season[1] <= learnt
    return DriftWindows(
        MODEL,
        champion.version,
        "features.features_demand",
        tuple(KEY),
        reference=season if is_known else (learnt - timedelta(days=params.history_days), learnt),
        current=(today - timedelta(days=params.test_days - 1), today),
        numeric=tuple(WEATHER),
    )


def _first_issue(settings: Settings | None) -> date:
    found = Warehouse(settings).arrow("select min(as_of_date) as first from features.features_demand").to_pylist()
    return found[0]["first"] or date.max


def _midnight(day: date, timezone: str) -> np.datetime64:
    start = pd.Timestamp(day).tz_localize(timezone, nonexistent="shift_forward", ambiguous=True)
    return start.tz_convert("UTC").tz_localize(None).to_datetime64().astype("datetime64[m]")


def _with_conditions(
    grid: LoadGrid, series: pd.DataFrame, conditions: pd.DataFrame, cutoff: int, tomorrow: int
) -> LoadGrid:
    """Add what is known of the days, the newest weather of each hour, and the weather as it was forecast day by day.

    The intervals of an hour have the same weather: each time of day has a line of its own, which learns what the
    hour's weather tells of it.
    """
    regions = sorted(series.loc[series["level"] == "region", "region_code"])
    first, hour_of = _hours(grid)
    hour = columns_of(conditions["valid_at_utc"], first, HOUR)
    region = pd.Index(regions).get_indexer(conditions["region_code"])
    inside = (hour >= 0) & (hour <= hour_of[-1]) & (region >= 0)
    told = Told.of(conditions[inside], region[inside], hour[inside], hour_of, len(regions))
    share = _region_shares(grid.load, series, regions)
    days = {name: _mixed(np.nan_to_num(told.newest(name)), share) for name in ("is_holiday", "is_school_holiday")}
    known = replace(grid, is_holiday=days["is_holiday"] >= 0.5, day_marks={"school_holiday": days["is_school_holiday"]})
    if told.is_empty("temperature_c"):
        return known
    place = np.where(series["region_code"] == ALL, len(regions), pd.Index(regions).get_indexer(series["region_code"]))
    cutoffs = _past_cutoffs(grid, cutoff)
    issue_days = _issue_days(grid, cutoffs, cutoff, tomorrow)
    everywhere = share[series["level"] == "total"]

    def issued(name: str) -> Floats:
        found = told.issued(name, cutoffs, issue_days, len(grid.times_utc) - cutoff)
        return np.concatenate([found, _mixed(found, everywhere)], axis=1)

    humidity = not told.is_empty("humidity_pct")
    weather = IssuedWeather(
        cutoffs, issued("temperature_c"), place.astype(np.int64), issued("humidity_pct") if humidity else None
    )
    return replace(
        known,
        temperature_c=_mixed(told.newest("temperature_c"), share)[None],
        humidity_pct=_mixed(told.newest("humidity_pct"), share)[None] if humidity else known.humidity_pct,
        issued_weather=weather,
    )


@dataclass(frozen=True)
class Told:
    """What was said of hours of regions, a row each, day after day.

    Attributes:
        values: By name, and ``as_of_date``.
        region: (rows,) number of the region.
        hour: (rows,) number of the hour.
        hour_of: (times,) number of the hour of each interval of the grid.
        regions: How many there are.
    """

    values: dict[str, Floats]
    issue: Times
    region: Integers
    hour: Integers
    hour_of: Integers
    regions: int

    @classmethod
    def of(cls, conditions: pd.DataFrame, region: Integers, hour: Integers, hour_of: Integers, regions: int) -> "Told":
        """Take rows in the order of their days."""
        issue = pd.to_datetime(conditions["as_of_date"]).to_numpy().astype("datetime64[D]")
        names = ("is_holiday", "is_school_holiday", "temperature_c", "humidity_pct")
        values = {name: conditions[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in names}
        return cls(values, issue, region, hour, hour_of, regions)

    def is_empty(self, name: str) -> bool:
        """Say whether nothing was said."""
        return bool(np.isnan(self.values[name]).all())

    def newest(self, name: str) -> Floats:
        """Return (regions, times) what was said last; NaN where nothing was."""
        found, said = np.full((self.regions, self.hour_of[-1] + 1), np.nan), ~np.isnan(self.values[name])
        found[self.region[said], self.hour[said]] = self.values[name][said]  # the last one stays
        return found[:, self.hour_of]

    def issued(self, name: str, cutoffs: Integers, days: Times, steps: int) -> Floats:
        """Return (issues, regions, steps) what was said on each of some days of the intervals from its cutoff on.

        The cutoffs lie whole days apart.
        """
        issue = np.minimum(np.searchsorted(days, self.issue), len(days) - 1)
        first = self.hour_of[cutoffs]
        hours_on = self.hour_of[cutoffs[-1] : cutoffs[-1] + steps] - first[-1]
        hour = self.hour - first[issue]
        inside: Bools = (days[issue] == self.issue) & (hour >= 0) & (hour <= hours_on[-1])
        found = np.full((len(cutoffs), self.regions, hours_on[-1] + 1), np.nan)
        found[issue[inside], self.region[inside], hour[inside]] = self.values[name][inside]
        return found[:, :, hours_on]


def _hours(grid: LoadGrid) -> tuple[np.datetime64, Integers]:
    """Return the start of the first hour of a grid by its own clock, and (times,) the number of each one's hour."""
    past = grid.local_times[0] - grid.local_times[0].astype("datetime64[h]")
    first = grid.times_utc[0] - past
    return first, ((grid.times_utc - first) // np.timedelta64(HOUR, "m")).astype(np.int64)


def _region_shares(load: Floats, series: pd.DataFrame, regions: list[str]) -> Floats:
    """(series, regions) whose weather a series has: its own region's, else all of them by their load."""
    size = np.nan_to_num(mean_of_known(load[(series["level"] == "region").to_numpy()].T))
    size = np.where(size.sum() > 0, size, 1.0)
    own = (series["region_code"].to_numpy()[:, None] == np.array(regions)[None]).astype(np.float64)
    return np.where(own.sum(axis=1, keepdims=True) > 0, own, size / size.sum())


def _mixed(values: Floats, share: Floats) -> Floats:
    """Mean over regions, the last axis but one, by (series, regions) shares; of the regions that are known."""
    is_known = ~np.isnan(values)
    weight = share @ is_known.astype(np.float64)
    return np.where(weight > 0, share @ np.nan_to_num(values) / np.where(weight > 0, weight, 1.0), np.nan)


def _past_cutoffs(grid: LoadGrid, cutoff: int) -> Integers:
    """Cutoffs of earlier days at the time of day of this one, earliest first, and this one."""
    return np.arange(cutoff % grid.steps_a_day, cutoff + 1, grid.steps_a_day)


def _issue_days(grid: LoadGrid, cutoffs: Integers, cutoff: int, tomorrow: int) -> Times:
    """(issues,) days at whose end each cutoff was the first unknown interval."""
    end_of_day = np.minimum(cutoffs + tomorrow - cutoff, len(grid.times_utc) - 1)
    return (grid.local_times[end_of_day] - EVENING_BEFORE).astype("datetime64[D]")


def _as_issued(actual: Floats, forecast: Floats | None, issued: IssuedWeather, cutoff: int) -> Floats:
    """(stations, series, times) with what was forecast at the cutoff behind it; the actual one where nothing was."""
    if forecast is None or cutoff not in issued.cutoffs:
        return actual
    then = forecast[int(np.searchsorted(issued.cutoffs, cutoff))][issued.place]
    steps = min(then.shape[-1], actual.shape[-1] - cutoff)
    found = actual.copy()
    ahead = found[:, :, cutoff : cutoff + steps]
    found[:, :, cutoff : cutoff + steps] = np.where(np.isnan(then[:, :steps]), ahead, then[:, :steps])
    return found

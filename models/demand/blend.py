"""The point forecast: what calendar and weather let expect, what was missed of late, and trees on the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import pandas as pd

from models.demand.calendar import Calendar
from models.demand.forecast_params import ForecastParams
from models.demand.grid import Bools, Floats, Integers
from models.demand.lags import Rows
from models.demand.regression import Regression
from models.demand.response import Response
from models.demand.weather import Drivers, Foreseen, mean_of_known, trailing_mean

FADING_DAYS = (0.25, 1.0, 4.0)
"""Lives of what is carried on: hours, days, and weeks; beside what stays."""


@dataclass(frozen=True)
class Scene:
    """A grid as the model sees it: (series, times) in units of scale, whatever lies after a row's cutoff included.

    Attributes:
        load: Load, NaN is unknown.
        calendar: Calendar of the columns.
        drivers: Temperatures, NaN is unknown.
        steps_a_day: Intervals of a day.
        foreseen: Temperatures as they were forecast; None is unknown.
    """

    load: Floats
    calendar: Calendar
    drivers: Drivers
    steps_a_day: int
    foreseen: Foreseen | None = None

    def driver(self, name: str, rows: Rows) -> Floats:
        """Return (rows,) a driver as it was known when each row was issued; the actual one where that is unknown."""
        actual = self.drivers[name][rows.series, rows.column]
        if self.foreseen is None or name not in self.foreseen.drivers:
            return actual
        then = self.foreseen.at(name, rows)
        return np.where(np.isnan(then), actual, then)


@dataclass(frozen=True)
class Expected:
    """What the response expects in a scene, and what it missed: each (series, times).

    Attributes:
        load: Expected load, by the weather that came.
        missed: Known load less the expected one, by the name of the response that it is measured against.
        recent: Means of ``missed`` over the last hours, day, week and four weeks, by name.
    """

    load: Floats
    missed: dict[str, Floats]
    recent: dict[str, dict[str, Floats]]


@dataclass(frozen=True)
class Responses:
    """How load answers to the calendar alone, and to calendar and weather (None without any temperature)."""

    by_calendar: Response
    by_weather: Response | None

    @classmethod
    def fit(cls, scene: Scene, weight: Floats, params: ForecastParams) -> "Responses":
        """Fit both on all intervals of positive ``weight`` (series, times)."""
        by_weather = Response.fit(scene.load, weight, scene.calendar, scene.drivers, params) if scene.drivers else None
        return cls(Response.fit(scene.load, weight, scene.calendar, {}, params), by_weather)

    @property
    def marks(self) -> tuple[str, ...]:
        """Names of the calendar's marks that the history bears; a grid to forecast may bear others."""
        return self.by_calendar.shape.marks

    def expect(self, scene: Scene, sees_ahead: bool) -> Expected:
        """Return what is expected for every interval, by weather too if that is seen, and what was missed."""
        felt = self.by_weather.predict(scene.calendar, scene.drivers) if self.by_weather else None
        if sees_ahead and felt is not None:
            return _expected(felt, {"": scene.load - felt}, scene.steps_a_day)
        plain = self.by_calendar.predict(scene.calendar, {})
        missed = {"": scene.load - plain}
        if felt is not None:
            missed["_by_weather"] = scene.load - felt
        return _expected(plain, missed, scene.steps_a_day)

    def ahead(self, scene: Scene, rows: Rows, expected: Expected, sees_ahead: bool) -> Floats:
        """Return (rows,) what could be expected of each row when it was issued, by the weather as it was foreseen."""
        if not sees_ahead or self.by_weather is None or scene.foreseen is None:
            return expected.load[rows.series, rows.column]
        given = {name: scene.driver(name, rows) for name in scene.drivers}
        return self.by_weather.predict_rows(scene.calendar, given, rows)


def _expected(load: Floats, missed: dict[str, Floats], day: int) -> Expected:
    windows = {"3h": max(1, day // 8), "24h": day, "7d": 7 * day, "28d": 28 * day}
    recent = {
        name: {window: trailing_mean(values, steps) for window, steps in windows.items()}
        for name, values in missed.items()
    }
    return Expected(load, missed, recent)


@dataclass(frozen=True)
class Blend:
    """A fitted point forecast, the median of what may come.

    Attributes:
        responses: What calendar and weather let expect.
        sees_ahead: Whether the temperature of the horizon is known: then load is expected by it.
        carry: What of the recent misses goes on, by lead.
        trees: LightGBM model as text for what is left; None for lines alone.
        tree_share: Share of the trees' correction that is added, as it proved itself on days that were left out.
    """

    responses: Responses
    sees_ahead: bool
    carry: Regression
    trees: str | None
    tree_share: float = 1.0

    @classmethod
    def fit(
        cls,
        responses: Responses,
        scene: Scene,
        weight: Floats,
        rows: Rows,
        sees_ahead: bool,
        params: ForecastParams,
    ) -> "Blend":
        """Fit what the responses miss in ``rows``; rows of ``weight`` (series, times) 0 are left out."""
        expected = responses.expect(scene, sees_ahead)
        ahead = responses.ahead(scene, rows, expected, sees_ahead)
        left = scene.load[rows.series, rows.column] - ahead
        counted = weight[rows.series, rows.column] * ~np.isnan(left)
        terms = _carried_terms(rows, scene, expected)
        penalty = np.full(terms.shape[-1], params.carried_shrinkage * counted.sum())
        carry = Regression.fit(terms[None], np.nan_to_num(left)[None], counted[None], penalty, params.carried_rounds)
        carried = carry.predict(terms[None])[0]
        marks = responses.marks
        features = _features(rows, scene, expected, ahead, carried, marks, sees_ahead)
        used = counted > 0
        trees = _fit_trees(features[used], (left - carried)[used], counted[used], _days(scene), params)
        return cls(responses, sees_ahead, carry, trees)

    def predict(self, scene: Scene, rows: Rows) -> tuple[Floats, Floats]:
        """Return the lines' forecast and the trees' correction of each row, in units of scale; NaN without weather."""
        expected = self.responses.expect(scene, self.sees_ahead)
        ahead = self.responses.ahead(scene, rows, expected, self.sees_ahead)
        carried = self.carry.predict(_carried_terms(rows, scene, expected)[None])[0]
        line = ahead + carried
        if self.trees is None or not len(line):
            return line, np.zeros_like(line)
        features = _features(rows, scene, expected, ahead, carried, self.responses.marks, self.sees_ahead)
        correction = lgb.Booster(model_str=self.trees).predict(features, num_threads=1)
        return line, np.asarray(correction, dtype=np.float64)

    def point(self, scene: Scene, rows: Rows) -> Floats:
        """Return the point forecast of each row, in units of scale; NaN without weather that it needs."""
        line, correction = self.predict(scene, rows)
        return line + self.tree_share * correction


def _carried_terms(rows: Rows, scene: Scene, expected: Expected) -> Floats:
    """(rows, terms): every recent miss, as it stays and as it fades with the lead."""
    found = []
    for name, missed in expected.missed.items():
        found += list(_recent_misses(rows, scene, missed).values())
        found += [rows.last_known(values) for values in expected.recent[name].values()]
    lead = rows.lead_days
    fading = [np.ones_like(lead)] + [np.exp(-lead / days) for days in FADING_DAYS]
    return np.stack([np.nan_to_num(values) * life for values in found for life in fading], axis=-1)


def _recent_misses(rows: Rows, scene: Scene, missed: Floats) -> dict[str, Floats]:
    days, weeks = rows.whole_days_back(), rows.whole_weeks_back()
    same_time = np.stack([rows.lag(missed, days + back, scene.calendar) for back in range(7)])
    same_weekday = np.stack([rows.lag(missed, weeks + 7 * back, scene.calendar) for back in range(4)])
    return {
        "missed_last_day": same_time[0],
        "missed_same_time_7d": mean_of_known(same_time),
        "missed_same_time_4w": mean_of_known(same_weekday),
    }


def _features(
    rows: Rows,
    scene: Scene,
    expected: Expected,
    ahead: Floats,
    carried: Floats,
    marks: Sequence[str],
    sees_ahead: bool,
) -> pd.DataFrame:
    """What the trees see.

    No date, no long mean and no level: they would name the day, and a tree that knows the days of its history by heart
    forecasts the next summer worse than the lines do.
    """
    calendar, at, column = scene.calendar, (rows.series, rows.column), rows.column
    weeks = rows.whole_weeks_back()
    found: dict[str, Floats | Integers | Bools] = {
        "lead_days": rows.lead_days,
        "step_of_day": calendar.step_of_day[column],
        "day_of_week": calendar.day_of_week[at],
        **{name: calendar.marks[name][at] for name in marks},
        "was_holiday_1w": rows.lag(calendar.marks["holiday"].astype(np.float64), weeks, calendar),
        "expected": ahead,
        "line": ahead + carried,
        "load_1w": rows.lag(scene.load, weeks, calendar),
        "load_last_day": rows.lag(scene.load, rows.whole_days_back(), calendar),
    }
    for name, missed in expected.missed.items():
        found |= {f"{key}{name}": value for key, value in _recent_misses(rows, scene, missed).items()}
        for back in (0, 7, 14):
            found[f"missed_{1 + back // 7}w{name}"] = rows.lag(missed, weeks + back, calendar)
        for window in ("3h", "24h") if name else ("3h", "24h", "7d"):
            found[f"missed_{window}{name}"] = rows.last_known(expected.recent[name][window])
    if sees_ahead:
        found |= {name: scene.driver(name, rows) for name in scene.drivers}
        found |= {f"{name}_1w": rows.lag(values, weeks, calendar) for name, values in scene.drivers.items()}
    if len(scene.load) > 1:
        found["series"] = rows.series
    return pd.DataFrame(found).astype(np.float64)


def _days(scene: Scene) -> int:
    return int(scene.calendar.day[-1]) + 1


def _fit_trees(features: pd.DataFrame, left: Floats, weight: Floats, days: int, params: ForecastParams) -> str | None:
    fewest = max(20, int(params.days_per_leaf * len(left) / days))
    if not params.trees or len(left) < 4 * fewest:
        return None
    settings = {
        "objective": "l1",
        "learning_rate": params.learning_rate,
        "num_leaves": params.leaves,
        "min_data_in_leaf": fewest,
        "feature_fraction": params.feature_share,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "seed": params.seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    return lgb.train(settings, lgb.Dataset(features, left, weight=weight), params.trees).model_to_string()

"""What may come around the point forecast: spread by lead, hour and weather, and quantiles of what was really missed.

Every miss is of a forecast by a fit that had not seen the day (conformal prediction with normalised scores, after Lei
and others, 2018), so that a band covers what it promises and quantiles never cross.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np
import pandas as pd

from models.demand.blend import Scene
from models.demand.forecast_params import ForecastParams
from models.demand.grid import Floats, Integers
from models.demand.lags import Rows
from models.demand.weather import trailing_mean

DECILES_APART = 2.5631
"""Standard deviations between the first and the last decile of a normal distribution."""
SHARES = np.linspace(0.005, 0.995, 199)
LEADS = (1.0, 3.0)
"""Up to a day, up to three days, and beyond: each has its own quantiles."""
FEW_MISSES = 100
"""So many misses of a series count as much as those of all others."""
LEAST_SPREAD = 0.2
"""No spread is smaller than this share of the mean one: a narrow band that fails costs more than a wide one."""


@dataclass(frozen=True)
class Bands:
    """Fitted bands of one rung.

    Attributes:
        spread: LightGBM model as text of the size of a miss, in units of scale; None where it is the same everywhere.
        mean_spread: Mean size of a miss.
        misses: (leads, shares) quantiles of the miss in units of its spread.
        weeks: Weeks that the misses are of. Those of a week err together, so that no more are witnesses.
        drivers: Temperatures that the spread is told by: none where those of the horizon are not known, since trees
            that have seen them would take what is missing for 0 degrees.
        usual: (series,) mean size of the miss of each series as a share of that of all: a total is smoother than its
            parts, and each level keeps the promise of its own bands.
    """

    spread: str | None
    mean_spread: float
    misses: Floats
    weeks: int
    drivers: tuple[str, ...]
    usual: Floats

    @classmethod
    def fit(cls, scene: Scene, rows: Rows, point: Floats, missed: Floats, params: ForecastParams) -> "Bands":
        """Fit on the misses (rows,) of forecasts ``point`` (rows,) of days that their fit had not seen.

        The spread is told by the drivers of ``scene``; it has none where those of the horizon will not be known.
        """
        drivers = tuple(scene.drivers)
        usual = _usual(missed, rows.series, len(scene.load))
        even = missed / usual[rows.series]
        mean = max(float(np.abs(even).mean()), 1e-9)
        fewest = max(20, int(2 * params.days_per_leaf * len(missed) / 364))
        spread = None
        if len(missed) >= 8 * fewest:
            data = lgb.Dataset(_features(scene, rows, point, drivers), np.abs(even))
            spread = lgb.train(_settings(fewest, params), data, params.spread_trees).model_to_string()
        weeks = len(np.unique(scene.calendar.date[rows.column] // 7))
        found = cls(spread, mean, np.empty((0, len(SHARES))), weeks, drivers, usual)
        unit = missed / found._spread(scene, rows, point)
        return replace(found, misses=np.stack([_quantiles(unit, rows, group) for group in range(len(LEADS) + 1)]))

    def around(self, scene: Scene, rows: Rows, point: Floats, levels: Floats) -> Floats:
        """Return (levels, rows) quantiles, in units of scale; ``levels`` between 0 and 1."""
        spread, wanted = self._spread(scene, rows, point), _of_few(levels, self.weeks)
        unit = np.stack([np.interp(wanted, SHARES, misses) for misses in self.misses], axis=-1)
        return point + spread * unit[:, _lead_group(rows)]

    def mean(self, scene: Scene, rows: Rows, point: Floats) -> Floats:
        """Return the mean of what may come, (rows,): the median lies below it where misses are lopsided."""
        spread = self._spread(scene, rows, point)
        return point + spread * self.misses.mean(1)[_lead_group(rows)]

    def _spread(self, scene: Scene, rows: Rows, point: Floats) -> Floats:
        usual = self.usual[rows.series]
        if self.spread is None:
            return self.mean_spread * usual
        features = _features(scene, rows, point, self.drivers)
        predicted = lgb.Booster(model_str=self.spread).predict(features, num_threads=1)
        return np.maximum(np.asarray(predicted), LEAST_SPREAD * self.mean_spread) * usual


def _usual(missed: Floats, series: Integers, count: int) -> Floats:
    """(series,) mean size of a miss over that of all; drawn towards 1 where few are known."""
    mean = max(float(np.abs(missed).mean()), 1e-9) if len(missed) else 1.0
    total, rows = np.bincount(series, np.abs(missed), count), np.bincount(series, minlength=count)
    return (total + FEW_MISSES * mean) / (rows + FEW_MISSES) / mean


def _of_few(levels: Floats, witnesses: int) -> Floats:
    """Move levels outwards as few witnesses ask for: conformal prediction's (n + 1) / n, in each tail by itself."""
    outer = np.maximum(levels, 1 - levels)
    moved = np.where(outer > 0.5, np.minimum(outer * (witnesses + 1) / witnesses, 1.0), 0.5)
    return np.where(levels >= 0.5, moved, 1 - moved)


def _lead_group(rows: Rows) -> Integers:
    return np.searchsorted(LEADS, rows.lead_days - 1e-9).astype(np.int64)


def _quantiles(unit: Floats, rows: Rows, group: int) -> Floats:
    members = unit[_lead_group(rows) == group]
    quantiles: Floats = np.quantile(members if len(members) >= len(SHARES) else unit, SHARES)
    return quantiles


def _features(scene: Scene, rows: Rows, point: Floats, drivers: Sequence[str]) -> pd.DataFrame:
    calendar, at = scene.calendar, (rows.series, rows.column)
    changed = np.abs(scene.load[:, scene.steps_a_day :] - scene.load[:, : -scene.steps_a_day])
    restless = np.concatenate([np.full((len(changed), scene.steps_a_day), np.nan), changed], axis=1)
    found = {
        "lead_days": rows.lead_days,
        "step_of_day": calendar.step_of_day[rows.column],
        "day_of_week": calendar.day_of_week[at],
        "summer": calendar.season(1)[1][rows.column],
        "is_off": calendar.is_off[at],
        "turn_of_year": calendar.marks["turn_of_year"][at],
        "point": point,
        "restless_7d": rows.last_known(trailing_mean(restless, 7 * scene.steps_a_day)),
        **{name: scene.driver(name, rows) for name in drivers},
    }
    return pd.DataFrame(found).astype(np.float64)


def _settings(fewest: int, params: ForecastParams) -> dict[str, object]:
    return {
        "objective": "l2",
        "learning_rate": 0.1,
        "num_leaves": 8,
        "min_data_in_leaf": fewest,
        "feature_fraction": 0.6,
        "seed": params.seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }

"""What is registered in MLflow for demand: forecasters of every level, and twins that the test window is judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd

from meterwise.registry import RegisteredModel
from meterwise.settings import Settings
from models.demand.customers import CustomerTwins
from models.demand.forecast_params import ForecastParams
from models.demand.grid import Floats, LoadGrid
from models.demand.ladder import LoadForecast
from models.demand.load_forecaster import LoadForecaster
from models.demand.peak_forecaster import PeakForecaster
from models.demand.seasons import SeasonForecaster
from models.demand.training import Training, least_of, scale_of

LEVELS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Quantiles that are published: nine deciles, P05 and P95."""
FAMILIES: dict[str, tuple[str, ...]] = {"areas": ("total", "region", "customer_class"), "feeders": ("feeder",)}
"""Levels that one model is fitted for: what many meters use, and what few."""
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Family:
    """Forecasters of the intervals and of the daily maxima of some series.

    Attributes:
        series: (series,) names that they were fitted for.
        loads: Of intervals.
        peaks: Of daily maxima; None where the intervals are days.
    """

    series: Names
    loads: LoadForecaster
    peaks: PeakForecaster | None


@dataclass(frozen=True)
class Forecasters:
    """Fitted forecasters of all families.

    Attributes:
        families: By name.
        delay: Intervals from the cutoff to the end of the day of issue, as it was when they were fitted.
    """

    families: Mapping[str, Family]
    delay: int

    @classmethod
    def fit(
        cls,
        grid: LoadGrid,
        horizon: int,
        delay: int,
        params: ForecastParams,
        threads: int,
        earlier: "Forecasters | None" = None,
    ) -> "Forecasters":
        """Fit on a grid that ends at the cutoff; bands are taken over from ``earlier``, if given.

        Raises:
            NoHistoryError: No load of a family is known.
        """
        families = {}
        for name, levels in FAMILIES.items():
            mine = grid.of(_rows_of(grid.unique_ids, levels))
            known = earlier.families[name] if earlier else None
            training = Training(mine, horizon, params, threads)
            families[name] = Family(
                mine.unique_ids,
                LoadForecaster.learn(training, True, known.loads if known else None),
                PeakForecaster.learn(training, True, known.peaks if known else None) if grid.steps_a_day > 1 else None,
            )
        return cls(families, delay)

    @classmethod
    def none(cls, delay: int) -> "Forecasters":
        """Return what forecasts like days alone, where no model can be had."""
        return cls({}, delay)

    def loads(self, grid: LoadGrid, cutoff: int) -> LoadForecast:
        """Forecast every interval from ``cutoff`` on, for each series of the grid, fitted or not."""
        found = LoadForecaster(*_unfitted(grid)).predict(grid, cutoff, LEVELS)
        for family in self.families.values():
            rows = pd.Index(grid.unique_ids).get_indexer(pd.Index(family.series))
            found = family.loads.predict(grid.of(family.series), cutoff, LEVELS).over(found, rows)
        return found

    def peaks(self, grid: LoadGrid, cutoff: int, levels: Sequence[float] = LEVELS) -> LoadForecast:
        """Forecast the maximum of every local day that begins at ``cutoff`` or later."""
        found = PeakForecaster(*_unfitted(grid)).predict(grid, cutoff, levels)
        for family in self.families.values():
            if family.peaks is None:
                continue
            rows = pd.Index(grid.unique_ids).get_indexer(pd.Index(family.series))
            found = family.peaks.predict(grid.of(family.series), cutoff, levels).over(found, rows)
        return found

    def feature_gain(self) -> pd.Series:
        """Return how much each feature contributed to the trees, as a share, mean over families; empty without any."""
        gains = []
        for family in self.families.values():
            if family.loads.best is not None and family.loads.best.blend.trees is not None:
                booster = lgb.Booster(model_str=family.loads.best.blend.trees)
                gain = pd.Series(booster.feature_importance("gain"), index=booster.feature_name())
                gains.append(gain / max(gain.sum(), 1e-9))
        return pd.concat(gains, axis=1).mean(axis=1).sort_values(ascending=False) if gains else pd.Series(dtype=float)


@dataclass(frozen=True)
class Twins:
    """Forecasters fitted on all that was known, and the same parameters fitted before a test window to be judged."""

    latest: Forecasters
    judged: Forecasters


@dataclass(frozen=True)
class RegisteredDemand:
    """The forecasters that score, with everything that they need.

    Attributes:
        latest: Fitted on all that was known; these forecast.
        judged: The same parameters fitted before the test window, so that a later comparison of champion and challenger
            on one window is fair to both: neither twin has seen it.
        timezone: Clock of the utility.
        outlook: Of the energy of local days. Versions of before there was one have like days.
        customers: Of single customers; None in versions of before there were any.
        minutes: Length of the intervals that are forecast; an hour in versions of before there was a choice.
        seasons: Of the highest loads of seasons; None in versions of before there were any.
    """

    latest: Forecasters
    judged: Forecasters
    timezone: str
    outlook: Twins = Twins(Forecasters({}, 1), Forecasters({}, 1))
    customers: CustomerTwins | None = None
    minutes: int = 60
    seasons: SeasonForecaster | None = None

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Forecast every interval behind the last known load.

        Args:
            frame: A row for each series and interval, history and horizon: ``series``, ``valid_at_utc``, ``load_kwh``
                (empty where it is to be forecast), ``temperature_c``, ``humidity_pct``, ``is_holiday`` and
                ``is_school_holiday`` (0 to 1).

        Returns:
            A row for each series and interval that was forecast, in the order of series and times: ``mean_kwh``,
            quantiles ``p05_kwh`` to ``p95_kwh`` and ``basis``.
        """
        grid, cutoff = grid_of(frame, self.timezone, self.minutes)
        return forecast_columns(self.latest.loads(grid, cutoff))


def other_step(found: RegisteredModel, settings: Settings) -> str | None:
    """Say that a version forecasts by other intervals than the settings ask for; None if by the same."""
    minutes = found.predictor.minutes if isinstance(found.predictor, RegisteredDemand) else 60
    if minutes == settings.forecast_step_minutes:
        return None
    return (
        f"Version {found.version} of demand forecasts by {minutes} minutes, METERWISE_FORECAST_STEP_MINUTES asks for "
        f"{settings.forecast_step_minutes}: run the DAG train_demand"
    )


def grid_of(frame: pd.DataFrame, timezone: str, minutes: int) -> tuple[LoadGrid, int]:
    """Return rows of intervals as a grid, and the first interval of which no load is known."""
    starts, step = frame["valid_at_utc"].to_numpy().astype("datetime64[m]"), np.timedelta64(minutes, "m")
    times = np.arange(starts.min(), starts.max() + step, step)
    names, row = np.unique(frame["series"].to_numpy(dtype=str), return_inverse=True)
    column = ((starts - times[0]) // step).astype(np.int64)

    def table(name: str) -> Floats:
        found = np.full((len(names), len(times)), np.nan)
        found[row, column] = frame[name].to_numpy(dtype=np.float64)
        return found

    load, school = table("load_kwh"), np.nan_to_num(table("is_school_holiday"))
    known = np.flatnonzero(~np.isnan(load).all(axis=0))
    cutoff = int(known[-1]) + 1 if len(known) else 0
    grid = LoadGrid(
        names,
        times,
        minutes,
        timezone,
        load,
        table("temperature_c")[None],
        np.nan_to_num(table("is_holiday")) >= 0.5,
        day_marks={"school_holiday": school},
        humidity_pct=table("humidity_pct")[None],
    )
    return grid, cutoff


def quantile_columns() -> list[str]:
    """Return the columns of the quantiles, ``p05_kwh`` to ``p95_kwh``."""
    return [f"p{100 * level:02.0f}_kwh" for level in LEVELS]


def forecast_columns(forecast: LoadForecast) -> pd.DataFrame:
    """Return a forecast of ``LEVELS`` as columns, series by series, kWh to the milliwatt-hour."""
    quantiles = {name: forecast.quantiles[n].ravel() for n, name in enumerate(quantile_columns())}
    kwh = pd.DataFrame({"mean_kwh": forecast.mean.ravel(), **quantiles}).round(6)
    return kwh.assign(basis=forecast.basis.ravel().astype(object))


def _rows_of(names: Names, levels: tuple[str, ...]) -> Names:
    return names[np.isin([name.split("/")[0] for name in names], levels)]


def _unfitted(grid: LoadGrid) -> tuple[Floats, Floats, npt.NDArray[np.bool_], None, None]:
    """What a forecaster that has learnt nothing has: scales, bounds, and like days for all."""
    series = np.zeros(len(grid.load), dtype=np.bool_)
    return scale_of(grid.load), least_of(grid.load), series, None, None

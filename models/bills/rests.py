"""What is known at a cutoff of the mean day that lies ahead: the features, in units of what a customer uses."""

from dataclasses import dataclass

import numpy as np

from models.bills.day_grid import Bools, DayGrid, Floats, Month
from models.bills.params import USUAL_WEIGHTS, BillParams
from models.bills.week import common_week, on_days, own_weeks

YEAR, LEVEL_DAYS, LONG_DAYS = 364, 28, 91
WINDOWS = {"mean_7d": 7, "mean_14d": 14, "mean_56d": 56, "mean_91d": 91, "mean_182d": 182, "mean_365d": 365}
LEAST_SCALE_KWH = 0.1
MOST_CHANGE = 1.2
"""Change of a season, as a share of the mean of both of its ends, that is believed at most."""


@dataclass(frozen=True)
class InCommon:
    """What all customers have in common at a cutoff, so that a customer is forecast alike beside any others.

    Attributes:
        week: (7,) days of the week.
        season: Change from the weeks before the cutoff to the days ahead, a year ago: the median customer's.
        levels: (quantiles,) of the mean day of the customers; none is known where nobody is.
    """

    week: Floats
    season: float
    levels: Floats

    @classmethod
    def of(cls, grid: DayGrid, cutoff: int, end: int, levels: tuple[float, ...], params: BillParams) -> "InCommon":
        """Gather it from the days before ``cutoff``, for the days from there up to ``end``."""
        change, level = _season(grid, cutoff, end), _level(grid, cutoff)
        change, level = change[~np.isnan(change)], level[~np.isnan(level)]
        doubt = len(change) / (len(change) + params.season_customers) if len(change) else 0.0
        season = doubt * float(np.median(change)) if len(change) else 0.0
        usual = np.quantile(level, levels) if len(level) else np.empty(0)
        return cls(common_week(grid, cutoff), season, usual)


@dataclass(frozen=True)
class Rests:
    """The days ahead of each customer, from a cutoff up to an end.

    Attributes:
        level: (customers,) mean kWh a day of late; NaN where nothing is known.
        scale: (customers,) kWh a day that all is measured in, above 0.
        features: (customers, features) named by ``USUAL_WEIGHTS``: how far each expectation lies from the level.
        spread: (customers,) how far a customer's weeks lie apart.
        shares: (customers, days) of the mean day that each of the days asked for has.
        is_modelled: (customers,) whether enough is known.
        is_never_negative: (customers,) whether no known day fed into the grid.
        has_season: (customers,) whether the same days a year before are known, and those before them.
    """

    level: Floats
    scale: Floats
    features: Floats
    spread: Floats
    shares: Floats
    is_modelled: Bools
    is_never_negative: Bools
    has_season: Bools

    @classmethod
    def of(cls, grid: DayGrid, cutoff: int, end: int, days: Month, common: InCommon, params: BillParams) -> "Rests":
        """Look at what lies before ``cutoff`` for the days up to ``end``; ``shares`` are those of ``days``."""
        known, level = grid.known, _level(grid, cutoff)
        of_late = (known.mean_size(cutoff - back, cutoff) for back in (LEVEL_DAYS, LONG_DAYS))
        scale = np.nan_to_num(np.fmax(*of_late))
        scale = np.maximum(np.where(scale > 0, scale, np.abs(np.nan_to_num(level))), LEAST_SCALE_KWH)
        weeks = own_weeks(grid, cutoff, common.week, params.week_rows)
        return cls(
            level,
            scale,
            _features(grid, cutoff, end, level, scale, common.season),
            _spread(grid, cutoff) / scale,
            on_days(weeks, grid, days.first, days.end),
            ~np.isnan(level) & (known.days(0, cutoff) >= params.least_days),
            np.isclose(known.total[:, cutoff], known.size[:, cutoff]),
            ~np.isnan(_season(grid, cutoff, end)),
        )


def _level(grid: DayGrid, cutoff: int) -> Floats:
    """(customers,) mean day of four weeks, else of what was known last."""
    known = grid.known
    level = known.mean(cutoff - LEVEL_DAYS, cutoff, LEVEL_DAYS // 2)
    for back in (LONG_DAYS, YEAR, cutoff):
        level = np.where(np.isnan(level), known.mean(cutoff - back, cutoff), level)
    return level


def _features(grid: DayGrid, cutoff: int, end: int, level: Floats, scale: Floats, season: float) -> Floats:
    known, shown = grid.known, np.nan_to_num(level)
    change = _season(grid, cutoff, end)
    found = {
        "own_season": np.nan_to_num(change - season) * shown,
        "common_season": season * shown,
        "year_before": np.where(np.isnan(change), 0.0, _year_before(grid, cutoff, end) - shown),
        **{name: known.mean(cutoff - back, cutoff, back // 2) - shown for name, back in WINDOWS.items()},
    }
    return np.nan_to_num(np.stack([found[name] for name in USUAL_WEIGHTS], axis=1)) / scale[:, None]


def _year_before(grid: DayGrid, cutoff: int, end: int) -> Floats:
    """(customers,) mean of the same days 52 weeks before, as far as the cutoff; NaN where half of them is unknown."""
    first, last = cutoff - YEAR, min(end - YEAR, cutoff)
    return grid.known.mean(first, last, (end - cutoff) / 2) if first >= 0 else np.full(len(grid.kwh), np.nan)


def _season(grid: DayGrid, cutoff: int, end: int) -> Floats:
    """(customers,) change from the four weeks before to the days ahead, a year ago; NaN where it is not known."""
    before = grid.known.mean(cutoff - YEAR - LEVEL_DAYS, cutoff - YEAR, LEVEL_DAYS / 2)
    after = _year_before(grid, cutoff, end)
    size = (np.abs(before) + np.abs(after)) / 2
    change = (after - before) / np.maximum(size, LEAST_SCALE_KWH)
    return np.clip(change, -MOST_CHANGE, MOST_CHANGE)


def _spread(grid: DayGrid, cutoff: int) -> Floats:
    """(customers,) mean distance of one week's mean from that of the week before, over thirteen weeks."""
    ends = [cutoff - 7 * number for number in range(14)]
    weeks = np.stack([grid.known.mean(end - 7, end, 4) for end in ends if end > 0])
    apart = np.abs(np.diff(weeks, axis=0))
    is_known = ~np.isnan(apart)
    return np.where(is_known, apart, 0.0).sum(axis=0) / np.maximum(is_known.sum(axis=0), 1)

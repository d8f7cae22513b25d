"""A month of many customers, part measured and part forecast, by day and by the periods of a tariff."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.bills.day_grid import Bools, DayGrid, Floats, Month
from models.bills.params import LEVELS

COLUMNS = ("mean", *(f"q{level:g}" for level in LEVELS))
"""What is said of each month, in the order of the first axis."""
MEDIAN = 1 + LEVELS.index(0.5)
DAYS_BACK = 56


@dataclass(frozen=True)
class MonthForecast:
    """What is said of a month.

    Attributes:
        measured_kwh: (customers, days of the month) known days; NaN is forecast.
        shares: (customers, days of the month) of the mean day that each day has.
        mean_day_kwh: (columns, customers) mean, P10, P50 and P90 of the mean of the days that are forecast.
        basis: (customers,) ``model``; ``usual_weights``, as the file is too short to learn from; ``little_known``,
            the mean of fewer than 14 known days; ``other_customers``, those of whom something is known.
    """

    measured_kwh: Floats
    shares: Floats
    mean_day_kwh: Floats
    basis: npt.NDArray[np.object_]

    @property
    def is_forecast(self) -> Bools:
        """(customers, days of the month) whether a day is not measured."""
        return np.isnan(self.measured_kwh)

    @property
    def so_far_kwh(self) -> Floats:
        """(customers,) sum of the measured days."""
        return np.nansum(self.measured_kwh, axis=1)

    @property
    def month_kwh(self) -> Floats:
        """(columns, customers) energy of the whole month; quantiles ascend."""
        rest = np.where(self.is_forecast, self.shares, 0.0).sum(axis=1)
        return self.so_far_kwh + self.mean_day_kwh * rest

    def daily_kwh(self, column: int) -> Floats:
        """Return (customers, days of the month): measured days, and the others so that they add up to the month's.

        Args:
            column: Of ``COLUMNS``. A quantile's days are those of a month that is as high, not the days' own quantiles.
        """
        ahead = self.mean_day_kwh[column][:, None] * self.shares
        return np.where(self.is_forecast, ahead, self.measured_kwh)


def period_kwh(forecast: MonthForecast, grid: DayGrid, month: Month, cutoff: int, column: int) -> Floats:
    """Return (periods, customers, days of the month): each day's energy by the periods of a tariff.

    A measured day is split as it was; any other as the customer's days of its kind (workday, or weekend and holiday)
    were in the last eight weeks, or where it has none, as those of all. Periods of a day add up to it.
    """
    split = grid.period_share[:, :, month.first : month.end]
    is_split = ~forecast.is_forecast & ~np.isnan(split).any(axis=0)
    kwh = forecast.daily_kwh(column)
    first = max(cutoff - DAYS_BACK, 0)
    past, energy = grid.period_share[:, :, first:cutoff], grid.kwh[:, first:cutoff]
    usual = np.empty(split.shape)
    for is_off in (False, True):
        of_kind = ((grid.day_kind[:, first:cutoff] >= 5) == is_off) & ~np.isnan(past).any(axis=0) & (energy > 0)
        days = (grid.day_kind[:, month.first : month.end] >= 5) == is_off
        usual = np.where(days, _usual_split(past, np.where(of_kind, energy, 0.0))[:, :, None], usual)
    return np.where(is_split, split, usual) * kwh


def _usual_split(share: Floats, energy: Floats) -> Floats:
    """(periods, customers) shares of the energy of the chosen days; of all customers where one has none."""
    by_period = (np.nan_to_num(share) * energy).sum(axis=2)
    total = by_period.sum(axis=0)
    of_all = by_period.sum(axis=1) / total.sum() if total.sum() > 0 else np.full(len(share), 1 / len(share))
    return np.where(total > 0, by_period / np.where(total > 0, total, 1.0), of_all[:, None])

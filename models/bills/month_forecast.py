"""A month of many customers, part measured and part forecast, by day."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.bills.day_grid import Bools, Floats
from models.bills.params import LEVELS

COLUMNS = ("mean", *(f"q{level:g}" for level in LEVELS))
"""What is said of each month, in the order of the first axis."""
MEDIAN = 1 + LEVELS.index(0.5)


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

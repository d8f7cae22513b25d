"""What anybody could say of a month without a model, and how far it was off before."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.bills.day_grid import DayGrid, Floats, KnownDays, Month
from models.bills.params import LEVELS

LEAST_SCORED, LEAST_COMPARED = 27, 20
"""Whole days without which a month is not scored, and those without which it is no month to repeat."""
AT_ANY_TIME = ("last_month", "same_month_last_year", "mean_of_both")
IN_THE_MONTH = ("run_rate", "so_far_and_last_month")
LEAST_ERRORS = 10
USUAL_ERRORS = np.array([-0.4, 0.0, 0.4])
"""Errors at the quantiles, as a share of what was said, while fewer have been made than can be learnt from."""


@dataclass(frozen=True)
class WholeDays:
    """Days of which every interval was measured, by month.

    Attributes:
        months: Earliest first.
        known: Means of whole days.
        kwh: (months, customers) the month's energy, its mean whole day times its days; NaN below ``LEAST_SCORED`` days.
        mean_day: (months, customers) kWh; NaN below ``LEAST_COMPARED`` whole days.
    """

    months: list[Month]
    known: KnownDays
    kwh: Floats
    mean_day: Floats

    @classmethod
    def of(cls, grid: DayGrid, months: list[Month], least_measured: float = 1) -> "WholeDays":
        """Leave out every day of which less was measured, all of it unless said."""
        known = KnownDays.of(np.where(grid.measured >= least_measured, grid.kwh, np.nan))
        kwh = [known.mean(month.first, month.end, LEAST_SCORED) * month.days for month in months]
        mean_day = [known.mean(month.first, month.end, LEAST_COMPARED) for month in months]
        return cls(months, known, np.stack(kwh), np.stack(mean_day))

    def said(self, number: int, day: int) -> dict[str, Floats]:
        """Return by name (customers,) kWh of the month of that number, said when ``day`` days of it had passed.

        ``run_rate`` is the mean day so far times the days of the month; ``so_far_and_last_month`` the month so far and
        then last month's days from there on. Both are missing at the start of a month.
        """
        month = self.months[number]
        last, year = (self._mean_day_before(number, back) * month.days for back in (1, 12))
        found = dict(zip(AT_ANY_TIME, (last, year, (last + year) / 2), strict=True))
        if day and number:
            so_far, before = self.known.mean(month.first, month.first + day), self.months[number - 1]
            rest = self.known.mean(before.first + day, before.end) * (month.days - day)
            found |= dict(zip(IN_THE_MONTH, (so_far * month.days, so_far * day + rest), strict=True))
        return found

    def _mean_day_before(self, number: int, back: int) -> Floats:
        return self.mean_day[number - back] if number >= back else np.full(self.mean_day.shape[1], np.nan)


def with_bands(rows: pd.DataFrame, name: str) -> Floats:
    """Return (levels, rows) quantiles of a baseline: what it said, moved by its errors in months that had ended.

    Args:
        rows: Of one horizon: month, y, and a column ``name``.
        name: Of the baseline.
    """
    said, size = rows[name].to_numpy(), np.maximum(np.abs(rows[name].to_numpy()), 1e-9)
    error = (rows["y"].to_numpy() - said) / size
    month, found = rows["month"].to_numpy(), np.full((len(LEVELS), len(rows)), np.nan)
    for one in np.unique(month):
        past = error[(month < one) & ~np.isnan(error)]
        moved = np.quantile(past, LEVELS) if len(past) >= LEAST_ERRORS else USUAL_ERRORS
        moved = np.where(np.array(LEVELS) == 0.5, 0.0, moved)
        now = month == one
        found[:, now] = said[now] + moved[:, None] * size[now]
    return np.sort(found, axis=0)

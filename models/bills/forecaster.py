"""The forecast of a month: what was measured of it so far, and the rest as all customers have taught it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.bills.bands import Bands
from models.bills.day_grid import DayGrid, Floats, Integers, Month
from models.bills.learning import Fitted, Learning, bands, usual_weights
from models.bills.month_forecast import MonthForecast
from models.bills.params import LEVELS, BillParams
from models.bills.rests import InCommon, Rests

MODEL, USUAL_WEIGHTS, LITTLE_KNOWN, OTHER_CUSTOMERS = "model", "usual_weights", "little_known", "other_customers"


class NothingKnownError(ValueError):
    """No customer has a known day before the cutoff."""


@dataclass(frozen=True)
class BillForecaster:
    """What all customers have taught of the days from one cutoff to the end of a month.

    Attributes:
        params: Those of the fit.
        common: What all customers have in common at the cutoff.
        fitted: From features to the change that is expected.
        is_learnt: Whether past cutoffs taught it; else the weights are the usual ones.
        bands: How far the days ahead may lie from it: of customers without a known season of a year before, and with.
    """

    params: BillParams
    common: InCommon
    fitted: Fitted
    is_learnt: bool
    bands: tuple[Bands, Bands]

    @classmethod
    def fit(cls, grid: DayGrid, month: Month, cutoff: int, params: BillParams | None = None) -> "BillForecaster":
        """Learn from the days before column ``cutoff`` how the days from there to the month's end will be.

        Raises:
            NothingKnownError: No customer has a known day before it.
        """
        params = params or BillParams()
        cutoff = min(cutoff, month.end)
        end = max(month.end, cutoff + 1)
        sample = grid.of_customers(_sample(len(grid.unique_ids), params.customers))
        common = InCommon.of(sample, cutoff, end, LEVELS, params)
        if not len(common.levels):
            raise NothingKnownError(f"No customer has a known day before {grid.dates[month.first]}.")
        rows = Learning.of(sample, cutoff, end - cutoff, params)
        is_learnt = len(rows.change) >= params.least_misses
        fitted = Fitted.of(rows, params) if is_learnt else Fitted(usual_weights(end - cutoff))
        return cls(params, common, fitted, is_learnt, bands(rows, params))

    def predict(self, grid: DayGrid, month: Month, cutoff: int) -> MonthForecast:
        """Forecast the month and cutoff that were learnt for; a customer's result does not depend on others here."""
        cutoff = min(cutoff, month.end)
        rests = Rests.of(grid, cutoff, max(month.end, cutoff + 1), month, self.common, self.params)
        day_kwh, basis = self._mean_day(rests)
        measured = np.where(np.arange(month.first, month.end) < cutoff, grid.kwh[:, month.first : month.end], np.nan)
        return MonthForecast(measured, rests.shares, day_kwh, basis)

    def _mean_day(self, rests: Rests) -> tuple[Floats, npt.NDArray[np.object_]]:
        """(1 + levels, customers) mean, P10, P50 and P90 of the mean day ahead, and (customers,) what they rest on."""
        modelled = rests.is_modelled
        change, usual = np.zeros(len(modelled)), Bands.usual(self.params)
        change[modelled] = self.fitted.change(rests.features[modelled], rests.spread[modelled])
        without, with_season = (band.around(rests.spread) for band in self.bands)
        around = np.where(rests.has_season, with_season, without)
        around = np.where(modelled, around, usual.around(rests.spread))
        found = rests.level + rests.scale * (change + around)
        has_level = ~np.isnan(rests.level)
        others = np.array([self.common.levels[LEVELS.index(0.5)], *self.common.levels])
        found = np.where(has_level, found, others[:, None])
        found = np.where(rests.is_never_negative & (found < 0), 0.0, found)
        named = np.where(modelled, MODEL if self.is_learnt else USUAL_WEIGHTS, LITTLE_KNOWN)
        return found, np.where(has_level, named, OTHER_CUSTOMERS).astype(object)


def _sample(customers: int, most: int) -> Integers:
    """Each n-th customer, in the order of their names."""
    return np.arange(0, customers, -(-customers // most) or 1)

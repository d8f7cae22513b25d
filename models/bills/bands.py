"""How far a month may lie from its forecast: misses of past cutoffs by fits that had not seen them."""

from dataclasses import dataclass

import numpy as np

from models.bills.day_grid import Floats
from models.bills.params import LEVELS, BillParams

LEAST_SIZE = 0.1
"""Size of a customer's misses, as a share of that of all, below which nobody is thought to be."""


@dataclass(frozen=True)
class Bands:
    """Misses in units of the size that a customer's spread lets expect.

    Attributes:
        base, slope: From the spread of a customer's weeks to the size of its misses, in shares of its use.
        quantiles: (levels,) of misses by their size; ascending, that of the middle is 0.
        mean: Of the same.
    """

    base: float
    slope: float
    quantiles: tuple[float, ...]
    mean: float

    @classmethod
    def usual(cls, params: BillParams) -> "Bands":
        """Return what is said where nothing could be learnt."""
        return cls(params.usual_miss, 0.0, (-1.0, 0.0, 1.0), 0.0)

    @classmethod
    def of_misses(cls, miss: Floats, spread: Floats, apart: float) -> "Bands":
        """Measure misses.

        Args:
            miss: (rows,) actual minus forecast, in shares of use.
            spread: (rows,) of the customers' weeks.
            apart: Share of the rows whose days do not overlap: only so many tell something new (conformal prediction).
        """
        base, slope = _size_by_spread(np.abs(miss), spread)
        found = cls(base, slope, (), 0.0)
        ratio, told = miss / found.size(spread), max(len(miss) * apart, 1.0)
        widened = [_widened(level, told) for level in LEVELS]
        low, _, high = np.quantile(ratio, widened)
        return cls(base, slope, (min(float(low), 0.0), 0.0, max(float(high), 0.0)), float(ratio.mean()))

    def size(self, spread: Floats) -> Floats:
        """Return (customers,) the size of misses that is expected."""
        return np.asarray(self.base + self.slope * spread)

    def around(self, spread: Floats) -> Floats:
        """Return (1 + levels, customers) what is to be added to a forecast for its mean and quantiles."""
        return np.array([self.mean, *self.quantiles])[:, None] * self.size(spread)


def _size_by_spread(size: Floats, spread: Floats) -> tuple[float, float]:
    """Line through sizes, weighted for misses that grow with the spread; neither part falls below 0."""
    mean, middle = float(size.mean()), float(spread.mean())
    deviation = spread - middle
    weight = 1 / (spread + middle + 1e-9)
    slope = float((weight * deviation * (size - mean)).sum() / max((weight * deviation**2).sum(), 1e-9))
    slope = min(max(slope, 0.0), (1 - LEAST_SIZE) * mean / max(middle, 1e-9))
    return max(mean - slope * middle, 1e-6), slope


def _widened(level: float, rows: float) -> float:
    """Level of the sample's quantile that holds as much of what is new as ``level`` promises."""
    wider = abs(level - 0.5) * (rows + 1) / rows
    return float(np.clip(0.5 + np.sign(level - 0.5) * wider, 0, 1))

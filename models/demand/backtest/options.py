"""Everything that a backtest of a file may be told, checked as far as it can be without the file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.demand.backtest.columns import Columns
from models.demand.backtest.problems import BacktestError, duration, frequency
from models.demand.backtest.windows import Asked

INTERVAL, DAILY_MAX = "interval", "daily-max"


@dataclass(frozen=True)
class Options:
    """The options of ``meterwise backtest demand``, as they were written.

    Attributes:
        quantiles: Levels, parted by commas.
        known: Whether the weather of the horizon may be used.
        tune_before: Whether parameters are searched for on what lies before the first cutoff.
        threads: Fits side by side.
    """

    series: Path
    columns: Columns
    timezone: str | None
    freq: str
    horizon: str
    step: str
    windows: int
    target: str = INTERVAL
    refit: str = "7d"
    quantiles: str = "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9"
    known: bool = False
    country: str | None = None
    tune_before: bool = False
    threads: int = 2

    @property
    def minutes(self) -> int:
        """Length of an interval."""
        return frequency(self.freq)

    @property
    def asked(self) -> Asked:
        """How the origin rolls."""
        return Asked(duration(self.horizon, "--horizon"), duration(self.step, "--step"), self.windows)

    @property
    def levels(self) -> list[float]:
        """Levels of the quantiles, sorted.

        Raises:
            BacktestError: One is no number between 0 and 1.
        """
        try:
            found = sorted({float(text) for text in self.quantiles.split(",") if text.strip()})
        except ValueError:
            found = []
        if not found or found[0] <= 0 or found[-1] >= 1:
            raise BacktestError(f"--quantiles {self.quantiles}: write levels between 0 and 1, like 0.1,0.5,0.9.")
        return found

    @property
    def refit_minutes(self) -> int:
        """Time after which the forecaster is fitted anew."""
        return duration(self.refit, "--refit")

    def protocol(self, stations: int, notes: Sequence[str]) -> dict[str, Any]:
        """Return what was asked, for whoever reads the figures later; ``stations`` are the temperatures there are."""
        actual = "actual temperature known over the horizon"
        weather = actual if self.known else "temperature known up to the cutoff"
        return {
            "file": str(self.series),
            "time": self.columns.time,
            "value": self.columns.value,
            "id": self.columns.series,
            "temperature": list(self.columns.temperatures),
            "humidity": list(self.columns.humidities),
            "known": self.known,
            "holidays": self.columns.holidays,
            "school_holidays": self.columns.school_holidays,
            "country": self.country,
            "timezone": self.timezone,
            "freq": self.freq,
            "horizon": self.horizon,
            "step": self.step,
            "windows_asked": self.windows,
            "target": self.target,
            "refit": self.refit,
            "quantiles": self.levels,
            "tune_before": self.tune_before,
            "weather": weather if stations else "no temperature",
            "notes": list(notes),
        }

"""Every knob of the demand model."""

from pydantic import BaseModel, Field


class DemandParams(BaseModel, frozen=True, extra="forbid"):
    """Windows and hyperparameters; a change of any of them makes a different training."""

    horizon_days: int = Field(default=7, description="Local days ahead that one issue forecasts.")
    history_days: int = Field(default=400, description="Issue days that are learnt from, counted back.")
    test_days: int = Field(
        default=28, description="Latest issue days, kept for the comparison with champion and naive."
    )
    calibration_days: int = Field(default=28, description="Issue days before the test on which the band is widened.")
    least_days: int = Field(default=28, description="Fewest issue days that are learnt from; with fewer it is skipped.")
    issue_step: int = Field(
        default=3, description="Learn from every n-th issue day: neighbours share six days of seven."
    )
    ridge: float = Field(default=100.0, description="Shrinkage of the linear part, in rows of an hour and region.")
    trees: int = Field(default=160, description="Trees of each quantile.")
    learning_rate: float = Field(default=0.06, description="Step of each tree.")
    leaves: int = Field(default=31, description="Leaves of a tree.")
    min_rows_per_leaf: int = Field(default=400, description="Fewest rows in a leaf.")
    feature_share: float = Field(default=0.5, description="Features drawn for a tree.")
    seed: int = Field(default=7, description="Seed of every draw.")
    quality_days: int = Field(default=14, description="Days of published forecasts that quality is watched on.")
    quality_tolerance: float = Field(default=0.25, description="Share by which WAPE may rise above that at promotion.")

    @property
    def gap_days(self) -> int:
        """Issue days between two windows, so that no forecast hour of the earlier one lies in the later one."""
        return self.horizon_days + 1

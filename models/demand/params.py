"""Every knob of the demand model."""

from pydantic import BaseModel, Field

from models.demand.forecast_params import ForecastParams


class DemandParams(BaseModel, frozen=True, extra="forbid"):
    """Windows and hyperparameters; a change of any of them makes a different training."""

    horizon_days: int = Field(default=7, description="Local days ahead that one issue forecasts.")
    outlook_days: int = Field(default=35, description="Local days ahead whose energy one issue forecasts.")
    history_days: int = Field(default=1100, description="Days that are learnt from, counted back.")
    test_days: int = Field(default=28, description="Latest issue days, kept to compare with champion and naive.")
    least_history_days: int = Field(default=90, description="Days with known loads without which it is skipped.")
    quality_days: int = Field(default=14, description="Days of published forecasts that quality is watched on.")
    quality_tolerance: float = Field(default=0.25, description="Share by which WAPE may rise above that at promotion.")
    seed: int = Field(default=7, description="Seed of the noise of a comparison.")
    forecast: ForecastParams = Field(default=ForecastParams(), description="Hyperparameters of the load forecaster.")

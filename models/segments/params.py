"""Every knob of the load shapes, each with the reason for its default."""

from pydantic import BaseModel, Field

MODEL_NAME = "segments"
"""Experiment and registered model in MLflow."""

PROFILE = tuple(f"workday_h{hour:02d}" for hour in range(24))
"""Share of a working day's energy in each local hour, over the last 56 days."""

UNKNOWN = "unknown"
"""Load shape of a customer without enough reads."""


class SegmentsParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of data set and clusters."""

    profile_days: int = Field(default=56, ge=1, description="Days that a profile looks back on; also the gap.")
    step_days: int = Field(default=28, ge=1, description="Least days between two as_of_dates of the data set.")
    train_dates: int = Field(default=6, ge=1, description="Newest as_of_dates that shapes are learnt from.")
    min_days_known: int = Field(default=14, ge=1, description="Fewer days with reads make no shape.")
    clusters: tuple[int, ...] = Field(default=(4, 5, 6, 7), description="Numbers of clusters to choose from.")
    stability_slack: float = Field(
        default=0.05, ge=0, description="More clusters are taken while stability is this close to the best."
    )
    customers_per_cluster: int = Field(default=5, ge=1, description="Fewer customers than this make no cluster.")
    restarts: int = Field(default=8, ge=1, description="Starts of k-means; the best one is kept.")
    most_rows: int = Field(default=20_000, ge=100, description="Rows to learn from; more do not move the centres.")
    seed: int = Field(default=17, description="Seed of the starts.")

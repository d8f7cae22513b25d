"""Every knob of the alert model, each with the reason for its default."""

from pydantic import BaseModel, Field

MODEL_NAME = "alerts"


class AlertParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of sample, planted faults and trees; chosen on faults of our own, planted by other seeds."""

    least_days: int = Field(default=21, ge=14, description="Days with reads below which nothing is said of a meter.")
    most_days: int = Field(default=91, ge=21, description="Newest days looked at; a season ago is no news.")
    least_meters: int = Field(default=40, ge=10, description="Meters below which nobody knows what is usual.")
    sample_meters: int = Field(default=1000, ge=50, description="Meters that the usual is learnt from.")
    chunk_meters: int = Field(default=500, ge=1, description="Meters whose features are in memory at a time.")
    planted_per_meter: int = Field(default=3, ge=1, description="Copies of each sampled meter with a fault planted.")
    folds: int = Field(default=5, ge=2, description="A meter is never scored by trees that saw it.")
    rounds: int = Field(default=3, ge=1, description="Times that the most suspect are taken out of the sound ones.")
    presumed_sound: float = Field(default=0.8, gt=0, lt=1, description="Share of meters that stay after a round.")
    trees: int = Field(default=300, ge=1, description="Trees of a model.")
    learning_rate: float = Field(default=0.04, gt=0, description="Step of each tree.")
    leaves: int = Field(default=15, ge=2, description="Leaves of a tree.")
    least_in_leaf: int = Field(default=20, ge=1, description="Meters in a leaf.")
    feature_share: float = Field(default=0.4, gt=0, le=1, description="Features that a tree may look at.")
    certain_weight: float = Field(default=8.0, ge=0, description="Log odds that an unmistakable pattern adds.")
    seed: int = Field(default=11, description="Seed of everything that draws.")

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


class WarehouseAlertParams(AlertParams, frozen=True, extra="forbid"):
    """Parameters where hourly reads of a warehouse are scored every day: less is drawn, since it is repeated weekly."""

    sample_meters: int = Field(default=600, ge=50, description="Meters that the usual is learnt from.")
    planted_per_meter: int = Field(default=2, ge=1, description="Copies of each sampled meter with a fault planted.")
    folds: int = Field(default=3, ge=2, description="A meter is never scored by trees that saw it.")
    rounds: int = Field(default=2, ge=1, description="Times that the most suspect are taken out of the sound ones.")
    trees: int = Field(default=120, ge=1, description="Trees of a model.")
    learning_rate: float = Field(default=0.08, gt=0, description="Step of each tree; with fewer trees a longer one.")
    judged_meters: int = Field(
        default=300, ge=40, description="Meters into which faults are planted for the judgement."
    )
    later_days: int = Field(default=28, ge=14, description="Days kept back: faults of the judgement begin in them.")
    least_window_days: int = Field(default=35, ge=21, description="Fewer days before those, and none are kept back.")
    prior_share: float = Field(
        default=0.02, gt=0, lt=1, description="Share of meters that have a fault, by experience."
    )
    least_labels: int = Field(default=30, ge=10, description="Findings from which on the trees learn from labels.")
    least_of_each: int = Field(default=10, ge=5, description="Faulty, and sound, ones among these findings.")
    least_judged: int = Field(default=5, ge=1, description="Faulty, and sound, later findings that can judge.")
    label_step_days: int = Field(default=14, ge=1, description="Findings of so many days share a window of reads.")
    label_windows: int = Field(default=12, ge=1, description="Newest windows with findings; older habits are no news.")
    label_usual_meters: int = Field(default=150, ge=40, description="Meters that say what was usual in such a window.")

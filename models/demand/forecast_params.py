"""Every knob of the load forecaster."""

from pydantic import BaseModel, Field


class ForecastParams(BaseModel, frozen=True, extra="forbid"):
    """Hyperparameters, chosen on windows before those that any figure is told of; a change makes another training."""

    half_life_days: float = Field(default=730, description="Age at which a day counts half.")
    least_days: int = Field(default=35, description="Fewest days that lines and trees are fitted on; below, like days.")
    harmonics: int = Field(default=6, description="Waves of the year, where more than a year is known.")
    season_shrinkage: float = Field(default=0.3, description="Penalty of the first wave, as a share of the usual one.")
    shrinkage: float = Field(default=10, description="Penalty of a term of the response, in days.")
    huber_rounds: int = Field(default=2, description="Rounds in which wild days lose weight.")
    carried_shrinkage: float = Field(default=0.01, description="Penalty of what is carried on, as a share of the rows.")
    carried_rounds: int = Field(default=4, description="Rounds in which wild rows lose weight there.")
    rows: int = Field(default=60_000, description="Rows that the trees are fitted on, for one series.")
    rows_a_series: int = Field(default=150, description="Rows more for each further series.")
    trees: int = Field(default=150, description="Trees.")
    learning_rate: float = Field(default=0.04, description="Step of a tree.")
    leaves: int = Field(default=15, description="Leaves of a tree.")
    days_per_leaf: float = Field(default=10, description="Fewest rows in a leaf, in days' worth of rows.")
    feature_share: float = Field(default=0.4, description="Features drawn for a tree.")
    spread_trees: int = Field(default=80, description="Trees of the size of a miss.")
    folds: int = Field(default=4, description="Parts of the last year that are forecast by a fit without them.")
    fold_days: int = Field(default=28, description="Length of a stretch that is left out at once.")
    peak_series: int = Field(default=100, description="Series whose daily maxima the bands of peaks are measured on.")
    seed: int = Field(default=7, description="Seed of every draw.")

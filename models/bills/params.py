"""Every knob of the forecast of months, chosen on other data than any figure is told of (decision 0192)."""

from pydantic import BaseModel, Field

LEVELS = (0.1, 0.5, 0.9)
"""Quantiles of a month."""

USUAL_WEIGHTS = {
    "own_season": (0.2, 0.2),
    "common_season": (0.5, 0.5),
    "year_before": (0.05, 0.05),
    "mean_7d": (0.35, 0.25),
    "mean_14d": (0.35, 0.2),
    "mean_56d": (0.0, 0.05),
    "mean_91d": (0.0, 0.0),
    "mean_182d": (0.0, 0.0),
    "mean_365d": (0.05, 0.05),
}
"""How far the forecast moves from the mean of four weeks towards each of these before anything is learnt, with ``SOON``
days ahead or fewer, and with ``LATE`` days or more: the nearer, the more the last days tell."""
SOON, LATE = 20, 30


class BillParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of rows, fit and bands."""

    step_days: int = Field(default=7, ge=1, description="Days between the past cutoffs that are learnt from.")
    past_cutoffs: int = Field(default=78, ge=1, description="Past cutoffs: a year and a half has every season once.")
    customers: int = Field(default=1000, ge=1, description="Customers that are learnt from; more tell hardly more.")
    least_days: int = Field(default=14, ge=1, description="Known days without which a customer is not modelled.")
    least_target_share: float = Field(default=0.8, gt=0, le=1, description="Share of the days ahead that came.")

    ridge_rows: float = Field(
        default=1.0, gt=0, description="Pull towards the usual weights, in rows whose days do not overlap."
    )
    huber: float = Field(default=0.15, gt=0, description="Miss, in shares of use, above which a row loses weight.")
    rounds: int = Field(default=8, ge=1, description="Rounds in which wild rows lose weight.")

    trees_from_rows: int = Field(default=8_000, ge=1, description="Rows without which there are no trees.")
    rows: int = Field(default=40_000, ge=1, description="Rows that trees learn from, drawn by chance.")
    trees: int = Field(default=40, ge=1, description="So few that they correct the lines and learn no season by heart.")
    learning_rate: float = Field(default=0.05, gt=0, description="Step of a tree.")
    leaves: int = Field(default=15, ge=2, description="Leaves of a tree.")
    leaf_rows: int = Field(default=200, ge=1, description="Fewest rows of a leaf.")

    folds: int = Field(default=3, ge=2, description="Stretches of past cutoffs that bands are measured on, left out.")
    least_misses: int = Field(default=20, ge=1, description="Rows without which bands are the usual ones.")
    least_season_cutoffs: int = Field(
        default=26, ge=1, description="Cutoffs from which customers with a season of a year before have own bands."
    )
    usual_miss: float = Field(default=0.4, gt=0, description="Distance of P10 and P90 then, in shares of use.")
    week_rows: float = Field(default=6.0, ge=0, description="Days by which a customer's week is drawn to that of all.")
    season_customers: float = Field(default=4.0, ge=0, description="Customers by which the season of all is doubted.")
    seed: int = Field(default=7, description="Seed of every draw.")

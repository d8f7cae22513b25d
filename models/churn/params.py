"""Every knob of the churn model, each with the reason for its default."""

from pydantic import BaseModel, Field

MODEL_NAME = "churn"
"""Experiment and registered model in MLflow."""

CATEGORICAL = ("customer_class", "region_code", "tariff_code", "tariff_kind", "personalisation")
"""Features whose values are names; LightGBM splits on them natively, a name never seen in training is a gap."""

NUMERIC = (
    "tenure_days",
    "contract_age_days",
    "days_to_term_end",
    "contracted_kw",
    "late_payments_180d",
    "late_payments_365d",
    "mean_days_late_365d",
    "failed_payments_365d",
    "complaints_90d",
    "complaints_365d",
    "contacts_90d",
    "campaign_contacts_365d",
    "offers_accepted_365d",
    "days_since_last_contact",
    "price_gap_pct",
    "price_change_180d_pct",
    "price_change_ahead_pct",
    "kwh_30d",
    "kwh_90d",
    "kwh_90d_year_ago",
    "kwh_trend_ratio",
    "mean_daily_kwh_365d",
    "peak_share_90d",
    "night_share_90d",
    "weekend_share_90d",
    "suspect_share_90d",
    "days_known_90d",
    "consent_marketing",
    "has_moved_in_180d",
)
"""Features that are numbers or yes/no; unknown stays unknown (NaN)."""

MONOTONE = {
    "price_gap_pct": 1,
    "price_change_180d_pct": 1,
    "price_change_ahead_pct": 1,
    "complaints_90d": 1,
    "complaints_365d": 1,
    "late_payments_180d": 1,
    "late_payments_365d": 1,
    "mean_days_late_365d": 1,
    "failed_payments_365d": 1,
    "suspect_share_90d": 1,
    "has_moved_in_180d": 1,
    "offers_accepted_365d": -1,
    "tenure_days": -1,
    "days_to_term_end": -1,
    "kwh_trend_ratio": -1,
}
"""Direction of the risk where the business would not believe the opposite; it also tames the noise."""


class ChurnParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of data set, model, calibration and use."""

    horizon_days: int = Field(default=90, ge=1, description="A departure within so many days counts; also every gap.")
    step_days: int = Field(default=28, ge=1, description="Days between the as_of_dates of the data set.")
    test_dates: int = Field(default=4, ge=1, description="Newest as_of_dates, kept for the test.")
    calibration_dates: int = Field(default=4, ge=1, description="As_of_dates before them that calibrate.")
    min_departures: int = Field(
        default=3, ge=1, description="Fewer departures teach nothing; with few the score stays near the base rate."
    )
    contact_share: float = Field(default=0.10, gt=0, le=1, description="Share of customers that can be contacted.")

    trees: int = Field(default=300, ge=1, description="Small steps, few trees: the signal is weak.")
    learning_rate: float = Field(default=0.04, gt=0, description="Step of each tree.")
    leaves: int = Field(default=4, ge=2, description="Leaves of a tree; few, so that causes add up instead of mixing.")
    min_leaf_share: float = Field(default=0.01, gt=0, lt=1, description="Least share of the rows in a leaf.")
    l2: float = Field(default=10.0, ge=0, description="Shrinkage of leaf values.")
    feature_share: float = Field(default=0.5, gt=0, le=1, description="Share of features that a tree may look at.")
    row_share: float = Field(default=0.7, gt=0, le=1, description="Share of rows that a tree is grown on.")
    category_smoothing: float = Field(default=50.0, ge=0, description="Shrinkage of rare categories.")
    most_names: int = Field(default=40, ge=1, description="Names that a categorical feature may have.")
    least_customers_per_name: int = Field(
        default=5, ge=1, description="A name of fewer customers is noise, and could be a person's: it stays unknown."
    )
    calibration_prior: float = Field(
        default=10.0, ge=0, description="Weight of 'the raw score is right' in the calibration, in departures."
    )
    seed: int = Field(default=11, description="Seed of everything that draws.")

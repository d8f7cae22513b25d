"""Which tables are published: one line a table."""

from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(frozen=True, eq=False)
class PublishedTable:
    """A table of dbt's publish layer that is delivered to PostgreSQL under the same name.

    Invariants:
        A chunk is the part of a table that is copied, or kept, as a whole. It is chosen so that a day's changes touch
        few chunks, and no row ever moves from one chunk to another without a change in both.
    """

    name: str
    key: tuple[str, ...]
    """Columns that identify a row, and that it is stored in the order of."""
    lookup: tuple[str, ...] = ("customer_id",)
    """Columns of the one index that readers look rows up by; each further index would slow every delivery."""
    chunk: str = "strftime(as_of_date, '%Y-%m-%d')"
    """SQL expression over a row that names its chunk."""
    may_be_empty: bool = False
    """Whether no rows for a day mean that there is nothing to tell; otherwise what was published before stays."""
    models: dict[str, str] = field(default_factory=dict)
    """Models whose scores the table carries: table of the warehouse with their ``model_version``, by model."""

    @property
    def is_dated(self) -> bool:
        """Whether a delivery holds the rows of its own ``as_of_date`` alone."""
        return "as_of_date" in self.chunk


PUBLISHED = (
    PublishedTable(
        "customer_segments",
        key=("customer_id",),
        models={"churn": "scores.churn_scores", "segments": "scores.load_shapes"},
    ),
    PublishedTable("churn_scores", key=("customer_id",), models={"churn": "scores.churn_scores"}),
    PublishedTable(
        "demand_forecasts",
        key=("region_code", "valid_at_utc"),
        lookup=("region_code", "valid_at_utc"),
        models={"demand": "scores.demand_forecasts"},
    ),
    PublishedTable(
        "demand_forecasts_by_level",
        key=("level", "region_code", "feeder_code", "customer_class", "valid_at_utc"),
        lookup=("level", "valid_at_utc"),
        models={"demand": "scores.demand_forecasts"},
    ),
    PublishedTable(
        "demand_peaks",
        key=("level", "region_code", "feeder_code", "customer_class", "local_date"),
        lookup=("level", "local_date"),
        models={"demand": "scores.demand_peaks"},
    ),
    PublishedTable(
        "demand_outlook",
        key=("level", "region_code", "feeder_code", "customer_class", "local_date"),
        lookup=("level", "local_date"),
        models={"demand": "scores.demand_outlook"},
    ),
    PublishedTable(
        "season_peaks",
        key=("level", "region_code", "feeder_code", "customer_class", "season_first_date"),
        lookup=("level", "season_first_date"),
        may_be_empty=True,
        models={"demand": "scores.season_peaks"},
    ),
    PublishedTable(
        "customer_usage_forecasts",
        key=("customer_id", "local_date"),
        lookup=("customer_id", "local_date"),
        models={"demand": "scores.customer_usage_forecasts"},
    ),
    PublishedTable(
        "peak_warnings",
        key=("region_code", "feeder_code", "local_date"),
        lookup=("region_code", "feeder_code"),
        may_be_empty=True,
        models={"demand": "scores.demand_peaks"},
    ),
    PublishedTable(
        "forecast_quality",
        key=("issued_on", "level", "region_code", "feeder_code", "customer_class", "days_ahead"),
        lookup=("issued_on", "level"),
        chunk="'recent'",
        may_be_empty=True,
    ),
    PublishedTable(
        "meter_alerts",
        key=("alert_id",),
        lookup=("alert_id",),
        may_be_empty=True,
        models={"alerts": "scores.meter_alert_scores"},
    ),
    PublishedTable(
        "customer_usage_daily",
        key=("customer_id", "local_date"),
        lookup=("customer_id", "local_date"),
        chunk="strftime(local_date, '%Y-%m')",
    ),
    PublishedTable(
        "customer_usage_hourly",
        key=("customer_id", "hour_start_utc"),
        lookup=("customer_id", "hour_start_utc"),
        chunk="strftime(hour_start_utc, '%Y-%m-%d')",
    ),
    PublishedTable(
        "load_now",
        key=("region_code", "feeder_code", "interval_start_utc"),
        lookup=("region_code", "feeder_code"),
        chunk="'now'",
    ),
)

MONITORED = ("meter_alerts", "load_now")
"""Tables that are delivered by themselves, every few minutes."""

FORESEEN = ("demand_forecasts", "demand_forecasts_by_level", "demand_peaks", "peak_warnings")
"""Tables that are delivered by themselves when reads came in between two days."""


def named(names: Collection[str]) -> tuple[PublishedTable, ...]:
    """Return the published tables of these names.

    Raises:
        ValueError: There is no such table.
    """
    if unknown := set(names) - {table.name for table in PUBLISHED}:
        raise ValueError(f"No published table is called {', '.join(sorted(unknown))}.")
    return tuple(table for table in PUBLISHED if table.name in names)

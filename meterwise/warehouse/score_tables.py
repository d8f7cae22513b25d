"""What the models say, one partition per as_of_date; dbt reads these tables as sources."""

_SHARES = (5, *range(10, 100, 10), 95)
_QUANTILES = ", ".join(f"p{share:02}_kwh double precision" for share in _SHARES)
_QUANTILES_KW = ", ".join(f"p{share:02}_kw double precision" for share in _SHARES)

SCORE_TABLES = (
    "create schema if not exists scores",
    "create table if not exists scores.demand_forecasts (as_of_date date, level varchar, region_code varchar, "
    "feeder_code varchar, customer_class varchar, valid_at_utc timestamp, horizon_hours integer, "
    f"mean_kwh double precision, {_QUANTILES}, naive_kwh double precision, basis varchar, reason varchar, "
    "known_until_utc timestamp, model_version varchar)",
    # Forecasts of before there were levels are of regions.
    *(
        f"alter table scores.demand_forecasts add column if not exists {column}"
        for column in (
            "level varchar default 'region'",
            "feeder_code varchar default '*'",
            "customer_class varchar default '*'",
            "mean_kwh double precision",
            *_QUANTILES.split(", "),
            "basis varchar",
            "reason varchar",
            "known_until_utc timestamp",
            "interval_minutes integer default 60",  # before there was a choice
        )
    ),
    "create table if not exists scores.demand_peaks (as_of_date date, level varchar, region_code varchar, "
    "feeder_code varchar, customer_class varchar, local_date date, peak_at_utc timestamp, "
    f"mean_kwh double precision, {_QUANTILES}, highest_kwh double precision, record_probability double precision, "
    "tenth_highest_kwh double precision, top_ten_probability double precision, limit_kw double precision, "
    "overload_probability double precision, expected_overload_kw double precision, basis varchar, reason varchar, "
    "model_version varchar)",
    "alter table scores.demand_peaks add column if not exists interval_minutes integer default 60",
    "create table if not exists scores.demand_outlook (as_of_date date, level varchar, region_code varchar, "
    "feeder_code varchar, customer_class varchar, local_date date, days_ahead integer, "
    f"mean_kwh double precision, {_QUANTILES}, basis varchar, reason varchar, model_version varchar)",
    "create table if not exists scores.season_peaks (as_of_date date, level varchar, region_code varchar, "
    "feeder_code varchar, customer_class varchar, season_first_date date, season_last_date date, "
    f"so_far_kw double precision, last_year_kw double precision, mean_kw double precision, {_QUANTILES_KW}, "
    "likely_first_date date, likely_last_date date, limit_kw double precision, overload_probability double precision, "
    "expected_overload_kw double precision, model_version varchar)",
    "create table if not exists scores.customer_usage_forecasts (as_of_date date, customer_id varchar, "
    "local_date date, days_ahead integer, mean_kwh double precision, p10_kwh double precision, "
    "p50_kwh double precision, p90_kwh double precision, persistence_kwh double precision, skill double precision, "
    "basis varchar, reason varchar, model_version varchar)",
    "create table if not exists scores.churn_scores (as_of_date date, customer_id varchar, "
    "churn_probability double precision, reason_1 varchar, reason_2 varchar, reason_3 varchar, model_version varchar)",
    "create table if not exists scores.load_shapes (as_of_date date, customer_id varchar, load_shape varchar, "
    "shape_distance double precision, model_version varchar)",
    "create table if not exists scores.meter_alert_scores (as_of_date date, meter_id varchar, score double precision, "
    "alert_type varchar, confidence double precision, evidence varchar, model_version varchar)",
    "create table if not exists scores.model_skips (as_of_date date, model varchar, reason varchar)",
)
"""In the words that DuckDB and PostgreSQL share."""

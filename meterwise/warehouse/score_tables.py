"""What the models say, one partition per as_of_date; dbt reads these tables as sources."""

SCORE_TABLES = (
    "create schema if not exists scores",
    "create table if not exists scores.demand_forecasts (as_of_date date, region_code varchar, valid_at_utc timestamp, "
    "horizon_hours integer, p10_kwh double precision, p50_kwh double precision, p90_kwh double precision, "
    "naive_kwh double precision, model_version varchar)",
    "create table if not exists scores.churn_scores (as_of_date date, customer_id varchar, "
    "churn_probability double precision, reason_1 varchar, reason_2 varchar, reason_3 varchar, model_version varchar)",
    "create table if not exists scores.load_shapes (as_of_date date, customer_id varchar, load_shape varchar, "
    "shape_distance double precision, model_version varchar)",
    "create table if not exists scores.meter_alert_scores (as_of_date date, meter_id varchar, score double precision, "
    "alert_type varchar, confidence double precision, evidence varchar, model_version varchar)",
    "create table if not exists scores.model_skips (as_of_date date, model varchar, reason varchar)",
)
"""In the words that DuckDB and PostgreSQL share."""

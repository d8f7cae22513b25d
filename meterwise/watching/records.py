"""The tables of ``ops`` that watching appends to; they are made and guarded with the others, by ``ops.migrate``."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as insert_new

from meterwise import ops
from meterwise.database import engine
from meterwise.settings import Settings

TABLE_LOOKS = Table(
    "table_looks",
    ops.metadata,
    Column("look_id", BigInteger, Identity(always=True), primary_key=True),
    Column("as_of_date", Date, nullable=False, comment="Local day of Meterwise's clock at the look."),
    Column("stage", Text, nullable=False, comment="raw, intermediate, features, marts, scores, publish or published."),
    Column("table_name", Text, nullable=False, comment="Schema and name."),
    Column("total_rows", BigInteger, nullable=False, comment="Rows in all."),
    Column("newest_day", Date, comment="Newest day in the table; for raw, the last day that its domain landed."),
    Column("newest_rows", BigInteger, comment="Rows of that day."),
    Column("hours_behind", Float, comment="Hours since the table should have had a newer day; 0: it is in time."),
    Column("usual_low", BigInteger, comment="Rows of a day are usually not fewer, by the earlier looks."),
    Column("usual_high", BigInteger, comment="Rows of a day are usually not more."),
    Column("state", Text, nullable=False, comment="good, stale, unusual or empty."),
    Column("words", Text, nullable=False, comment="The state in a sentence."),
    ops.recorded_at(),
    CheckConstraint("state in ('good', 'stale', 'unusual', 'empty')", name="table_looks_state"),
    Index("table_looks_table", "table_name", "look_id"),
    comment="One row a table each time somebody looked: how much is in it and how new it is.",
)

RUN_TIMES = Table(
    "run_times",
    ops.metadata,
    Column("run_time_id", BigInteger, Identity(always=True), primary_key=True),
    Column("dag_id", Text, nullable=False, comment="DAG in Airflow."),
    Column("run_id", Text, nullable=False, comment="Its run."),
    Column("task_id", Text, nullable=False, comment="Task of the run; empty for the run as a whole."),
    Column("state", Text, nullable=False, comment="success or failed; for a task also skipped or upstream_failed."),
    Column("started_at", DateTime(timezone=True), comment="When it began."),
    Column("ended_at", DateTime(timezone=True), nullable=False, comment="When it ended."),
    Column("seconds", Float, nullable=False, comment="Between the two."),
    ops.recorded_at(),
    UniqueConstraint("dag_id", "run_id", "task_id", "ended_at", name="run_times_once"),
    Index("run_times_ended", "ended_at"),
    comment="One row a run of a DAG and a task of it that has ended.",
)

VERDICTS = Table(
    "verdicts",
    ops.metadata,
    Column("verdict_id", BigInteger, Identity(always=True), primary_key=True),
    Column("as_of_date", Date, nullable=False, comment="Local day that was handed over."),
    Column("table_name", Text, nullable=False, comment="Table of the warehouse that was checked."),
    Column("checked_rows", BigInteger, nullable=False, comment="Rows that were handed over."),
    Column("expectations", Integer, nullable=False, comment="Expectations that were checked."),
    Column("broken_critical", Integer, nullable=False, comment="Those broken that stop the chain."),
    Column("broken_warning", Integer, nullable=False, comment="Those broken that are only reported."),
    Column("is_refused", Boolean, nullable=False, comment="Whether the chain was stopped."),
    Column("breaches", JSONB, nullable=False, comment="The broken ones in words: counts, never a row."),
    Column("docs_url", Text, nullable=False, comment="Page of the validation in the Data Docs."),
    ops.recorded_at(),
    Index("verdicts_table", "table_name", "verdict_id"),
    comment="One row a hand-over that was checked.",
)

MODEL_QUALITY = Table(
    "model_quality",
    ops.metadata,
    Column("figure_id", BigInteger, Identity(always=True), primary_key=True),
    Column("model", Text, nullable=False, comment="Registered model."),
    Column("model_version", Text, nullable=False, comment="Version that said it."),
    Column("as_of_date", Date, nullable=False, comment="Day on which it was said, or on which the version was tested."),
    Column("metric", Text, nullable=False, comment="Name of the figure, as in MLflow."),
    Column("value", Float, nullable=False, comment="The figure."),
    Column("baseline", Float, comment="The same figure of the baseline."),
    Column("baseline_name", Text, comment="What the baseline is, in words."),
    Column("cases", BigInteger, comment="Hours or customers that it was computed on; at training see MLflow."),
    Column("is_realised", Boolean, nullable=False, comment="True: against what really came; false: at training."),
    ops.recorded_at(),
    Index("model_quality_model", "model", "metric", "as_of_date", "figure_id"),
    comment="One row a figure of a model; of equal model, version, metric and day the last one holds.",
)

FEATURE_DRIFT = Table(
    "feature_drift",
    ops.metadata,
    Column("drift_id", BigInteger, Identity(always=True), primary_key=True),
    Column("as_of_date", Date, nullable=False, comment="Local day whose features were looked at."),
    Column("model", Text, nullable=False, comment="Registered model."),
    Column("model_version", Text, nullable=False, comment="Its champion, whose training window is compared with."),
    Column("feature", Text, nullable=False, comment="Column of the feature table."),
    Column("method", Text, nullable=False, comment="How Evidently compared the two samples."),
    Column("score", Float, nullable=False, comment="Distance of the samples, or p-value of their being alike."),
    Column("threshold", Float, nullable=False, comment="Where drift begins, by Evidently."),
    Column("is_drifted", Boolean, nullable=False, comment="Whether the feature has drifted."),
    Column("reference_days", Text, nullable=False, comment="First and last day of the training window."),
    Column("reference_rows", Integer, nullable=False, comment="Rows sampled from it."),
    Column("current_rows", Integer, nullable=False, comment="Rows sampled from the days looked at."),
    ops.recorded_at(),
    Index("feature_drift_model", "model", "as_of_date", "drift_id"),
    comment="One row a feature of a champion each time its drift was measured.",
)

ALERTS = Table(
    "alerts",
    ops.metadata,
    Column("alert_id", BigInteger, Identity(always=True), primary_key=True),
    Column("stage", Text, nullable=False, comment="DAG and task, or the table that is stale."),
    Column("as_of_date", Text, nullable=False, comment="Day or days that the stage worked for; empty if unknown."),
    Column("reason", Text, nullable=False, comment="What is wrong, and what to do."),
    Column("sent_to", Text, nullable=False, comment="email, webhook; empty: nobody is named, or it was told lately."),
    ops.recorded_at(),
    Index("alerts_recorded", "recorded_at"),
    comment="One row a failure or finding that somebody should know of.",
)


def append(table: Table, rows: Sequence[Mapping[str, Any]], settings: Settings | None = None) -> None:
    """Append rows; those that a unique key of the table knows already are left out.

    Raises:
        DatabaseNotConfiguredError: There is no database to write to.
    """
    ops.migrate(settings)
    if rows:
        with engine(settings).begin() as connection:
            connection.execute(insert_new(table).on_conflict_do_nothing(), [dict(row) for row in rows])

"""Demand features of one issue day, before training and scoring."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="features.features_demand",
    where="as_of_date = date '{as_of_date}'",
    cure="See which source was stale in ops.landings; load it, then rebuild the day from the ingest DAG.",
    expectations=[
        gxe.ExpectTableRowCountToBeBetween(min_value=168, notes="168 hours ahead for at least one region"),
        gxe.ExpectColumnValuesToBeBetween(column="horizon_hours", min_value=1, max_value=169),
        gxe.ExpectColumnValuesToNotBeNull(
            column="naive_kwh", mostly=0.50, notes="without a known load of last week nothing can be forecast"
        ),
        gxe.ExpectColumnValuesToNotBeNull(column="temperature_c", mostly=0.80, severity="warning"),
        gxe.ExpectColumnValuesToBeBetween(column="load_mean_7d_kwh", min_value=0, mostly=0.99),
    ],
)

"""What demand may know of calendar and weather on one issue day, before training and scoring."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="features.features_demand",
    where="as_of_date = date '{as_of_date}'",
    cure="See which source was stale in ops.landings; load it, then rebuild the day from the ingest DAG.",
    expectations=[
        gxe.ExpectTableRowCountToBeBetween(min_value=168, notes="168 hours ahead for at least one region"),
        gxe.ExpectColumnValuesToNotBeNull(column="is_holiday"),
        gxe.ExpectColumnValuesToNotBeNull(column="temperature_c", mostly=0.80, severity="warning"),
        gxe.ExpectColumnValuesToBeBetween(column="temperature_c", min_value=-60, max_value=60, mostly=0.99),
    ],
)

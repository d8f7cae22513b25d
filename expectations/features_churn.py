"""Churn features of one day, before training and scoring."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="features.features_churn",
    where="as_of_date = date '{as_of_date}'",
    cure="Look at the loads of the last days in raw.load_audit; a source that changed its meaning shows here first.",
    expectations=[
        gxe.ExpectColumnValuesToBeBetween(column="tenure_days", min_value=0, max_value=36500),
        gxe.ExpectColumnValuesToBeBetween(column="kwh_30d", min_value=-1, max_value=5_000_000, mostly=0.999),
        gxe.ExpectColumnValuesToBeBetween(column="peak_share_90d", min_value=0, max_value=1, mostly=0.99),
        gxe.ExpectColumnValuesToBeBetween(
            column="suspect_share_90d", min_value=0, max_value=0.5, mostly=0.90, severity="warning"
        ),
        gxe.ExpectColumnValuesToNotBeNull(
            column="kwh_90d", mostly=0.50, severity="warning", notes="half of the customers without reads"
        ),
    ],
)

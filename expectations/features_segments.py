"""Segment features of one day, before segments are assigned."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="features.features_segments",
    where="as_of_date = date '{as_of_date}'",
    cure="Look at raw.load_audit and at the quality codes of raw.meter_reads for the last weeks.",
    expectations=[
        gxe.ExpectTableRowCountToBeBetween(min_value=1, notes="a utility has customers"),
        gxe.ExpectColumnValuesToBeBetween(column="peak_share", min_value=0, max_value=1, mostly=0.99),
        gxe.ExpectColumnValuesToBeBetween(column="mean_daily_kwh", min_value=0, mostly=0.99),
        gxe.ExpectColumnValuesToBeBetween(
            column="days_known", min_value=14, mostly=0.50, severity="warning", notes="too little history to judge"
        ),
    ],
)

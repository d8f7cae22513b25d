"""The load of now before delivery."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="publish.load_now",
    cure="Look at marts.load_now and at the reads that landed last; what was published before stays.",
    expectations=[
        gxe.ExpectColumnValuesToNotBeNull(column="load_kwh"),
        gxe.ExpectColumnValuesToBeBetween(column="completeness", min_value=0, max_value=1),
        gxe.ExpectColumnValuesToBeBetween(
            column="load_kwh", min_value=0, severity="warning", notes="a feeder that feeds in has its own channel"
        ),
    ],
)

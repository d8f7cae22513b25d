"""A customer's own daily use before delivery."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="publish.customer_usage_daily",
    where="local_date > date '{as_of_date}' - 35",
    cure="Look at raw.load_audit for the last days; nothing was delivered.",
    expectations=[
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        gxe.ExpectColumnValuesToBeBetween(column="consumption_kwh", min_value=0, mostly=0.99),
        gxe.ExpectColumnValuesToBeBetween(column="measured_minutes", min_value=0),
        gxe.ExpectColumnValuesToBeBetween(
            column="measured_minutes",
            max_value=1500,
            mostly=0.90,
            severity="warning",
            notes="the longest day of a meter has 25 hours; few customers have several meters",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="measured_minutes",
            min_value=1,
            mostly=0.90,
            severity="warning",
            notes="a day without one valid read is an estimate; where a tenth are, reads have stopped coming",
        ),
    ],
)

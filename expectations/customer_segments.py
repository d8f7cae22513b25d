"""Segments before delivery: what the CRM and campaigns will act on."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="publish.customer_segments",
    where="as_of_date = date '{as_of_date}'",
    cure="Compare with the last publication in published.publications; nothing was delivered.",
    expectations=[
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        gxe.ExpectColumnValuesToNotBeNull(column="recommended_action", notes="a segment without an action is no use"),
        gxe.ExpectColumnValuesToBeBetween(column="annual_kwh", min_value=0, mostly=0.99),
        gxe.ExpectColumnUniqueValueCountToBeBetween(
            column="segment_code", min_value=2, severity="warning", notes="everybody in one segment tells nothing"
        ),
    ],
)

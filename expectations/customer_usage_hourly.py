"""A customer's own hourly use before delivery."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="publish.customer_usage_hourly",
    columns="customer_id, hour_start_utc, consumption_kwh, quality_code",
    cure="Look at raw.load_audit for the last days; nothing was delivered.",
    expectations=[
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        gxe.ExpectColumnValuesToNotBeNull(column="consumption_kwh"),
        gxe.ExpectColumnValuesToBeBetween(
            column="consumption_kwh", min_value=0, mostly=0.99, notes="nobody takes less than nothing"
        ),
        gxe.ExpectColumnValuesToBeInSet(column="quality_code", value_set=["measured"], mostly=0.80, severity="warning"),
    ],
)

"""Weather as it landed: observations and forecasts."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="raw.weather",
    where="load_id in ({load_ids})",
    cure="The loads were moved to raw.quarantine. Check units (C, not F or K) and the station feed, then load again.",
    expectations=[
        gxe.ExpectColumnValuesToBeBetween(
            column="temperature_c", min_value=-60, max_value=60, notes="no place on Earth is outside"
        ),
        gxe.ExpectColumnValuesToBeBetween(column="humidity_pct", min_value=0, max_value=100, mostly=0.99),
        gxe.ExpectColumnValuesToBeBetween(column="cloud_cover_pct", min_value=0, max_value=100, mostly=0.99),
        gxe.ExpectColumnValuesToNotBeNull(column="temperature_c", mostly=0.90, severity="warning"),
    ],
)

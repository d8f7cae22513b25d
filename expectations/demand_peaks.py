"""Forecast daily peaks before delivery."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="publish.demand_peaks",
    where="as_of_date = date '{as_of_date}'",
    cure="Look at the log of score_demand and at the champion's run in MLflow; nothing was delivered.",
    expectations=[
        gxe.ExpectColumnValuesToNotBeNull(column="p50_kw"),
        gxe.ExpectColumnValuesToNotBeNull(column="peak_at_utc"),
        gxe.ExpectColumnValuesToBeBetween(column="overload_probability", min_value=0, max_value=1),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="p95_kw", column_B="p05_kw", or_equal=True, notes="quantiles must not cross"
        ),
        gxe.ExpectColumnUniqueValueCountToBeBetween(
            column="interval_minutes", max_value=1, notes="a day is forecast by one step"
        ),
    ],
)

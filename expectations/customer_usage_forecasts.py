"""Forecasts of single customers before delivery."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="publish.customer_usage_forecasts",
    where="as_of_date = date '{as_of_date}'",
    cure="Look at the log of score_demand and at the champion's run in MLflow; nothing was delivered.",
    expectations=[
        gxe.ExpectColumnValuesToBeBetween(column="mean_kwh", min_value=0),
        gxe.ExpectColumnValuesToNotBeNull(column="mean_kwh"),
        gxe.ExpectColumnValuesToNotBeNull(column="p50_kwh"),
        gxe.ExpectColumnValuesToNotBeNull(column="basis", notes="a forecast says what it stands on"),
        gxe.ExpectColumnValuesToBeBetween(column="skill", max_value=1),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="p90_kwh", column_B="p10_kwh", or_equal=True, notes="quantiles must not cross"
        ),
    ],
)

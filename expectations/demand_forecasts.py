"""Demand forecasts before delivery."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="publish.demand_forecasts",
    where="as_of_date = date '{as_of_date}'",
    cure="Look at features.features_demand of the day and at the champion's run in MLflow; nothing was delivered.",
    expectations=[
        gxe.ExpectColumnValuesToNotBeNull(column="p50_kwh"),
        gxe.ExpectColumnValuesToBeBetween(column="p50_kwh", min_value=0),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="p90_kwh", column_B="p10_kwh", or_equal=True, notes="quantiles must not cross"
        ),
        gxe.ExpectColumnUniqueValueCountToBeBetween(
            column="interval_minutes", max_value=1, notes="a day is forecast by one step"
        ),
    ],
)

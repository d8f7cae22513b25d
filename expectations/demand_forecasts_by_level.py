"""Demand forecasts of every level before delivery."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="publish.demand_forecasts_by_level",
    where="as_of_date = date '{as_of_date}'",
    cure="Look at the log of score_demand and at the champion's run in MLflow; nothing was delivered.",
    expectations=[
        gxe.ExpectColumnValuesToNotBeNull(column="mean_kwh"),
        gxe.ExpectColumnValuesToNotBeNull(column="p50_kwh"),
        gxe.ExpectColumnValuesToNotBeNull(column="basis", notes="a forecast says what it stands on"),
        gxe.ExpectColumnDistinctValuesToBeInSet(
            column="level", value_set=["total", "region", "feeder", "customer_class"]
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="p95_kwh", column_B="p05_kwh", or_equal=True, notes="quantiles must not cross"
        ),
        gxe.ExpectColumnUniqueValueCountToBeBetween(
            column="interval_minutes", max_value=1, notes="a day is forecast by one step"
        ),
    ],
)

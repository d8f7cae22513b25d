"""The highest loads of the seasons ahead before delivery."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="publish.season_peaks",
    where="as_of_date = date '{as_of_date}'",
    cure="Look at the log of score_demand and at the champion's run in MLflow; nothing was delivered.",
    expectations=[
        gxe.ExpectColumnValuesToNotBeNull(column="mean_kw"),
        gxe.ExpectColumnValuesToNotBeNull(column="p50_kw"),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="p95_kw", column_B="p05_kw", or_equal=True, notes="quantiles must not cross"
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="season_last_date", column_B="as_of_date", notes="a season that is over needs no forecast"
        ),
    ],
)

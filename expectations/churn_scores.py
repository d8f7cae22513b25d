"""Churn scores before delivery."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="publish.churn_scores",
    where="as_of_date = date '{as_of_date}'",
    cure="Compare the champion in MLflow with the last one in ops.promotions; move the alias back if need be.",
    expectations=[
        gxe.ExpectColumnValuesToBeBetween(column="churn_probability", min_value=0, max_value=1),
        gxe.ExpectColumnMeanToBeBetween(
            column="churn_probability",
            max_value=0.5,
            severity="warning",
            notes="more than half leaving within 90 days is a broken model",
        ),
    ],
)

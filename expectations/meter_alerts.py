"""Alerts before delivery: what crews drive to and customers are told."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="publish.meter_alerts",
    columns="as_of_date, alert_id, alert_type, first_date, last_date, confidence, energy_at_stake_kwh",
    where="as_of_date = date '{as_of_date}'",
    cure="Look at marts.meter_alert_candidates of the day. The alerts published before stay; all other tables go out.",
    expectations=[
        gxe.ExpectColumnValuesToBeBetween(column="confidence", min_value=0, max_value=1),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="last_date", column_B="first_date", or_equal=True),
        gxe.ExpectColumnValuesToBeBetween(column="energy_at_stake_kwh", min_value=0),
    ],
)

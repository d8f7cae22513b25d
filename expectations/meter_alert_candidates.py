"""All that rules suspect, before the budget: so many at once that it must be the data, and no alert is published."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="marts.meter_alert_candidates",
    columns="as_of_date, flood_share",
    where="as_of_date = date '{as_of_date}'",
    cure="Look at raw.load_audit, raw.quarantine and the findings of the last days, correct the source and build the "
    "day again. The alerts published before stay; all other tables go out.",
    expectations=[
        gxe.ExpectColumnValuesToBeBetween(
            column="flood_share",
            max_value=1,
            notes="a flood of alarms, more than ten times the budget of METERWISE_FALSE_ALARMS_PER_100_METERS allows: "
            "the data broke, not the meters",
        ),
    ],
)

"""Payments as they landed from the CRM."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="raw.crm_payments",
    columns="days_late, amount, is_deleted",
    where="load_id in ({load_ids})",
    cure="The loads were moved to raw.quarantine. Check the mapping of crm_payments in sources.yml, then load again.",
    expectations=[
        gxe.ExpectColumnValuesToBeBetween(
            column="days_late",
            min_value=-366,
            max_value=3660,
            mostly=0.99,
            notes="days late are days: beyond ten years they were hours, a date or a number of another kind",
        ),
        gxe.ExpectColumnValuesToBeInSet(column="is_deleted", value_set=[False], mostly=0.50),
        gxe.ExpectColumnValuesToNotBeNull(column="amount", mostly=0.90, severity="warning"),
    ],
)

"""Customers as they landed from the CRM; the contact columns are not even looked at."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="raw.crm_customers",
    columns="customer_id, customer_class, joined_on, left_on, personalisation, is_deleted",
    where="load_id in ({load_ids})",
    cure="The loads were moved to raw.quarantine. Check the mapping of crm_customers in sources.yml, then load again.",
    expectations=[
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="left_on",
            column_B="joined_on",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            mostly=0.99,
            notes="leaving before joining means that two columns are swapped",
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="is_deleted",
            value_set=[False],
            mostly=0.50,
            notes="half of the customers gone over night is a broken export, not churn",
        ),
        gxe.ExpectColumnUniqueValueCountToBeBetween(
            column="customer_class", min_value=0, max_value=50, severity="warning"
        ),
    ],
)

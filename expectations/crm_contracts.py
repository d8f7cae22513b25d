"""Contracts as they landed from the CRM."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="raw.crm_contracts",
    where="load_id in ({load_ids})",
    cure="The loads were moved to raw.quarantine. Check the mapping of crm_contracts in sources.yml, then load again.",
    expectations=[
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="end_on",
            column_B="start_on",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            mostly=0.99,
            notes="contracts that end before they start: swapped columns or a wrong date format",
        ),
        gxe.ExpectColumnValuesToBeInSet(column="is_deleted", value_set=[False], mostly=0.50),
        gxe.ExpectColumnValuesToNotBeNull(column="tariff_code", mostly=0.90, severity="warning"),
    ],
)

"""Meters as they landed: which one hung where, from when on."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="raw.meters",
    columns="installed_on, removed_on, multiplier, is_deleted",
    where="load_id in ({load_ids})",
    cure="The loads were moved to raw.quarantine. Check the mapping of meters in sources.yml, then load again.",
    expectations=[
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="removed_on",
            column_B="installed_on",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            mostly=0.99,
            notes="meters removed before they were installed: swapped columns or a wrong date format",
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="is_deleted",
            value_set=[False],
            mostly=0.50,
            notes="half of the meters gone over night is a broken export",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="multiplier",
            min_value=0,
            strict_min=True,
            mostly=0.99,
            notes="a transformer ratio of nought or less would wipe out the meter's reads",
        ),
    ],
)

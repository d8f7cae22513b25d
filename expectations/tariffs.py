"""Tariffs as they landed, with the prices that customers pay."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="raw.tariffs",
    columns="valid_from, valid_to, price_per_kwh, standing_charge_per_day, is_deleted",
    where="load_id in ({load_ids})",
    cure="The loads were moved to raw.quarantine. Check the mapping of tariffs in sources.yml, then load again.",
    expectations=[
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="valid_to",
            column_B="valid_from",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            mostly=0.99,
            notes="tariffs that end before they begin: swapped columns or a wrong date format",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="price_per_kwh", min_value=0, mostly=0.90, notes="a price below nought is a wrong sign or column"
        ),
        gxe.ExpectColumnValuesToBeBetween(column="standing_charge_per_day", min_value=0, mostly=0.90),
        gxe.ExpectColumnValuesToNotBeNull(column="price_per_kwh", mostly=0.50, severity="warning"),
    ],
)

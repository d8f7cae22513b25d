"""Interval reads as they landed, before anything is built on them."""

import great_expectations.expectations as gxe

from meterwise.validation import HandOver

HAND_OVER = HandOver(
    table="raw.meter_reads",
    columns="quality_code, interval_minutes, consumption_kwh",
    where="load_id in ({load_ids})",
    cure=(
        "The loads were moved to raw.quarantine. Look at `meterwise quarantine list`, correct the source or its entry "
        "in sources.yml (unit? time zone?), then load the file again or `meterwise quarantine replay`."
    ),
    expectations=[
        gxe.ExpectColumnValuesToBeInSet(
            column="quality_code",
            value_set=["measured"],
            mostly=0.80,
            notes="one read in five suspect means a wrong unit, channel or scale, not broken meters",
        ),
        gxe.ExpectColumnValuesToBeInSet(column="quality_code", value_set=["measured"], mostly=0.98, severity="warning"),
        gxe.ExpectColumnValuesToBeInSet(
            column="interval_minutes",
            value_set=[5, 15, 30, 60],
            notes="the interval lengths that head-ends deliver",
        ),
        gxe.ExpectColumnMeanToBeBetween(
            column="consumption_kwh",
            min_value=0,
            max_value=250,
            notes="the mean interval of any portfolio lies far below 250 kWh; above it Wh were read as kWh",
        ),
    ],
)

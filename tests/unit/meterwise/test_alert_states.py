"""What people say of alerts is remembered and reaches the warehouse without their names."""

from meterwise import alert_states
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse


def test_without_a_database_nothing_became_of_any_alert(settings: Settings) -> None:
    found = alert_states.events(settings)

    assert found.num_rows == 0
    assert found.schema == alert_states.EVENTS_SCHEMA


def test_a_table_without_partitions_is_replaced_as_a_whole(settings: Settings) -> None:
    warehouse, none = Warehouse(settings), alert_states.events(settings)
    row = dict.fromkeys(none.column_names) | {"event_id": 1}
    one = none.from_pylist([row], none.schema)

    for rows in (one, one, none):
        warehouse.replace_partition("reference.meter_alert_events", rows, {})
        assert warehouse.arrow("select * from reference.meter_alert_events").num_rows == rows.num_rows

"""What Airflow is told by environment."""

import json

from meterwise.settings import Settings
from meterwise.stack.airflow_server import openlineage


def test_without_a_server_no_lineage_event_is_made() -> None:
    assert openlineage(Settings()) == {"AIRFLOW__OPENLINEAGE__DISABLED": "True"}


def test_one_variable_names_the_lineage_server() -> None:
    told = openlineage(Settings(openlineage_url="http://127.0.0.1:5001"))

    assert told["AIRFLOW__OPENLINEAGE__DISABLED"] == "False"
    assert json.loads(told["AIRFLOW__OPENLINEAGE__TRANSPORT"])["url"] == "http://127.0.0.1:5001"
    (rule,) = json.loads(told["AIRFLOW__OPENLINEAGE__EMISSION_POLICY"])
    assert rule == {"scope": {}, "controls": {"include_source_code": False}}

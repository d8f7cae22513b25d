"""The layers of the warehouse and the names in it, read from dbt's own manifest."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from meterwise import transform
from meterwise.raw_tables import CONTACT_COLUMNS
from meterwise.settings import Settings

MAY_READ = {
    "staging": {"source.raw"},
    "snapshots": {"staging"},
    "intermediate": {"staging", "snapshots", "intermediate", "seeds", "source.reference"},
    "features": {"staging", "intermediate"},
    "marts": {"staging", "intermediate"},
    "publish": {"features", "marts", "publish", "seeds", "source.scores"},
}
PREFIXES = {"staging": "stg_", "intermediate": "int_", "features": "features_", "publish": "publish_"}
HANDED_OVER = {"features", "marts", "publish"}
COLUMN = re.compile(r"^[a-z][a-z0-9_]*$")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("manifest")
    manifest = transform.parse(Settings(home=home, sources_file=home / "none.yml"))
    return parsed(manifest)


def parsed(manifest: Path) -> dict[str, Any]:
    """What is parsed, by name, without the moments at which it was."""
    page = json.loads(manifest.read_text(encoding="utf-8"))
    found = page["nodes"] | page["sources"]
    return {name: {key: told for key, told in node.items() if key != "created_at"} for name, node in found.items()}


def layer(node: dict[str, Any]) -> str:
    return f"source.{node['source_name']}" if node["resource_type"] == "source" else node["schema"]


def built(nodes: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in nodes.values() if node["resource_type"] in {"model", "snapshot"}]


def test_a_layer_reads_only_the_layers_left_of_it(nodes: dict[str, Any]) -> None:
    wrong = [
        f"{node['name']} reads {parent}"
        for node in built(nodes)
        for parent in node["depends_on"]["nodes"]
        if layer(nodes[parent]) not in MAY_READ[layer(node)]
    ]
    assert len(built(nodes)) > 30
    assert wrong == []


def test_what_is_parsed_depends_on_no_variable_so_that_one_parse_serves_every_build(
    nodes: dict[str, Any], settings: Settings
) -> None:
    names = transform.dbt_vars([], settings)
    days = {"as_of_dates": ["2026-01-01", "2026-03-29"], "asked_dates": ["2026-01-01"], "today": "2026-04-01"}
    others = {"timezone": "Asia/Tokyo", "country": "JP", "static_columns": {"crm_customers": ["customer_class"]}}
    alerts = {"currency": "JPY", "false_alarms_per_100_meters": 3.0, "forecast_step_minutes": 15}
    variables = days | others | alerts

    transform.run_dbt(["parse", "--vars", json.dumps(variables)], settings)

    assert set(variables) == set(names), "every variable has another value here"
    assert parsed(settings.home_path / "dbt" / "target" / "manifest.json") == nodes


def test_a_name_tells_its_layer(nodes: dict[str, Any]) -> None:
    assert [n["name"] for n in built(nodes) if not n["name"].startswith(PREFIXES.get(layer(n), ""))] == []


def test_every_table_says_its_grain(nodes: dict[str, Any]) -> None:
    assert [n["name"] for n in built(nodes) if "one row per" not in n["description"].lower()] == []


def test_every_column_that_others_read_is_described(nodes: dict[str, Any]) -> None:
    columns = [(n["name"], c) for n in built(nodes) if layer(n) in HANDED_OVER for c in n["columns"].values()]

    assert len(columns) > 180
    assert [f"{name}.{c['name']}" for name, c in columns if not c["description"] or not COLUMN.match(c["name"])] == []


def test_a_description_is_written_once(nodes: dict[str, Any]) -> None:
    project = Path(__file__).parents[2] / "dbt_project" / "models"
    text = "\n".join(path.read_text(encoding="utf-8") for path in project.rglob("*.yml"))
    blocks = re.findall(r"{% docs (\w+) %}", (project / "columns.md").read_text(encoding="utf-8"))
    uses = re.findall(r"doc\('(\w+)'\)", text)

    assert [block for block in blocks if uses.count(block) < 2] == []


def test_what_others_read_has_an_enforced_contract(nodes: dict[str, Any]) -> None:
    handed_over = [n for n in built(nodes) if layer(n) in HANDED_OVER]

    assert len(handed_over) >= 13
    assert all(n["config"]["contract"]["enforced"] for n in handed_over)


def test_contact_columns_stay_in_raw(nodes: dict[str, Any]) -> None:
    pattern = re.compile(rf"\b({'|'.join(CONTACT_COLUMNS)})\b")
    assert [n["name"] for n in built(nodes) if pattern.search(n["raw_code"])] == []


def test_sql_ends_with_the_name_of_its_result(nodes: dict[str, Any]) -> None:
    # Staging of versions is one macro call; snapshots have a shape of their own.
    written = [n for n in built(nodes) if "row_versions(" not in n["raw_code"] and n["resource_type"] == "model"]
    ending = re.compile(r"select \* from [a-z_]+(\norder by [a-z_, ]+)?$")
    assert [n["name"] for n in written if not ending.search(n["raw_code"].strip())] == []
    assert [n["name"] for n in written if re.search(r"group by \d", n["raw_code"])] == []
    assert all((Path(n["original_file_path"]).parts[0] in {"models", "snapshots"}) for n in built(nodes))


def test_dbt_s_docs_lie_beside_the_data_docs_and_describe_every_table(settings: Settings) -> None:
    page = transform.docs(settings)

    text = page.read_text(encoding="utf-8")
    assert page.is_relative_to(settings.data_docs_path)
    assert "features_churn" in text
    assert "Days since the customer joined." in text

"""Every published table has a complete contract, and the page that people read says the same as the YAML."""

from pathlib import Path

import pytest

from meterwise.commands.data_contracts import render
from meterwise.data_contracts import DataContractError, contracts
from meterwise.publish.tables import PUBLISHED, PublishedTable
from meterwise.settings import Settings

PROJECT = Path(__file__).parents[3]

MODEL = """
models:
  - name: offers
    description: >
      One row per customer and as_of_date.
      Who gets which offer.
    columns:
      - {name: customer_id, data_type: varchar, description: Number of the customer in the CRM.}
      - {name: annual_kwh, data_type: double, description: Use of a year.}
"""


def _project(folder: Path, text: str) -> Settings:
    models = folder / "dbt_project" / "models" / "publish"
    models.mkdir(parents=True)
    (models / "offers.yml").write_text(text)
    return Settings(project=folder)


def test_a_contract_knows_grain_and_units(tmp_path: Path) -> None:
    contract = contracts(_project(tmp_path, MODEL))["offers"]
    assert contract.grain == "One row per customer and as_of_date"
    assert [(column.name, column.unit) for column in contract.columns] == [("customer_id", ""), ("annual_kwh", "kWh")]


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        (", description: Use of a year.", r"offers\.yml: offers\.annual_kwh has no description"),
        (", data_type: double, description: Use of a year.", "has no description and no data_type"),
    ],
)
def test_what_a_contract_lacks_is_named(tmp_path: Path, left_out: str, message: str) -> None:
    with pytest.raises(DataContractError, match=message):
        contracts(_project(tmp_path, MODEL.replace(left_out, "")))


def test_a_description_that_tables_share_is_looked_up(tmp_path: Path) -> None:
    settings = _project(tmp_path, MODEL.replace("Use of a year.", "\"{{ doc('annual_kwh') }}\""))
    with pytest.raises(DataContractError, match=r"offers\.annual_kwh has no description"):
        contracts(settings)

    blocks = "{% docs annual_kwh %}Use of the last year.{% enddocs %}"
    (tmp_path / "dbt_project" / "models" / "columns.md").write_text(blocks)
    assert contracts(settings)["offers"].columns[1].description == "Use of the last year."


@pytest.mark.parametrize("table", PUBLISHED, ids=lambda table: table.name)
def test_every_published_table_has_a_contract_with_its_key(table: PublishedTable) -> None:
    columns = {column.name for column in contracts(Settings(project=PROJECT))[table.name].columns}
    assert {*table.key, *table.lookup} <= columns


def test_the_page_is_current() -> None:
    page = PROJECT / "docs" / "data-contracts.md"
    assert page.read_text() == render(Settings(project=PROJECT)), "run `make docs`"

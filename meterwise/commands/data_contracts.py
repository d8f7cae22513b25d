"""Writes ``docs/data-contracts.md`` from the YAML of dbt's publish layer (``make docs``).

Edit the descriptions there, never the page.
"""

from meterwise.data_contracts import DataContract, contracts
from meterwise.publish.tables import PUBLISHED, PublishedTable
from meterwise.publish.types import postgres_type
from meterwise.settings import Settings, get_settings

HEAD = """\
# Data contracts

<!-- Made from dbt_project/models/publish/*.yml by `make docs`; edit those. -->

What downstream systems read: the schema `published` of the PostgreSQL database, as a user of
the group `reader` (select on these tables and nothing else). On a team's server `meterwise database add-user NAME`
makes one; the embedded stack has `meterwise_reader`, whose password is in the file `reader_password` of its home.

- **Whole or not at all.** A table shows version N or N + 1, never a mix, and all tables switch together. A single
  statement sees one version; several statements do so inside one transaction with `isolation level repeatable read`.
- **Versioned.** `published.publications` has a row a delivery and table. A delivery for an older day than the current
  one is kept beside and never shown. Old versions are kept for `METERWISE_PUBLICATIONS_KEPT_DAYS` days (30):
  `meterwise published <table> --as-of <day>` prints them. The usage tables of any version are as known when it was
  delivered, not at the end of its day: a backfill of last month knows this month's corrections.
- **In parts, between.** Where meters are monitored, `meter_alerts` and `load_now` are delivered every few minutes, and
  what is forecast of the load (`demand_*`, `peak_warnings`) every hour, as a version of their own in which all other
  tables are those before it. Such a version is kept while it is current.
- **Compatible.** Columns are only added. A break gets a new name, and the old table lives on beside it for 90 days.
- **Times** ending in `_utc` are UTC without a zone marker; dates are of the utility's local calendar; energy is kWh.
- No names, addresses, phone numbers or e-mail addresses; `customer_id` is the CRM's own number.

| table | one row | key |
|---|---|---|
"""

PUBLICATIONS = """
## publications

One row per delivery and table.

Key: `version`, `table_name`. Freshness: written by every delivery.

| column | type | unit | meaning |
|---|---|---|---|
| `version` | bigint | | Number of the delivery; all tables of one delivery share it. |
| `table_name` | text | | Table without its schema. |
| `as_of_date` | date | local date | Day whose end the rows know; earlier than the delivery's if it had no newer rows. |
| `rows` | bigint | rows | Rows of the table in this version. |
| `checksum` | text | | The same for the same rows, in whatever order. |
| `is_unchanged` | boolean | | Whether the rows equal those of the version before. |
| `model_versions` | jsonb | | Registered version in MLflow by model. |
| `run_id` | text | | Airflow run that delivered. |
| `delivered_at` | timestamp with time zone | | When the delivery was made. |
| `is_current` | boolean | | Whether the views show this version now. |
| `note` | text | | Why the table was withheld and its former rows stay; else null. |
"""


def render(settings: Settings | None = None) -> str:
    """Return the page.

    Raises:
        DataContractError: A table that is published has no contract, or a contract lacks a part.
    """
    found = contracts(settings)
    tables = [(table, found[table.name]) for table in PUBLISHED if table.name in found]
    index = "".join(f"| [{table.name}](#{table.name}) | {of.grain} | {_code(table.key)} |\n" for table, of in tables)
    index += "| [publications](#publications) | one table of one delivery | `version`, `table_name` |\n"
    return HEAD + index + "".join(_section(table, contract) for table, contract in tables) + PUBLICATIONS


def _section(table: PublishedTable, contract: DataContract) -> str:
    lines = [f"\n## {table.name}\n", f"{contract.description}\n"]
    lines += [f"Key: {_code(table.key)}. Freshness: {contract.freshness}.\n"]
    lines += ["| column | type | unit | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{column.name}` | {postgres_type(column.data_type.upper(), column.name)} | {column.unit} "
        f"| {column.description.replace('|', '/')} |"
        for column in contract.columns
    ]
    return "\n".join(lines) + "\n"


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def write() -> None:
    """Write the page where it belongs."""
    page = get_settings().project / "docs" / "data-contracts.md"
    page.write_text(render())


if __name__ == "__main__":
    write()

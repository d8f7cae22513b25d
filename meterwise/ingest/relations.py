"""Says at landing which rows refer to what is not there. They land all the same: the other half may come tomorrow."""

import logging

from meterwise.sources.config import FileSource, SqlSource
from meterwise.sources.rows import LINE, first_row
from meterwise.warehouse import LoadingArea

log = logging.getLogger(__name__)


REFERS_TO = {"crm_contracts": ("crm_customers",), "meters": ("crm_contracts", "meters")}

RULES: dict[str, list[tuple[str, str, str]]] = {
    "crm_contracts": [
        (
            "received.customer_id not in (select customer_id from raw.crm_customers)"
            " and exists (select 1 from raw.crm_customers)",
            "contract(s) of an unknown customer",
            "Usage under it has no owner until the customer arrives: deliver the customer, or correct customer_id",
        ),
    ],
    "meters": [
        (
            "received.service_point_id not in (select service_point_id from raw.crm_contracts)"
            " and exists (select 1 from raw.crm_contracts)",
            "meter(s) of no customer: no contract at the service point",
            "Their reads are kept but belong to nobody: deliver the contract, or correct service_point_id",
        ),
        (
            "exists (select 1 from raw.meters as other where other.meter_id = received.meter_id"
            " and other.service_point_id <> received.service_point_id"
            " and other.installed_on < coalesce(received.removed_on, date '2999-12-31')"
            " and coalesce(other.removed_on, date '2999-12-31') > received.installed_on)",
            "duplicate meter(s): at two service points at once",
            "Give the earlier one its removed_on; until then both points see the same reads",
        ),
    ],
}


def broken_relations(area: LoadingArea, source: FileSource | SqlSource, origin: str) -> list[str]:
    """Sentences about rows of ``received`` that refer to what is not there."""
    for table in REFERS_TO.get(source.table, ()):
        area.bring(table)
    sentences = []
    for condition, what, cure in RULES.get(source.table, []):
        key = source.raw_table.key[0]
        row = first_row(
            area.connection,
            f"select count(*), min({LINE}), arg_min({key}, {LINE}) from received where {condition}",
        )
        if row and row[0]:
            sentences.append(
                f"source {source.name}: {origin}, line {row[1]}: {row[0]:,} {what}, first {key} {row[2]}. {cure}."
            )
    return sentences


def log_broken_relations(area: LoadingArea, source: FileSource | SqlSource, load_id: str, origin: str) -> None:
    """Warn about rows of a load that refer to what is not there."""
    for sentence in broken_relations(area, source, origin):
        log.warning("load %s: %s", load_id, sentence)

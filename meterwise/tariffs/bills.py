"""Bill lines of tables in memory: one customer or a hundred thousand, by the same statements."""

from collections.abc import Mapping

import pyarrow as pa

from meterwise.tariffs.audit import AUDIT_INPUT, audit
from meterwise.tariffs.compiled import compile_book
from meterwise.tariffs.hypotheses import with_hypotheses
from meterwise.tariffs.model import TariffBook
from meterwise.tariffs.rating import INPUT, differences_select, rate
from meterwise.warehouse.memory import in_memory

IN_ORDER = (
    "order by rating_id, bill_from_on, from_on, tariff_code, position_no, line_code, tier_no nulls first, "
    "period_code nulls first"
)
FINDINGS_IN_ORDER = "order by contract_id, bill_from_on, line_code, reason_code"
ALL_INPUT = {**INPUT, **AUDIT_INPUT}


def rate_tables(book: TariffBook, tables: Mapping[str, pa.Table]) -> pa.Table:
    """Rate tables and return the lines of their bills, in order.

    Args:
        book: Tariffs.
        tables: Relations of ``rating.INPUT`` by name; those left out are empty.
    """
    with in_memory() as connection:
        given = {name: tables.get(name, schema.empty_table()).cast(schema) for name, schema in INPUT.items()}
        for name, rows in {**given, **compile_book(book)}.items():
            connection.register(name, rows)
        lines = rate(connection.execute, book.timezone)
        return connection.sql(f"select * from {lines} {IN_ORDER}").to_arrow_table()


def correction_lines(rated_again: pa.Table, billed: pa.Table) -> pa.Table:
    """Return what a correction bills: lines rated again less lines that were billed, in order."""
    with in_memory() as connection:
        connection.register("rated_again", rated_again)
        connection.register("billed", billed)
        select = differences_select("rated_again", "billed")
        order = IN_ORDER.replace("position_no, ", "")
        return connection.sql(f"select * from ({select}) as differences {order}").to_arrow_table()


def audit_tables(book: TariffBook, tables: Mapping[str, pa.Table]) -> pa.Table:
    """Rate tables and return what differs from the bills in ``billed_lines``, in order.

    Args:
        book: Tariffs.
        tables: Relations of ``rating.INPUT`` and ``audit.AUDIT_INPUT`` by name; those left out are empty.
    """
    with in_memory() as connection:
        with_tried, hypotheses = with_hypotheses(book)
        given = {name: tables.get(name, schema.empty_table()).cast(schema) for name, schema in ALL_INPUT.items()}
        for name, rows in {**given, **compile_book(with_tried), "audit_hypotheses": hypotheses}.items():
            connection.register(name, rows)
        rate(connection.execute, book.timezone)
        findings = audit(connection.execute, book.timezone)
        return connection.sql(f"select * from {findings} {FINDINGS_IN_ORDER}").to_arrow_table()

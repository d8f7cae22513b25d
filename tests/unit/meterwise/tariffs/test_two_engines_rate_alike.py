"""DuckDB and PostgreSQL make the same bills, line by line."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from made_up_reads import tables

from meterwise.database import connect
from meterwise.settings import Settings
from meterwise.tariffs.bills import IN_ORDER, rate_tables
from meterwise.tariffs.book_file import read_book
from meterwise.tariffs.compiled import compile_book
from meterwise.tariffs.rating import INPUT, rate

EXAMPLES = Path(__file__).parents[4] / "examples" / "tariffs"
TYPES = {
    pa.string(): "text",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp",
    pa.decimal128(18, 6): "decimal(18, 6)",
}


def many_contracts(tariffs: list[str]) -> dict[str, pa.Table]:
    """A contract for each tariff, changed on the 11th, with reads that no two intervals share."""
    first, rows, spans = datetime(2026, 3, 28), [], []
    for number, code in enumerate(tariffs):
        contract = f"c{number}"
        for step in range(48 * 36):
            for channel, factor in (("import", 7919), ("export", 104729), ("reactive", 1299709)):
                kwh = Decimal((step * factor + number * 31) % 4001).scaleb(-3)
                start = first + timedelta(minutes=30 * step)
                rows.append((contract, channel, start, 30, kwh, step % 17 == 0))
        spans.append((contract, contract, code, "m", date(2026, 3, 1), date(2026, 4, 10), Decimal(100)))
        spans.append((contract, contract, tariffs[number - 1], "m", date(2026, 4, 11), None, Decimal("150.5")))
        spans.append((f"{contract} tried", contract, tariffs[number - 1], "m", date(2026, 4, 1), None, Decimal(100)))
    return {
        **tables({"bills": []}, []),
        "intervals": as_table("intervals", rows),
        "contract_spans": as_table("contract_spans", spans),
        "bill_periods": as_table("bill_periods", [("m", date(2026, 4, 1), date(2026, 4, 30), 1)]),
    }


def as_table(name: str, rows: list[tuple[Any, ...]]) -> pa.Table:
    names = INPUT[name].names
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], INPUT[name])


@pytest.mark.parametrize("book", sorted(EXAMPLES.glob("*.yml")), ids=lambda path: path.stem)
def test_both_engines_make_the_same_lines(book: Path, database: Settings) -> None:
    tariffs = read_book(book)
    given = many_contracts([tariff.code for tariff in tariffs.tariffs])
    on_duckdb = rate_tables(tariffs, given).to_pylist()

    with connect(database) as connection:
        for name, table in {**given, **compile_book(tariffs)}.items():
            columns = ", ".join(f"{field.name} {TYPES[field.type]}" for field in table.schema)
            connection.execute(f"create temporary table {name} ({columns})")
            with connection.cursor().copy(f"copy {name} from stdin") as copy:
                for row in table.to_pylist():
                    copy.write_row(list(row.values()))
        lines = rate(connection.execute, tariffs.timezone, "postgresql")
        order = IN_ORDER
        for column in ("rating_id", "tariff_code", "line_code", "period_code"):
            order = order.replace(column, f'{column} collate "C"')
        cursor = connection.execute(f"select * from {lines} {order}")
        names = [column.name for column in cursor.description or ()]
        on_postgresql = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    assert len(on_duckdb) > 10
    assert any(line["amount"] for line in on_duckdb)
    assert on_postgresql == on_duckdb

"""DuckDB and PostgreSQL make the same bills, line by line."""

import copy
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from made_up_reads import tables
from test_audit import CASES as FAULTS
from test_audit import all_tables
from test_golden_bills import CASES, book_of, typed

from meterwise.database import connect
from meterwise.settings import Settings
from meterwise.tariffs.audit import AUDIT_INPUT, audit
from meterwise.tariffs.bills import ALL_INPUT, FINDINGS_IN_ORDER, IN_ORDER, audit_tables, rate_tables
from meterwise.tariffs.book_file import read_book
from meterwise.tariffs.compiled import compile_book
from meterwise.tariffs.hypotheses import with_hypotheses
from meterwise.tariffs.model import TariffBook
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


def all_golden_bills() -> dict[str, tuple[TariffBook, dict[str, pa.Table]]]:
    """Books and relations of the golden bills, those of one clock and one set of holidays together."""
    groups: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for number, param in enumerate(CASES):
        case = typed(copy.deepcopy(param.values[0]))
        key = f"{case.get('timezone', 'Europe/Berlin')} {sorted(case.get('holidays', {}).items())}"
        groups.setdefault(key, []).append((number, case))
    return {key: merged(cases) for key, cases in groups.items()}


def merged(cases: list[tuple[int, dict[str, Any]]]) -> tuple[TariffBook, dict[str, pa.Table]]:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in INPUT}
    tariffs = []
    for number, case in cases:
        book = book_of(case)
        tariffs += [tariff.model_copy(update={"code": f"{number} {tariff.code}"}) for tariff in book.tariffs]
        for name, table in tables(case, case["reads"]).items():
            rows[name] += [own(row, number) for row in table.to_pylist()]
    rows["holidays"] = rows["holidays"][: len(rows["holidays"]) // len(cases)]
    made = {name: pa.Table.from_pylist(listed, INPUT[name]) for name, listed in rows.items()}
    return book.model_copy(update={"tariffs": tuple(tariffs)}), made


def own(row: dict[str, Any], number: int) -> dict[str, Any]:
    """A row of a case among those of others."""
    codes = ("contract_id", "rating_id", "billing_code", "tariff_code")
    return {name: f"{number} {value}" if name in codes and value else value for name, value in row.items()}


def rated_by_postgresql(database: Settings, book: TariffBook, given: dict[str, pa.Table]) -> list[dict[str, Any]]:
    def run(execute: Any) -> str:
        return rate(execute, book.timezone, "postgresql")

    return on_postgresql(database, {**given, **compile_book(book)}, run, IN_ORDER)


def audited_by_postgresql(database: Settings, book: TariffBook, given: dict[str, pa.Table]) -> list[dict[str, Any]]:
    def run(execute: Any) -> str:
        rate(execute, book.timezone, "postgresql")
        return audit(execute, book.timezone, "postgresql")

    with_tried, hypotheses = with_hypotheses(book)
    empty = {name: schema.empty_table() for name, schema in ALL_INPUT.items()}
    given = {**empty, **given, **compile_book(with_tried), "audit_hypotheses": hypotheses}
    return on_postgresql(database, given, run, FINDINGS_IN_ORDER)


def on_postgresql(
    database: Settings, given: dict[str, pa.Table], run: Callable[[Any], str], order: str
) -> list[dict[str, Any]]:
    """Rows of the table that is made of some relations, in the order of bytes."""
    with connect(database) as connection, connection.transaction():
        for name, table in given.items():
            columns = ", ".join(f"{field.name} {TYPES[field.type]}" for field in table.schema)
            connection.execute(f"create temporary table {name} ({columns})")
            with connection.cursor().copy(f"copy {name} from stdin") as copied:
                for row in table.to_pylist():
                    copied.write_row(list(row.values()))
        made = run(connection.execute)
        for column in ("rating_id", "contract_id", "tariff_code", "line_code", "period_code"):
            order = order.replace(column, f'{column} collate "C"')
        cursor = connection.execute(f"select * from {made} {order}")
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.mark.parametrize("book", sorted(EXAMPLES.glob("*.yml")), ids=lambda path: path.stem)
def test_both_engines_make_the_same_lines(book: Path, database: Settings) -> None:
    tariffs = read_book(book)
    given = many_contracts([tariff.code for tariff in tariffs.tariffs])

    on_duckdb = rate_tables(tariffs, given).to_pylist()

    assert len(on_duckdb) > 10
    assert [line["line_code"] for line in on_duckdb if line["reason_code"]] == []
    assert rated_by_postgresql(database, tariffs, given) == on_duckdb


@pytest.mark.parametrize("key", all_golden_bills())
def test_both_engines_make_the_same_golden_bills(key: str, database: Settings) -> None:
    book, given = all_golden_bills()[key]

    on_duckdb = rate_tables(book, given).to_pylist()

    assert {line["rating_id"] for line in on_duckdb} == set(given["contract_spans"]["rating_id"].to_pylist())
    assert rated_by_postgresql(database, book, given) == on_duckdb


@pytest.mark.parametrize("with_holidays", [False, True])
def test_both_engines_find_the_same_faults(with_holidays: bool, database: Settings) -> None:
    cases = [typed(copy.deepcopy(param.values[0])) for param in FAULTS]
    numbered = [(number, case) for number, case in enumerate(cases) if ("holidays" in case) == with_holidays]
    book, given = merged(numbered)
    more = {
        name: pa.Table.from_pylist(
            [own(row, number) for number, case in numbered for row in all_tables(case)[name].to_pylist()], schema
        )
        for name, schema in AUDIT_INPUT.items()
        if name != "audit_hypotheses"
    }

    on_duckdb = audit_tables(book, {**given, **more}).to_pylist()

    faulty = {f"{number} c" for number, case in numbered if case["findings"] or "reason" in case}
    assert {row["contract_id"] for row in on_duckdb} == faulty
    assert audited_by_postgresql(database, book, {**given, **more}) == on_duckdb

"""Audits files: reads, contracts and the bills that were issued in, what differs out. No stack is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meterwise.tariffs.audit import AUDIT_INPUT, audit
from meterwise.tariffs.bills import FINDINGS_IN_ORDER
from meterwise.tariffs.compiled import compile_book
from meterwise.tariffs.hypotheses import with_hypotheses
from meterwise.tariffs.model import TariffBook
from meterwise.tariffs.problems import RatingInputError
from meterwise.tariffs.rated_files import Files, ReadsFile, blank_as_null, can_write, write
from meterwise.tariffs.rating import rate
from meterwise.warehouse.memory import in_memory


@dataclass(frozen=True)
class Audited:
    """What was audited.

    Attributes:
        compared: Number of bills that were compared.
        equal: Number of bills of which every line is right.
        rules: Rule: bills, lines, and billed less right in the currency of the book.
        reasons: Reason why a bill could not be compared: number of bills.
        notes: Sentences on what was left out of the files.
    """

    compared: int
    equal: int
    rules: dict[str, tuple[int, int, Any]]
    reasons: dict[str, int]
    notes: tuple[str, ...]


def audit_files(
    book: TariffBook,
    reads: ReadsFile,
    contracts: Path,
    issued: Path,
    out: Path,
    bill_periods: Path | None = None,
    reads_then: ReadsFile | None = None,
) -> Audited:
    """Write what differs between bills that were issued and those rated from a file of reads.

    Args:
        book: Tariffs.
        reads: What was used.
        contracts: As for ``rate_files``.
        issued: CSV or Parquet with bill_id, contract_id, line_code, amount, period or bill_from_on and, if known,
            quantity and bill_to_on.
        out: CSV or Parquet to write.
        bill_periods: As for ``rate_files``.
        reads_then: Reads as they were known when the bills were made; those that were replaced since are enough.

    Raises:
        RatingInputError: A file or a column cannot be used.
        TariffBookError: The book's country is unknown.
    """
    can_write(out)
    with in_memory() as connection:
        files = Files(connection, book)
        notes = files.read(reads, contracts, bill_periods)
        _billed_lines(files, issued)
        if reads_then:
            files.intervals(reads_then, "billed_intervals")
        else:
            connection.register("billed_intervals", AUDIT_INPUT["billed_intervals"].empty_table())
        with_tried, hypotheses = with_hypotheses(book)
        for name, rows in {**compile_book(with_tried), "audit_hypotheses": hypotheses}.items():
            connection.register(name, rows)
        rate(connection.execute, book.timezone)
        findings = audit(connection.execute, book.timezone)
        write(connection, f"select * from {findings} {FINDINGS_IN_ORDER}", out)
        return _summary(connection, findings, tuple(notes))


def _billed_lines(files: Files, path: Path) -> None:
    """Make ``billed_lines`` of a file."""
    found = files.columns(path, "issued_file", ("bill_id", "contract_id", "line_code", "amount"))
    if not found & {"period", "bill_from_on"}:
        raise RatingInputError(f"{path} says of no bill which month it is of: add a column period or bill_from_on.")
    named = {name: blank_as_null(name) if name in found else "null" for name in AUDIT_INPUT["billed_lines"].names}
    for column in ("bill_id", "contract_id", "line_code", "amount"):
        files.refuse(path, "issued_file", column, f"{named[column]} is null", "each line of a bill has one")
    for column in sorted(found & {"period", "bill_from_on", "bill_to_on"}):
        is_bad = f"{named[column]} is not null and try_cast({named[column]} as date) is null"
        files.refuse(path, "issued_file", column, is_bad, "a day is written like 2026-04-30")
    day = f"coalesce({named['bill_from_on']}, {named['period']})"
    column = "bill_from_on" if "bill_from_on" in found else "period"
    files.refuse(path, "issued_file", column, f"{day} is null", "each line says which month it is of")
    for column in sorted(found & {"quantity", "amount"}):
        is_bad = f"{named[column]} is not null and try_cast({named[column]} as decimal(18, 6)) is null"
        files.refuse(path, "issued_file", column, is_bad, "it is a number")
    types = {"period": "date", "bill_from_on": "date", "bill_to_on": "date"}
    types |= {"quantity": "decimal(18, 6)", "amount": "decimal(18, 6)"}
    columns = ", ".join(f"({text})::{types.get(name, 'varchar')} as {name}" for name, text in named.items())
    files.connection.execute(f"create temporary table billed_lines as select {columns} from issued_file")


def _summary(connection: Any, findings: str, notes: tuple[str, ...]) -> Audited:
    ((compared, equal),) = connection.execute(
        """
        select count(*), count(*) filter (where is_equal)
        from (
            select bool_and(is_equal) as is_equal
            from audited_lines where reason_code is null group by contract_id, bill_from_on
        )
        """
    ).fetchall()
    rules = connection.execute(
        f"select rule_code, count(distinct (contract_id, bill_from_on)), count(*), sum(difference) from {findings} "
        "where rule_code is not null group by rule_code order by rule_code"
    ).fetchall()
    reasons = connection.execute(
        f"select reason_code, count(*) from {findings} where reason_code is not null group by reason_code order by all"
    ).fetchall()
    return Audited(compared, equal, {rule: tuple(more) for rule, *more in rules}, dict(reasons), notes)

"""Bills with planted faults, in ``tests/golden/audits``: each is found, with its rule, and nothing else is."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_reads import reads, span, tables
from test_golden_bills import LINE, book_of, check_arithmetic, rounded, typed, worked_out
from test_laws import book, few, lines_of, month_of_reads, positive_components, relations_of

from meterwise.tariffs.audit import AUDIT_INPUT
from meterwise.tariffs.bills import audit_tables
from meterwise.tariffs.hypotheses import RULES, with_hypotheses
from meterwise.tariffs.rating import INPUT

PATH = Path(__file__).parents[3] / "golden" / "audits" / "faults.yml"
CASES = [
    pytest.param(case, id=case["about"])
    for case in yaml.load(PATH.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)["cases"]
]
FINDING = re.compile(
    r"^(?P<code>\w+) (?P<rule>\w+)(?: \((?P<detail>.+)\))?: "
    r"(?P<billed>[-\d.]+) - (?P<rated>[-\d.]+) = (?P<less>[-\d.]+)$"
)
fewer = settings(few, max_examples=6)
BY_LINE = {"follows_other_lines", "line_not_in_tariff", "other_quantity", "wrong_percentage", "unexplained"}


def billed_lines(case: dict[str, Any]) -> pa.Table:
    bills = {str(span(days)[0]): span(days) for days in case["bills"]}
    rows = []
    for text in case["billed"]:
        line = LINE.match(text)
        assert line, f"no line: {text}"
        amount = Decimal(line["amount"])
        assert rounded(worked_out(line["left"]), line["amount"], "half_up") == amount, f"wrong by hand: {text}"
        first, last = bills[line["from_on"] or str(span(case["bills"][0])[0])]
        quantity = case.get("quantities", {}).get(line["code"])
        rows += [
            {
                "bill_id": f"b{number}",
                "contract_id": "c",
                "period": first,
                "line_code": line["code"],
                "quantity": Decimal(quantity) if quantity else None,
                "amount": amount,
                "bill_from_on": first,
                "bill_to_on": last,
            }
            for number in range(int(case.get("times", 1)))
        ]
    return pa.Table.from_pylist(rows, AUDIT_INPUT["billed_lines"])


def all_tables(case: dict[str, Any]) -> dict[str, pa.Table]:
    then = reads(case.get("billed_reads", []), case.get("minutes", 1440), ZoneInfo("Europe/Berlin"))
    return {
        **tables(case, case["reads"]),
        "billed_lines": billed_lines(case),
        "billed_intervals": pa.Table.from_pylist(then, INPUT["intervals"]),
    }


def expected(case: dict[str, Any]) -> list[tuple[Any, ...]]:
    found = []
    for text in case["findings"]:
        finding = FINDING.match(text)
        assert finding, f"no finding: {text}"
        billed, rated, less = (Decimal(finding[name]) for name in ("billed", "rated", "less"))
        assert billed - rated == less, f"wrong by hand: {text}"
        found.append((finding["code"], finding["rule"], finding["detail"], billed, rated, less))
    return sorted(found)


def as_tuples(findings: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted(
        (
            row["line_code"],
            row["rule_code"],
            row["rule_detail"],
            row["billed_amount"] or Decimal(0),
            row["rated_amount"] or Decimal(0),
            row["difference"],
        )
        for row in findings
        if row["reason_code"] is None
    )


def test_there_is_a_fault_for_every_rule() -> None:
    found = {FINDING.match(text)["rule"] for (case,) in (p.values for p in CASES) for text in case["findings"]}  # type: ignore[index]

    assert found == {*RULES, *BY_LINE, "estimated_then_measured"}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_found_with_its_rule(case: dict[str, Any]) -> None:
    case = typed(case)
    check_arithmetic(case)

    findings = audit_tables(book_of(case), all_tables(case)).to_pylist()

    assert as_tuples(findings) == expected(case)
    not_compared = [row for row in findings if row["reason_code"]]
    assert [row["reason_code"] for row in not_compared] == ([case["reason"]] if "reason" in case else [])
    assert [row["difference"] for row in not_compared if row["difference"] is not None] == []


def issued(lines: pa.Table) -> pa.Table:
    """Lines of rating as a utility's own bills, a row for each line_code."""
    summed = lines.group_by(["contract_id", "bill_from_on", "bill_to_on", "line_code"]).aggregate(
        [("quantity", "sum"), ("amount", "sum")]
    )
    renamed = summed.rename_columns({"quantity_sum": "quantity", "amount_sum": "amount"})
    own = {"bill_id": renamed["contract_id"], "period": renamed["bill_from_on"]}
    for name, column in own.items():
        renamed = renamed.append_column(name, column)
    return renamed.select(AUDIT_INPUT["billed_lines"].names).cast(AUDIT_INPUT["billed_lines"])


@fewer
@given(positive_components(), st.lists(month_of_reads, min_size=1, max_size=3))
def test_bills_of_the_engine_have_no_differences(components: list[dict[str, Any]], months: list[list[Decimal]]) -> None:
    tariffs = book({"components": components})
    contracts = {f"c{number}": month for number, month in enumerate(months)}

    findings = audit_tables(tariffs, {**relations_of(contracts), "billed_lines": issued(lines_of(tariffs, contracts))})

    assert findings.num_rows == 0


@fewer
@given(positive_components(), month_of_reads, st.data())
def test_a_bill_by_a_hypothesis_is_explained_and_no_other_is_touched(
    components: list[dict[str, Any]], reads: list[Decimal], data: st.DataObject
) -> None:
    tariffs = book({"components": components})
    with_tried, hypotheses = with_hypotheses(tariffs)
    place = data.draw(st.sampled_from([row for row in hypotheses.to_pylist() if row["basis"] == "tariff"]))
    wrong = next(tariff for tariff in with_tried.tariffs if tariff.code == place["tried_tariff_code"])
    as_wrong = tariffs.model_copy(update={"tariffs": (wrong.model_copy(update={"code": "T"}),)})
    contracts = {"faulty": reads, "sound": reads}
    lines = pa.concat_tables([lines_of(as_wrong, {"faulty": reads}), lines_of(tariffs, {"sound": reads})])

    findings = audit_tables(tariffs, {**relations_of(contracts), "billed_lines": issued(lines)}).to_pylist()

    # Two hypotheses may give the same bill; the earlier one is named.
    assert {row["contract_id"] for row in findings} <= {"faulty"}
    assert all(RULES.index(row["rule_code"]) <= RULES.index(place["rule_code"]) for row in findings)
    right = sum(lines_of(tariffs, {"faulty": reads})["amount"].to_pylist())
    billed = sum(lines_of(as_wrong, {"faulty": reads})["amount"].to_pylist())
    assert sum(row["difference"] for row in findings) == billed - right

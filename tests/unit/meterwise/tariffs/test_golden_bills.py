"""Bills worked out by hand, in ``tests/golden/bills``: the engine meets each to the last digit.

A line of a case is the arithmetic itself, such as ``energy peak #2 @2026-04-16: 310 kWh x 0.50 = 155.00``: code,
period, tier, first day where it is not that of the bill, what is worked out, and the amount. It is worked out here once
more, by fractions and without the engine, so that a slip of the pen cannot stand in for an error of the engine.
"""

import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_up_reads import span, tables

from meterwise.tariffs.bills import correction_lines, rate_tables
from meterwise.tariffs.book_file import parse_book
from meterwise.tariffs.model import TariffBook

FOLDER = Path(__file__).parents[3] / "golden" / "bills"
LINE = re.compile(
    r"^(?P<code>\w+)(?: (?P<period>[a-z_]+))?(?: #(?P<tier>\d))?(?: @(?P<from_on>[\d-]+))?"
    r": (?P<left>.+) = (?P<amount>-?[\d.]+)$"
)
PRICED = re.compile(r"^(?P<quantity>-?[\d.]+) (?:kWh|kvarh|kW|days?) x (?P<price>-?[\d.]+)")
WORDS = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*")
HEAD = ("currency", "timezone")


def cases() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*.yml")):
        for case in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)["cases"]:
            found.append(pytest.param(case, id=f"{path.stem}: {case['about']}"))
    return found


CASES = cases()


def book_of(case: dict[str, Any]) -> TariffBook:
    versions = case.get("versions") or [
        {
            "valid_from": "2010-01-01",
            **{key: case[key] for key in ("calendar", "components", "rounding", "reads_rule") if key in case},
        }
    ]
    for version in versions:
        if "reads_rule" in version:
            version["reads"] = version.pop("reads_rule")
    tariffs = [{"code": "T", "versions": versions}, *case.get("more_tariffs", [])]
    head = {"currency": "EUR", "timezone": "Europe/Berlin", **{key: case[key] for key in HEAD if key in case}}
    return parse_book(yaml.safe_dump({**head, "tariffs": tariffs}, sort_keys=False))


def worked_out(left: str) -> Fraction:
    """Evaluate ``30 days x 2.5 kWh / 4`` or ``13 % of 200.00``, words left out."""
    plain = re.sub(r"(-?[\d.]+) % of (-?[\d.]+)", r"(\1) / 100 * (\2)", left).replace(" x ", " * ")
    plain = WORDS.sub("", plain)
    assert re.fullmatch(r"[-\d. +*/()]+", plain), f"not to be worked out: {left}"
    return eval(re.sub(r"[\d.]+", r"Fraction('\g<0>')", plain), {"Fraction": Fraction})


def rounded(value: Fraction, like: str, mode: str) -> Decimal:
    digits = Decimal(like)
    steps = value / Fraction(Decimal(1).scaleb(digits.as_tuple().exponent))
    return Decimal(str(_whole(steps, mode))).scaleb(digits.as_tuple().exponent)


def _whole(steps: Fraction, mode: str) -> int:
    sign, size = (-1 if steps < 0 else 1), abs(steps)
    lower, rest = size.numerator // size.denominator, size - size.numerator // size.denominator
    more = {
        "half_up": rest >= Fraction(1, 2),
        "half_even": rest > Fraction(1, 2) or (rest == Fraction(1, 2) and lower % 2 == 1),
        "down": False,
        "up": rest > 0,
    }[mode]
    return sign * (lower + more)


def expected(case: dict[str, Any], texts: list[str]) -> list[tuple[Any, ...]]:
    mode = case.get("rounding", {}).get("mode", "half_up")
    found = []
    for text in texts:
        line = LINE.match(text)
        assert line, f"no line: {text}"
        amount = Decimal(line["amount"])
        assert rounded(worked_out(line["left"]), line["amount"], mode) == amount, f"wrong by hand: {text}"
        first = line["from_on"] or str(span(case["bills"][0])[0])
        found.append((line["code"], line["period"], int(line["tier"]) if line["tier"] else None, first, amount))
    return sorted(found, key=str)


def as_tuples(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted(
        (
            (line["line_code"], line["period_code"], line["tier_no"], str(line["from_on"]), line["amount"])
            for line in lines
        ),
        key=lambda line: str((*line[:-1], line[-1].normalize() if line[-1] is not None else None)),
    )


def normal(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(((*line[:-1], line[-1].normalize() + 0) for line in found), key=str)


def check_arithmetic(case: dict[str, Any]) -> None:
    for text in case.get("arithmetic", []):
        left, right = text.rsplit(" = ", 1)
        number = WORDS.sub("", right).strip()
        assert rounded(worked_out(left), number, "half_up") == Decimal(number), f"wrong by hand: {text}"


def typed(case: dict[str, Any]) -> dict[str, Any]:
    """The few numbers of a case that are no text."""
    numbers = {key: int(case[key]) for key in ("minutes", "months") if key in case}
    for name in ("reads", "billed_reads"):
        if name in case:
            numbers[name] = [
                {**block, **({"minutes": int(block["minutes"])} if "minutes" in block else {})} for block in case[name]
            ]
    return {**case, **numbers}


def test_there_are_bills_over_every_rule() -> None:
    kinds = {part["kind"] for (case,) in (param.values for param in CASES) for part in _components(case)}

    assert len(CASES) >= 60
    assert kinds == {
        "energy", "feed_in", "tiers", "standing", "capacity", "power_factor", "reactive", "surcharge", "tax", "minimum",
        "credit",
    }  # fmt: skip


def _components(case: dict[str, Any]) -> list[dict[str, Any]]:
    versions = [*case.get("versions", [case]), *(v for t in case.get("more_tariffs", []) for v in t["versions"])]
    return [part for version in versions for part in version["components"]]


@pytest.mark.parametrize("case", CASES)
def test_a_bill_is_met_to_the_last_digit(case: dict[str, Any]) -> None:
    case = typed(case)
    book = book_of(case)
    check_arithmetic(case)

    lines = rate_tables(book, tables(case, case["reads"])).to_pylist()
    if "billed_reads" in case:
        billed = rate_tables(book, tables(case, case["billed_reads"]))
        lines = correction_lines(rate_tables(book, tables(case, case["reads"])), billed).to_pylist()
    if "reason" in case:
        assert {line["reason_code"] for line in lines} == {case["reason"]}
        assert [line["amount"] for line in lines if line["amount"] is not None] == []
        return

    assert [line["reason_code"] for line in lines if line["reason_code"]] == []
    assert normal(as_tuples(lines)) == normal(expected(case, case["lines"]))
    assert sum(line["amount"] for line in lines) == Decimal(case["total"])
    by_key = {(line["line_code"], line["period_code"], line["tier_no"], str(line["from_on"])): line for line in lines}
    for text in case["lines"]:
        line = LINE.match(text)
        priced = PRICED.match(line["left"]) if line else None
        if line and priced:
            tier, first = (
                (int(line["tier"]) if line["tier"] else None),
                line["from_on"] or str(span(case["bills"][0])[0]),
            )
            found = by_key[line["code"], line["period"], tier, first]
            assert (found["quantity"], found["unit_price"]) == (Decimal(priced["quantity"]), Decimal(priced["price"]))

"""`meterwise tariffs`: through the front door, with files."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from meterwise.cli import app
from meterwise.commands.tariffs import RULES as MEANINGS
from meterwise.tariffs.hypotheses import RULES

EXAMPLES = Path(__file__).parents[4] / "examples" / "tariffs"
ZONE = ZoneInfo("Europe/Berlin")
BY_LINE = {"follows_other_lines", "line_not_in_tariff", "other_quantity", "wrong_percentage", "unexplained"}
Rate = Callable[..., Result]


def run(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "140"}).invoke(app, ["tariffs", *map(str, words)])


@pytest.fixture
def reads(tmp_path: Path) -> Path:
    """Half-hours of October 2026, by the local clock, of three customers."""
    path, at = tmp_path / "reads.csv", datetime(2026, 9, 30, 22, tzinfo=UTC)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["customer", "when", "used"])
        while at < datetime(2026, 10, 31, 23, tzinfo=UTC):
            writer.writerows([name, f"{at.astimezone(ZONE):%Y-%m-%d %H:%M}", "0.25"] for name in ("A", "B", "X"))
            at += timedelta(minutes=30)
    return path


@pytest.fixture
def rate(tmp_path: Path, reads: Path) -> Rate:
    contracts = tmp_path / "contracts.csv"
    contracts.write_text("contract_id,tariff_code,start_on,end_on\nA,HOME,2026-01-01,\nB,NIGHT,2026-10-11,\n")

    def _rate(out: str = "lines.csv", *more: object) -> Result:
        return run(
            "rate", "--tariffs", EXAMPLES / "europe.yml", "--reads", reads, "--contracts", contracts,
            "--out", tmp_path / out, "--id", "customer", "--time", "when", "--value", "used", "--local", *more,
        )  # fmt: skip

    return _rate


def test_check_shows_prices_and_draws_the_day() -> None:
    shown = run("check", EXAMPLES / "china.yml")

    assert shown.exit_code == 0, shown.output
    assert "sharp 1.1623, peak 0.9917, flat 0.6512, valley 0.2987" in shown.output
    assert "▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▃▃▅▅▅▅▁▁▁▁████▅▅▅▅▃▃▃▃▃▃▃▃▃▃▃▃▃▃" in shown.output
    assert "Nothing is wrong" in shown.output


def test_check_refuses_in_words(tmp_path: Path) -> None:
    path = tmp_path / "book.yml"
    path.write_text((EXAMPLES / "europe.yml").read_text().replace("up_to_kwh: 400", "up_to_kwh: 150"))

    shown = run("check", path)

    assert shown.exit_code == 1
    assert "tariff BLOCKS, version 2025-01-01, component energy: tier 2 ends at 150 kWh" in shown.output
    assert "Traceback" not in shown.output


def test_a_file_of_reads_is_rated(rate: Rate, tmp_path: Path) -> None:
    shown = rate()

    assert shown.exit_code == 0, shown.output
    assert "2 of 3 bills" in shown.output
    lines = list(csv.DictReader((tmp_path / "lines.csv").open()))
    energy = [line for line in lines if line["line_code"] == "energy" and line["contract_id"] == "A"]
    # 745 hours: the local clock shows two o'clock twice on the 25th.
    assert [(Decimal(line["quantity"]), Decimal(line["amount"])) for line in energy] == [
        (Decimal("372.5"), Decimal("89.03"))
    ]
    assert [(line["contract_id"], line["amount"], line["reason_code"]) for line in lines if line["reason_code"]] == [
        ("X", "", "no_tariff")
    ]


def test_lines_are_written_as_parquet(rate: Rate, tmp_path: Path) -> None:
    assert rate("lines.parquet").exit_code == 0

    table = pq.read_table(tmp_path / "lines.parquet")
    assert str(table.schema.field("amount").type) == "decimal128(18, 6)"


def test_bills_may_be_named(rate: Rate, tmp_path: Path) -> None:
    periods = tmp_path / "bills.csv"
    periods.write_text("billing_code,bill_from_on,bill_to_on\nmonth,2026-10-01,2026-10-10\n")

    assert rate("lines.csv", "--bills", periods).exit_code == 0

    lines = list(csv.DictReader((tmp_path / "lines.csv").open()))
    assert {(line["contract_id"], line["bill_to_on"]) for line in lines} == {("A", "2026-10-10"), ("X", "2026-10-10")}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("0.25", "much", "line 2, column used: kWh are a number"),
        ("2026-10-01 00:00", "1 Oct", "line 2, column when: a time is written like"),
        ("customer", "cust", "has no column customer. Its columns: cust, used, when"),
        ("2026-10-01 00:30", "2026-10-01 00:00", "column when: an interval is given twice"),
    ],
)
def test_reads_that_cannot_be_used_are_refused(rate: Rate, reads: Path, old: str, new: str, told: str) -> None:
    reads.write_text(reads.read_text().replace(old, new, 1))

    shown = rate()

    assert shown.exit_code == 1
    assert told in shown.output.replace("\n", " ")
    assert "Traceback" not in shown.output


@pytest.fixture
def audit(rate: Rate, tmp_path: Path) -> Rate:
    """Audit the bills that ``rate`` makes, after one line of them was changed."""

    def _audit(line_code: str, amount: str, *more: object) -> Result:
        assert rate().exit_code == 0
        lines = [line for line in csv.DictReader((tmp_path / "lines.csv").open()) if not line["reason_code"]]
        with (tmp_path / "issued.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["bill_id", "contract_id", "period", "line_code", "quantity", "amount"])
            for line in lines:
                is_wrong = (line["contract_id"], line["line_code"]) == ("A", line_code)
                row = line["contract_id"], line["contract_id"], "2026-10-01", line["line_code"], line["quantity"]
                writer.writerow([*row, amount if is_wrong else line["amount"]])
        return run(
            "audit", "--tariffs", EXAMPLES / "europe.yml", "--reads", tmp_path / "reads.csv",
            "--contracts", tmp_path / "contracts.csv", "--issued", tmp_path / "issued.csv",
            "--out", tmp_path / "differences.csv", "--id", "customer", "--time", "when", "--value", "used", "--local",
            *more,
        )  # fmt: skip

    return _audit


def test_bills_that_were_issued_are_audited(audit: Rate, tmp_path: Path) -> None:
    shown = audit("energy", "90.00")

    assert shown.exit_code == 0, shown.output
    assert "1 of 2 bills are right to the last digit" in shown.output
    assert "no rule gives this amount" in shown.output
    found = list(csv.DictReader((tmp_path / "differences.csv").open()))
    assert [(row["contract_id"], row["line_code"], row["rule_code"], row["reason_code"]) for row in found] == [
        ("A", "energy", "unexplained", ""),
        ("X", "not_compared", "", "no_tariff"),
    ]
    # 372.5 kWh are 89.03.
    assert Decimal(found[0]["difference"]) == Decimal("0.97")
    assert found[1]["difference"] == ""


def test_bills_that_are_right_have_no_difference(audit: Rate, tmp_path: Path) -> None:
    shown = audit("none", "0", "--reads-then", tmp_path / "reads.csv")

    assert shown.exit_code == 0, shown.output
    assert "2 of 2 bills are right to the last digit" in shown.output
    assert "Differences" not in shown.output


def test_bills_that_cannot_be_used_are_refused(audit: Rate) -> None:
    shown = audit("energy", "much")

    assert shown.exit_code == 1
    assert "issued.csv, line 2, column amount: it is a number" in shown.output.replace("\n", " ")
    assert "Traceback" not in shown.output


def test_every_rule_is_told_in_words() -> None:
    assert {*RULES, *BY_LINE, "estimated_then_measured"} == set(MEANINGS)

"""A hand-over fails closed: bad rows, rules that cannot be computed and empty tables all stop the chain."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import great_expectations.expectations as gxe
import pytest

import expectations
from meterwise.settings import Settings
from meterwise.validation import DataQualityError, HandOver, validate
from meterwise.warehouse import Warehouse

DAY = "2026-07-15"


@pytest.fixture
def scores(warehouse: Warehouse) -> Warehouse:
    warehouse.execute(
        f"create schema publish; create table publish.t as select i as v, date '{DAY}' as as_of_date "
        "from range(100) r(i)"
    )
    return warehouse


def test_good_rows_pass_and_are_documented(scores: Warehouse, settings: Settings) -> None:
    rule = gxe.ExpectColumnValuesToBeBetween(column="v", min_value=0, max_value=99)

    verdict = validate(HandOver("publish.t", [rule]), DAY, settings=settings)

    assert (verdict.rows, verdict.checked, verdict.breaches) == (100, 1, ())
    assert (settings.data_docs_path / "index.html").exists()
    assert verdict.docs_url.startswith(settings.data_docs_path.resolve().as_uri() + "/validations/publish/t/")
    assert "expect" in Path(unquote(urlsplit(verdict.docs_url).path)).read_text().lower()


def test_a_critical_breach_raises_with_count_and_cure(scores: Warehouse, settings: Settings) -> None:
    rule = gxe.ExpectColumnValuesToBeBetween(column="v", min_value=10)

    with pytest.raises(DataQualityError, match="10 of 100 rows") as refusal:
        validate(HandOver("publish.t", [rule], cure="call the head-end"), DAY, settings=settings)

    assert "call the head-end" in str(refusal.value)


def test_a_warning_is_reported_and_lets_pass(scores: Warehouse, settings: Settings) -> None:
    rule = gxe.ExpectColumnValuesToBeBetween(column="v", min_value=10, severity="warning")

    verdict = validate(HandOver("publish.t", [rule]), DAY, settings=settings)

    assert [b.severity for b in verdict.breaches] == ["warning"]


def test_a_rule_that_cannot_be_computed_stops_the_chain(scores: Warehouse, settings: Settings) -> None:
    rule = gxe.ExpectColumnValuesToBeBetween(column="no_such_column", min_value=10, severity="warning")

    with pytest.raises(DataQualityError, match="could not be computed"):
        validate(HandOver("publish.t", [rule]), DAY, settings=settings)


def test_values_that_broke_a_rule_are_not_in_the_docs(warehouse: Warehouse, settings: Settings) -> None:
    warehouse.execute("create schema publish; create table publish.t as select 'Zyx-Planted-Name' as v")
    rule = gxe.ExpectColumnValuesToBeInSet(column="v", value_set=["a"])

    with pytest.raises(DataQualityError) as refusal:
        validate(HandOver("publish.t", [rule]), DAY, settings=settings)

    written = [p.read_text(errors="ignore") for p in (settings.home_path / "gx").rglob("*") if p.is_file()]
    assert written
    assert not any("Zyx-Planted-Name" in page for page in [*written, str(refusal.value)])


def test_the_warehouse_is_free_after_a_check(scores: Warehouse, settings: Settings) -> None:
    rule = gxe.ExpectTableRowCountToBeBetween(min_value=1)

    validate(HandOver("publish.t", [rule]), DAY, settings=settings)

    assert scores.arrow("select count(*) as n from publish.t")["n"].to_pylist() == [100]


def test_every_hand_over_has_a_suite_named_after_its_table() -> None:
    names = {name for landed in expectations.LANDED.values() for name in landed} | set(expectations.PUBLISHED)
    names |= {name for checked in expectations.WITHHELD.values() for name in checked}

    for name in names:
        found = expectations.hand_over(name)
        assert found.table.split(".")[1] == name
        assert any(str(rule.severity.value) == "critical" for rule in found.expectations)

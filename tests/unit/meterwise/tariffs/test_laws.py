"""Laws that hold for every bill, whatever the prices and the reads."""

from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal, localcontext
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_reads import tables

from meterwise.tariffs.bills import correction_lines, rate_tables
from meterwise.tariffs.model import TariffBook
from meterwise.tariffs.rating import INPUT, macros
from meterwise.warehouse.memory import in_memory

MONTH = [date(2026, 4, 1) + timedelta(days=day) for day in range(30)]
HOURS = 6
"""Hours of an interval; periods begin at multiples of it."""
CALENDAR = {
    "windows": [
        {"period": "peak", "hours": "06:00-12:00", "days": "workday"},
        {"period": "night", "hours": "18:00-06:00"},
    ],
    "otherwise": "day",
}
PERIODS = ("peak", "night", "day")
few = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))

cents = st.integers(1, 200).map(lambda cent: Decimal(cent).scaleb(-2))
kwh = st.integers(0, 40_000).map(lambda watt_hours: Decimal(watt_hours).scaleb(-3))
month_of_reads = st.lists(kwh, min_size=120, max_size=120)


@st.composite
def tiers(draw: st.DrawFn, by_period: bool, rising: bool = False) -> dict[str, Any]:
    limits = sorted(draw(st.sets(st.integers(1, 1500), min_size=1, max_size=3)))
    prices = [{period: draw(cents) for period in PERIODS} for _ in range(len(limits) + 1)]
    if rising:
        prices = [
            {period: sum(row[period] for row in prices[: n + 1]) for period in PERIODS} for n in range(len(prices))
        ]
    blocks = [{"prices": row} if by_period else {"price": row["day"]} for row in prices]
    return {
        "code": "blocks",
        "kind": "tiers",
        "over": draw(st.sampled_from(["month", "year"])),
        "split": draw(st.sampled_from(["month", "day"])),
        "tiers": [
            {**block, **({"up_to_kwh": limit} if limit else {})}
            for block, limit in zip(blocks, [*limits, None], strict=True)
        ],
    }


@st.composite
def positive_components(draw: st.DrawFn) -> list[dict[str, Any]]:
    percent = st.integers(1, 3000).map(lambda hundredths: Decimal(hundredths).scaleb(-2))
    return [
        {"code": "energy", "kind": "energy", "prices": {period: draw(cents) for period in PERIODS}},
        draw(tiers(by_period=False)),
        {"code": "base", "kind": "standing", "price": draw(cents), "per": draw(st.sampled_from(["day", "month"]))},
        {"code": "demand", "kind": "capacity", "by": "contracted", "price": draw(cents)},
        {"code": "levy", "kind": "surcharge", "price": draw(cents)},
        {"code": "share", "kind": "surcharge", "percent": draw(percent), "of": ["energy", "blocks"]},
        {"code": "least", "kind": "minimum", "amount": Decimal(draw(st.integers(1, 900)))},
        {"code": "vat", "kind": "tax", "percent": draw(percent)},
    ]


def book(*versions: dict[str, Any]) -> TariffBook:
    named = [{"calendar": CALENDAR, "valid_from": date(2020, 1, 1), **version} for version in versions]
    return TariffBook.model_validate(
        {"currency": "CNY", "timezone": "Asia/Shanghai", "tariffs": [{"code": "T", "versions": named}]}
    )


def rated(tariffs: TariffBook, months: dict[str, list[Decimal]], bills: tuple[str, ...] = ("2026-04",)) -> list[Any]:
    """Bill lines of some contracts, each with the reads of a month."""
    return lines_of(tariffs, months, bills).to_pylist()


def lines_of(tariffs: TariffBook, months: dict[str, list[Decimal]], bills: tuple[str, ...] = ("2026-04",)) -> pa.Table:
    return rate_tables(tariffs, relations_of(months, bills))


def relations_of(months: dict[str, list[Decimal]], bills: tuple[str, ...] = ("2026-04",)) -> dict[str, pa.Table]:
    """What is rated: some contracts, each with the reads of a month."""
    made = tables({"bills": bills, "timezone": "Asia/Shanghai"}, [])
    rows, spans = [], []
    for contract, values in months.items():
        for place, value in enumerate(values):
            at = (date(2026, 3, 31).toordinal() - date(1970, 1, 1).toordinal()) * 24 + 16 + HOURS * place
            rows.append((contract, "import", at * 3_600_000_000, 60 * HOURS, value, False))
        spans.append((contract, contract, "T", "cycle", date(2026, 4, 1), None, Decimal(10)))
    return {**made, "intervals": as_table("intervals", rows), "contract_spans": as_table("contract_spans", spans)}


def as_table(name: str, rows: list[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, INPUT[name], strict=True)], schema=INPUT[name]
    )


def total(lines: list[Any], contract: str = "c") -> Decimal:
    return sum((line["amount"] for line in lines if line["contract_id"] == contract), Decimal(0))


@few
@given(positive_components(), month_of_reads, st.integers(0, 119), kwh)
def test_more_kwh_never_cost_less(
    components: list[dict[str, Any]], reads: list[Decimal], place: int, more: Decimal
) -> None:
    with_more = [value + more if n == place else value for n, value in enumerate(reads)]

    lines = rated(book({"components": components}), {"less": reads, "more": with_more})

    assert total(lines, "more") >= total(lines, "less") > 0


@few
@given(tiers(by_period=True, rising=True), month_of_reads, st.integers(0, 119), kwh)
def test_more_kwh_never_cost_less_where_blocks_have_hours(
    blocks: dict[str, Any], reads: list[Decimal], place: int, more: Decimal
) -> None:
    with_more = [value + more if n == place else value for n, value in enumerate(reads)]

    lines = rated(book({"components": [blocks]}), {"less": reads, "more": with_more})

    # A kWh more moves kWh of all periods into a dearer block, so a line may fall and be rounded against another: at
    # most half a cent for each line of either bill.
    assert total(lines, "more") >= total(lines, "less") - Decimal("0.005") * len(lines)


@few
@given(st.booleans().flatmap(lambda by_period: tiers(by_period)), month_of_reads)
def test_the_parts_are_the_whole(blocks: dict[str, Any], reads: list[Decimal]) -> None:
    energy = {"code": "energy", "kind": "energy", "prices": dict.fromkeys(PERIODS, Decimal("0.1"))}
    vat = {"code": "vat", "kind": "tax", "percent": 10}

    lines = rated(book({"components": [energy, blocks, vat]}), {"c": reads})

    for code in ("energy", "blocks"):
        assert sum(line["quantity"] for line in lines if line["line_code"] == code) == sum(reads)
    (tax,) = (line for line in lines if line["line_code"] == "vat")
    assert tax["quantity"] == total(lines) - tax["amount"]


@few
@given(st.integers(1, 29), st.data())
def test_a_month_split_at_any_day_is_the_month(days: int, data: st.DataObject) -> None:
    """Where it must: each kWh for itself, fixed charges by the day, blocks of the year. Blocks of a month do not."""
    whole = st.integers(0, 40).map(Decimal)
    reads = data.draw(st.lists(whole, min_size=120, max_size=120))
    # Whole kWh, whole limits and whole cents, so that no line is rounded and the law is exact.
    year = data.draw(tiers(by_period=False)) | {"over": "year", "partial_year": "full"}
    components = [
        {"code": "energy", "kind": "energy", "prices": {period: data.draw(cents) for period in PERIODS}},
        year,
        {"code": "base", "kind": "standing", "price": Decimal("30.00")},
        {"code": "meter", "kind": "standing", "per": "day", "price": data.draw(cents)},
        {"code": "capacity", "kind": "capacity", "by": "contracted", "price": Decimal(3)},
        {"code": "levy", "kind": "surcharge", "price": data.draw(cents)},
    ]
    cut = MONTH[days]
    once = rated(book({"components": components}), {"c": reads})

    by_version = rated(book({"components": components}, {"components": components, "valid_from": cut}), {"c": reads})

    assert {line["from_on"] for line in by_version} == {MONTH[0], cut}
    assert total(by_version) == total(once)
    # Two bills: a month's charge knows only the month that its bill is, so it is left out.
    by_bill = [part for part in components if part["code"] not in {"base", "capacity"}]
    halves = (f"2026-04-01..{cut - timedelta(days=1)}", f"{cut}..2026-04-30")
    assert total(rated(book({"components": by_bill}), {"c": reads}, halves)) == total(
        rated(book({"components": by_bill}), {"c": reads})
    )


@few
@given(positive_components(), st.lists(month_of_reads, min_size=2, max_size=4))
def test_one_customer_is_rated_as_among_many(components: list[dict[str, Any]], months: list[list[Decimal]]) -> None:
    tariffs = book({"components": components})
    many = {f"c{number}": month for number, month in enumerate(months)}

    together = rated(tariffs, many)

    alone = [line for contract, month in many.items() for line in rated(tariffs, {contract: month})]
    assert together == alone


@few
@given(positive_components(), month_of_reads, month_of_reads)
def test_what_was_billed_and_its_correction_are_the_bill(
    components: list[dict[str, Any]], estimated: list[Decimal], measured: list[Decimal]
) -> None:
    tariffs = book({"components": components})
    billed, again = lines_of(tariffs, {"c": estimated}), lines_of(tariffs, {"c": measured})

    difference = correction_lines(again, billed).to_pylist()

    assert total(billed.to_pylist()) + sum(line["amount"] for line in difference) == total(again.to_pylist())


MODES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "down": ROUND_DOWN, "up": ROUND_UP}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(-(10**24), 10**24), st.integers(1, 10**10)), min_size=1, max_size=50))
def test_rounding_is_that_of_decimal_arithmetic(fractions: list[tuple[int, int]]) -> None:
    halves = [(number * 5, 10) for number, _ in fractions]
    rounded = macros("duckdb")["rounded_whole"]
    with in_memory() as connection, localcontext() as context:
        context.prec = 60
        for mode, decimal_mode in MODES.items():
            for number, divisor in [*fractions[:3], *halves[:3]]:
                ((found,),) = connection.execute(
                    f"select {rounded('number', 'divisor', 'mode')} "
                    f"from (select {number}::hugeint as number, {divisor}::hugeint as divisor, '{mode}' as mode)"
                ).fetchall()
                assert found == int((Decimal(number) / divisor).quantize(Decimal(1), decimal_mode))

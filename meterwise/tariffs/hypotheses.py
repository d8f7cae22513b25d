"""What a utility may have done instead of what its tariff says: each hypothesis is a tariff, and can be rated.

Nothing is guessed from a difference. A hypothesis explains a bill if rating by it meets the bill to the last digit; in
which order they are tried is said once in ``RULES``.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import combinations, permutations
from typing import Any

import pyarrow as pa

from meterwise.tariffs.components import Component, Tiers
from meterwise.tariffs.model import Tariff, TariffBook, Version

RULES = (
    "rounding",
    "other_version",
    "charged_in_full",
    "charged_by_days",
    "limits_in_full",
    "limits_by_days",
    "limit_not_applied",
    "periods_swapped",
    "period_mistaken",
    "holidays_ignored",
    "line_missing",
    "reads_changed",
    "meter_multiplier",
    "billed_twice",
    "wrong_tariff",
)
"""Rules that are hypotheses, in the order in which they are tried; docs/tariffs.md says what each means."""
FACTORS = ("0.001", "0.01", "0.1", "10", "100", "1000")
TIMES = ("2", "3")
APART = "\x1f"
"""Between the name of a tariff and the hypothesis that is tried on it; no name has it."""
SCHEMA = pa.schema(
    {
        "hypothesis_no": pa.int32(),
        "rule_code": pa.string(),
        "rule_detail": pa.string(),
        "basis": pa.string(),
        "factor": pa.decimal128(18, 6),
        "tariff_code": pa.string(),
        "tried_tariff_code": pa.string(),
    }
)
"""One row per hypothesis and tariff. ``basis`` says what is another: the tariff, the reads (as they were known when the
bill was made), the kWh (times ``factor``) or the amounts (times ``factor``); only the first has tariffs."""

Key = tuple[int, str]
"""Place in ``RULES``, and what tells hypotheses of one rule apart."""
Change = tuple[str, str, Version]
"""Rule, detail, and a version changed by it."""


def with_hypotheses(book: TariffBook) -> tuple[TariffBook, pa.Table]:
    """Return a book with a further tariff for each hypothesis on each of its tariffs, and the table of hypotheses."""
    made = {
        ((RULES.index(rule), detail), tariff.code): changed
        for tariff in book.tariffs
        for rule, detail, changed in _changed_tariffs(tariff)
    }
    codes = [tariff.code for tariff in book.tariffs]
    wrong = [((RULES.index("wrong_tariff"), other), own) for own, other in permutations(codes, 2)]
    plain: list[tuple[Key, str, str | None]] = [
        ((RULES.index("reads_changed"), ""), "reads", None),
        *(((RULES.index("meter_multiplier"), factor), "kwh", factor) for factor in FACTORS),
        *(((RULES.index("billed_twice"), times), "amounts", times) for times in TIMES),
    ]
    keys = {key for key, _ in (*made, *wrong)} | {key for key, *_ in plain}
    numbers = {key: number for number, key in enumerate(sorted(keys, key=_rank), 1)}
    tariffs = list(book.tariffs)
    rows = [_row(numbers, key, "tariff", tariff_code=own, tried_tariff_code=key[1]) for key, own in wrong]
    for (key, own), changed in made.items():
        tried = f"{own}{APART}{numbers[key]}"
        tariffs.append(changed.model_copy(update={"code": tried}))
        rows.append(_row(numbers, key, "tariff", tariff_code=own, tried_tariff_code=tried))
    rows += [_row(numbers, key, basis, factor=Decimal(factor) if factor else None) for key, basis, factor in plain]
    return book.model_copy(update={"tariffs": tuple(tariffs)}), pa.Table.from_pylist(rows, SCHEMA)


def _rank(key: Key) -> tuple[int, Decimal, str]:
    """Order of hypotheses: by rule, then numbers as numbers."""
    rule_no, detail = key
    return rule_no, Decimal(detail) if detail in {*FACTORS, *TIMES} else Decimal(0), detail


def _row(numbers: Mapping[Key, int], key: Key, basis: str, **more: Decimal | str | None) -> dict[str, Any]:
    rule_no, detail = key
    named = {"hypothesis_no": numbers[key], "rule_code": RULES[rule_no], "rule_detail": detail or None, "basis": basis}
    return {**named, **more}


def _changed_tariffs(tariff: Tariff) -> Iterator[tuple[str, str, Tariff]]:
    """Yield rule, detail and the tariff as the rule makes it; versions that a rule does not touch stay as they are."""
    versions = tariff.versions
    for version in versions if len(versions) > 1 else ():
        always = {"valid_from": versions[0].valid_from, "valid_to": tariff.spans()[-1][1]}
        alone = version.model_copy(update=always)
        yield "other_version", str(version.valid_from), tariff.model_copy(update={"versions": (alone,)})
    found: dict[tuple[str, str], dict[int, Version]] = {}
    for place, version in enumerate(versions):
        for rule, detail, changed in _changed_versions(version):
            found.setdefault((rule, detail), {})[place] = changed
    for (rule, detail), changes in found.items():
        changed_versions = tuple(changes.get(place, version) for place, version in enumerate(versions))
        yield rule, detail, tariff.model_copy(update={"versions": changed_versions})


def _changed_versions(version: Version) -> Iterator[Change]:
    yield from _other_rounding(version)
    for component in version.components:
        for rule, detail, changed in _changed_components(component):
            parts = tuple(changed if part is component else part for part in version.components)
            yield rule, detail, version.model_copy(update={"components": parts})
        left = tuple(part for part in version.components if part.code != component.code)
        if left:
            yield "line_missing", component.code, version.model_copy(update={"components": left})
    yield from _other_periods(version)
    if version.calendar:
        calendar = version.calendar.model_copy(update={"observes_holidays": False})
        yield "holidays_ignored", "", version.model_copy(update={"calendar": calendar})


def _other_rounding(version: Version) -> Iterator[Change]:
    for mode in ("half_up", "half_even", "down", "up"):
        if mode != version.rounding.mode:
            other = version.rounding.model_copy(update={"mode": mode})
            yield "rounding", mode, version.model_copy(update={"rounding": other})


def _changed_components(component: Component) -> Iterator[tuple[str, str, Component]]:
    code = component.code
    if isinstance(component, Tiers):
        field = "partial_month" if component.over == "month" else "partial_year"
        for other in {"full", "by_days"} - {getattr(component, field)}:
            rule = "limits_in_full" if other == "full" else "limits_by_days"
            yield rule, code, component.model_copy(update={field: other})
        for place, tier in enumerate(component.tiers[:-1]):
            last = tier.model_copy(update={"up_to_kwh": None})
            tiers = (*component.tiers[:place], last)
            yield "limit_not_applied", f"{code} {tier.up_to_kwh:f} kWh", component.model_copy(update={"tiers": tiers})
    elif hasattr(component, "partial_month"):
        rule, other = (
            ("charged_in_full", "full") if component.partial_month == "by_days" else ("charged_by_days", "by_days")
        )
        yield rule, code, component.model_copy(update={"partial_month": other})


def _other_periods(version: Version) -> Iterator[Change]:
    for first, second in combinations(version.periods, 2):
        both = {first: second, second: first}
        yield "periods_swapped", f"{first} / {second}", _repriced(version, both)
    for billed, instead in permutations(version.periods, 2):
        yield "period_mistaken", f"{billed} as {instead}", _repriced(version, {billed: instead})


def _repriced(version: Version, instead: dict[str, str]) -> Version:
    """Return a version whose periods have the prices of others, where those have one."""

    def prices_of(part: Any) -> Any:
        prices = part.prices
        return part.model_copy(
            update={"prices": {name: prices.get(instead.get(name, name), price) for name, price in prices.items()}}
        )

    parts: list[Component] = []
    for component in version.components:
        if isinstance(component, Tiers):
            parts.append(component.model_copy(update={"tiers": tuple(map(prices_of, component.tiers))}))
        else:
            parts.append(prices_of(component) if getattr(component, "prices", None) else component)
    return version.model_copy(update={"components": tuple(parts)})

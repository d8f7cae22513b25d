"""A book that cannot be used says where, what and what to do."""

from pathlib import Path

import pytest

from meterwise.tariffs.book_file import parse_book, read_book
from meterwise.tariffs.problems import TariffBookError
from meterwise.tariffs.public_days import public_days

EXAMPLES = Path(__file__).parents[4] / "examples" / "tariffs"
HEAD = """\
currency: EUR
timezone: Europe/Berlin
tariffs:
  - code: HOME
    versions:
"""
PLAIN = "        components: [{code: energy, kind: energy, price: 0.30}]\n"


def version(text: str, first: str = "2026-01-01") -> str:
    return f"{HEAD}      - valid_from: {first}\n{text}"


def windows(*rows: str, more: str = "") -> str:
    listed = "".join(f"            - {row}\n" for row in rows)
    return version(
        f"        calendar:\n{more}          windows:\n{listed}"
        "        components: [{code: energy, kind: energy, prices: {peak: 1, valley: 2}}]\n"
    )


def component(text: str) -> str:
    return version(f"        components:\n          - {text}\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            windows('{period: peak, hours: "08:00-22:00"}', '{period: valley, hours: "23:00-08:00"}'),
            "line 7, tariff HOME, version 2026-01-01, field calendar: no period holds from 22:00 to 23:00 (workday)",
            id="gap of periods",
        ),
        pytest.param(
            windows('{period: peak, hours: "08:00-22:00"}', '{period: valley, hours: "21:30-08:00"}'),
            "peak and valley overlap at 21:30 (workday)",
            id="overlap of periods",
        ),
        pytest.param(
            windows(
                '{period: peak, days: workday, hours: "00:00-24:00"}',
                '{period: valley, days: weekend, hours: "00:00-24:00"}',
            ),
            "no period holds from 00:00 to 24:00 (holiday)",
            id="no period on holidays",
        ),
        pytest.param(
            windows(
                '{period: peak, season: summer, hours: "00:00-24:00"}',
                more="          otherwise: valley\n          seasons: {summer: 06-01..08-31, winter: 09-02..05-31}\n",
            ),
            "no season holds 09-01 (1 days missing)",
            id="gap of seasons",
        ),
        pytest.param(
            windows(
                '{period: peak, season: summer, hours: "00:00-24:00"}',
                more="          otherwise: valley\n          seasons: {summer: 06-01..09-30, winter: 09-15..05-31}\n",
            ),
            "seasons summer and winter overlap at 09-15",
            id="overlap of seasons",
        ),
        pytest.param(
            windows('{period: peak, hours: "8-22"}', more="          otherwise: valley\n"),
            "line 10, tariff HOME, version 2026-01-01, field calendar, field windows, entry 1, field hours",
            id="hours that are none",
        ),
        pytest.param(
            component(
                "{code: e, kind: tiers, tiers: [{up_to_kwh: 200, price: 1}, {up_to_kwh: 200, price: 2}, {price: 3}]}"
            ),
            "component e: tier 2 ends at 200 kWh, which is not above 200",
            id="tier that does not rise",
        ),
        pytest.param(
            component("{code: e, kind: tiers, tiers: [{up_to_kwh: 200, price: 1}]}"),
            "kWh above 200 have no price",
            id="last tier with a limit",
        ),
        pytest.param(
            HEAD
            + f"      - valid_from: 2025-01-01\n        valid_to: 2025-12-30\n{PLAIN}"
            + f"      - valid_from: 2026-01-01\n{PLAIN}",
            "line 4, tariff HOME: no version holds between 2025-12-30 and 2026-01-01",
            id="gap of versions",
        ),
        pytest.param(
            HEAD
            + f"      - valid_from: 2025-01-01\n        valid_to: 2026-01-01\n{PLAIN}"
            + f"      - valid_from: 2026-01-01\n{PLAIN}",
            "versions 1 and 2 overlap from 2026-01-01 to 2026-01-01",
            id="overlap of versions",
        ),
        pytest.param(
            HEAD + f"      - valid_from: 2026-01-01\n{PLAIN}      - valid_from: 2025-01-01\n{PLAIN}",
            "version 2 does not begin after the one before it",
            id="versions in the wrong order",
        ),
        pytest.param(
            component("{code: e, kind: energy, price: 0.3o}"),
            "line 8, tariff HOME, version 2026-01-01, component e, field price",
            id="a price that is no number",
        ),
        pytest.param(
            component("{code: e, kind: energy, pirce: 0.3}"), "field pirce: Extra inputs", id="a key that is misspelt"
        ),
        pytest.param(component("{code: e, kind: enrgy, price: 0.3}"), "enrgy", id="a kind that is none"),
        pytest.param(
            component("{code: e, kind: energy, price: 1}\n          - {code: t, kind: tax, percent: 5, of: [f]}"),
            "t: `of` names f, which does not stand above it",
            id="a tax of nothing",
        ),
        pytest.param(
            component("{code: e, kind: energy, price: 1}\n          - {code: e, kind: energy, price: 2}"),
            "two components are called e",
            id="one code twice",
        ),
        pytest.param(
            component("{code: e, kind: power_factor, steps: [{from: 0.9, percent: 1}]}"),
            "no step holds a power factor below 0.9",
            id="power factors without a step",
        ),
        pytest.param(
            windows('{period: peak, hours: "08:00-22:00"}', more="          otherwise: night\n"),
            "energy: period valley is in no window of the calendar",
            id="price of a period that never is",
        ),
        pytest.param(
            windows(
                '{period: peak, hours: "08:00-22:00"}',
                '{period: noon, hours: "22:00-23:00"}',
                more="          otherwise: valley\n",
            ),
            "energy: period noon has no price",
            id="period without a price",
        ),
        pytest.param(
            version(PLAIN).replace("Europe/Berlin", "Berlin"), "line 2, field timezone: 'Berlin'", id="no zone"
        ),
        pytest.param(version(PLAIN + PLAIN), "line 8: `components` is given twice", id="a key twice"),
        pytest.param("currency: [", "is no YAML", id="no YAML"),
        pytest.param("", "is empty", id="empty"),
    ],
)
def test_a_bad_book_is_refused_in_words(text: str, told: str) -> None:
    with pytest.raises(TariffBookError) as refused:
        parse_book(text, "book.yml")

    assert str(refused.value).startswith("book.yml")
    assert told in str(refused.value)


def test_every_problem_has_a_line_of_its_own() -> None:
    text = component("{code: e, kind: energy, price: x}\n          - {code: f, kind: standing, price: y}")

    with pytest.raises(TariffBookError) as refused:
        parse_book(text, "book.yml")

    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == [
        "book.yml, line 8, tariff HOME, version 2026-01-01, component e, field price",
        "book.yml, line 9, tariff HOME, version 2026-01-01, component f, field price",
    ]


def test_prices_keep_every_digit() -> None:
    book = parse_book(component("{code: e, kind: energy, price: 0.10000001}"))

    assert str(book.tariffs[0].versions[0].components[0].price) == "0.10000001"  # type: ignore[union-attr]


def test_an_unknown_country_is_refused() -> None:
    book = parse_book(version(PLAIN).replace("timezone:", "country: XX\ntimezone:"))

    with pytest.raises(TariffBookError, match="country: XX"):
        public_days(book, [2026])


def test_china_works_on_some_weekends() -> None:
    days = public_days(read_book(EXAMPLES / "china.yml"), [2026])

    assert {str(day): kind for day, kind in days.items()}["2026-02-14"] == "workday"
    assert {str(day): kind for day, kind in days.items()}["2026-10-01"] == "holiday"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yml")), ids=lambda path: path.stem)
def test_the_examples_are_sound(path: Path) -> None:
    assert len(read_book(path).tariffs) >= 4

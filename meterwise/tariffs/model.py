"""What a book of tariffs may say, and what makes it unusable."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, field_validator, model_validator

from meterwise.sources.config import known_zones
from meterwise.tariffs.calendar import Calendar
from meterwise.tariffs.components import Bases, Capacity, Component, PowerFactor, Reactive, Tiers

FAR = date(9999, 12, 31)
"""Last day of what has no end."""
ALL_HOURS = "all"
"""Period of a tariff without time of use."""
DEEPEST = 5
"""Longest chain of percentages of percentages."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class Rounding(BaseModel, frozen=True, extra="forbid"):
    """Where and how amounts are rounded. The default is that of most sheets: each line to the cent, halves up."""

    to: Literal["1", "0.1", "0.05", "0.01", "0.001", "0.0001"] = Field(default="0.01", description="Smallest amount.")
    mode: Literal["half_up", "half_even", "down", "up"] = Field(
        default="half_up", description="half_up and up go away from zero, down towards it, half_even to even."
    )
    per: Literal["line", "bill"] = Field(
        default="line",
        description="Each line, or the bill: lines then keep six decimals, and `rounding` is a line.",
    )


class Reads(BaseModel, frozen=True, extra="forbid"):
    """Which reads a bill may be made of."""

    at_least_share: Annotated[Decimal, Field(gt=0, le=1, decimal_places=6)] = Field(
        default=Decimal("0.95"),
        description="Share of the bill's time that has reads, estimates included.",
    )
    round_kwh_to: Literal["exact", "1", "0.1", "0.01", "0.001"] = Field(
        default="exact", description="kWh of a period of the bill are rounded to it, halves up."
    )


class Version(BaseModel, frozen=True, extra="forbid"):
    """A tariff as it holds for some time."""

    valid_from: date = Field(description="First local day.")
    valid_to: date | None = Field(default=None, description="Last local day; default: until the next version.")
    calendar: Calendar | None = Field(default=None, description="Time of use; none: one price at all hours.")
    components: tuple[Component, ...] = Field(min_length=1, description="What is charged, in the order of the bill.")
    rounding: Rounding = Field(default_factory=Rounding, description="How amounts are rounded.")
    reads: Reads = Field(default_factory=Reads, description="Which reads a bill may be made of.")

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError(f"`valid_to` {self.valid_to} lies before `valid_from` {self.valid_from}")
        return self

    @model_validator(mode="after")
    def _components_fit(self) -> Self:
        codes = [component.code for component in self.components]
        double = next((code for code in codes if codes.count(code) > 1 and not self._by_season(code)), None)
        if double:
            raise ValueError(f"two components are called {double}; give each a code of its own, or a season of its own")
        if "rounding" in codes or "not_billed" in codes:
            raise ValueError("the codes `rounding` and `not_billed` are taken; choose another")
        for component in self.components:
            self._periods_known(component)
            unknown = set(component.season) - set(self.calendar.season_names if self.calendar else ())
            if unknown:
                raise ValueError(f"{component.code}: season {min(unknown)} is none of the calendar's; add it there")
        self._bases_above()
        self._one_tier_year()
        return self

    def _by_season(self, code: str) -> bool:
        seasons = [season for other in self.components if other.code == code for season in other.season or ("*",)]
        return "*" not in seasons and len(set(seasons)) == len(seasons)

    def _periods_known(self, component: Component) -> None:
        priced: tuple[object, ...] = component.tiers if isinstance(component, Tiers) else (component,)
        for prices in filter(None, (getattr(part, "prices", None) for part in priced)):
            needed = self.calendar.periods_in(component.season) if self.calendar else {ALL_HOURS}
            unknown, missing = set(prices) - set(self.periods), needed - set(prices)
            if unknown:
                raise ValueError(f"{component.code}: period {min(unknown)} is in no window of the calendar")
            if missing:
                raise ValueError(f"{component.code}: period {min(missing)} has no price; add it under `prices`")
        if isinstance(component, Capacity) and set(component.periods) - set(self.periods):
            raise ValueError(f"{component.code}: `periods` names one that is in no window of the calendar")

    def _bases_above(self) -> None:
        above: list[str] = []
        for component in self.components:
            of = named_bases(component)
            if of != "all" and (unknown := sorted(set(of) - set(above))):
                raise ValueError(
                    f"{component.code}: `of` names {unknown[0]}, which does not stand above it; move it up, or drop it"
                )
            above.append(component.code)
        if max(self.levels) > DEEPEST:
            raise ValueError(f"percentages stand on percentages more than {DEEPEST} times; name fewer under `of`")

    def _one_tier_year(self) -> None:
        tiers = [component for component in self.components if isinstance(component, Tiers)]
        if len({(tier.year, tier.year_begins) for tier in tiers if tier.over == "year"}) > 1:
            raise ValueError("components with tiers over the year must count the same year")
        if self.by_day and self.reads.round_kwh_to != "exact":
            raise ValueError("`round_kwh_to` cannot go with tiers by the day or the contract's year; leave it out")
        for tier in tiers:
            try:
                date.fromisoformat(f"2023-{tier.year_begins}")
            except ValueError:
                raise ValueError(f"{tier.code}: `year_begins: {tier.year_begins}` is not a day of every year") from None

    @property
    def periods(self) -> tuple[str, ...]:
        """Periods that have a price."""
        return self.calendar.periods if self.calendar else (ALL_HOURS,)

    @property
    def by_day(self) -> bool:
        """Whether the kWh of each day are needed, not only those of the bill."""
        return any(
            isinstance(component, Tiers)
            and (component.split == "day" or (component.over == "year" and component.year == "contract"))
            for component in self.components
        )

    @property
    def bases(self) -> list[tuple[int, ...]]:
        """For each component, the places of those that it is a percentage of (or adds up to a minimum)."""
        found: list[tuple[int, ...]] = []
        for place, component in enumerate(self.components):
            above = range(place)
            if not stands_on_others(component):
                found.append(())
                continue
            of = named_bases(component)
            found.append(tuple(other for other in above if of == "all" or self.components[other].code in of))
        return found

    @property
    def levels(self) -> list[int]:
        """For each component, how many steps it stands above those that stand on nothing but reads and days."""
        found: list[int] = []
        for place, bases in enumerate(self.bases):
            on_others = stands_on_others(self.components[place])
            found.append(1 + max((found[base] for base in bases), default=0) if on_others else 0)
        return found

    @property
    def needs_reactive(self) -> bool:
        """Whether it cannot be rated without kvarh."""
        return any(isinstance(component, PowerFactor | Reactive) for component in self.components)


def named_bases(component: Component) -> Bases:
    """Return the components whose amounts one is worked out from, as the book names them."""
    return getattr(component, "of", "all")


def stands_on_others(component: Component) -> bool:
    """Return whether a component is worked out from the amounts of others."""
    return component.kind in {"power_factor", "tax", "minimum"} or getattr(component, "percent", None) is not None


class Tariff(BaseModel, frozen=True, extra="forbid"):
    """A tariff that contracts name.

    Invariants:
        Versions follow each other without a gap and without an overlap.
    """

    code: Text = Field(description="Code that contracts carry.")
    name: Text | None = Field(default=None, description="Name for people.")
    source: str | None = Field(default=None, description="Where its prices were published.")
    versions: tuple[Version, ...] = Field(min_length=1, description="Versions, the oldest first.")

    @model_validator(mode="after")
    def _one_after_another(self) -> Self:
        for number, (earlier, later) in enumerate(pairwise(self.versions), 2):
            if later.valid_from <= earlier.valid_from:
                raise ValueError(f"version {number} does not begin after the one before it; put the oldest first")
            if earlier.valid_to is None:
                continue
            if earlier.valid_to >= later.valid_from:
                raise ValueError(
                    f"versions {number - 1} and {number} overlap from {later.valid_from} to {earlier.valid_to}; end "
                    "the earlier one the day before, or leave its `valid_to` out"
                )
            if earlier.valid_to + timedelta(days=1) < later.valid_from:
                raise ValueError(
                    f"no version holds between {earlier.valid_to} and {later.valid_from}; close the gap, or leave "
                    f"`valid_to` of version {number - 1} out"
                )
        return self

    def spans(self) -> list[tuple[date, date]]:
        """Return first and last day of each version."""
        starts = [version.valid_from for version in self.versions]
        nexts = [*(start - timedelta(days=1) for start in starts[1:]), FAR]
        return [
            (version.valid_from, version.valid_to or following)
            for version, following in zip(self.versions, nexts, strict=True)
        ]


class TariffBook(BaseModel, frozen=True, extra="forbid"):
    """The tariffs of one utility."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field(description="ISO currency of every amount.")
    timezone: str = Field(description="IANA zone whose days and hours the tariffs mean.")
    country: str | None = Field(
        default=None, description="Country, or part such as DE-BY, whose public holidays count; none: `holidays` alone."
    )
    holidays: tuple[date, ...] = Field(default=(), description="Further days that count as holidays.")
    workdays: tuple[date, ...] = Field(default=(), description="Days that count as workdays whatever they are.")
    tariffs: tuple[Tariff, ...] = Field(min_length=1, description="Tariffs.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in known_zones():
            raise ValueError(f"'{name}' is not an IANA time zone such as Europe/Berlin or Asia/Shanghai")
        return name

    @model_validator(mode="after")
    def _codes_differ(self) -> Self:
        codes = [tariff.code for tariff in self.tariffs]
        double = next((code for code in codes if codes.count(code) > 1), None)
        if double:
            raise ValueError(f"two tariffs have the code {double}; a later price is another version of the same")
        both = set(self.holidays) & set(self.workdays)
        if both:
            raise ValueError(f"{min(both)} stands under `holidays` and under `workdays`; keep one")
        return self

"""What a book of tariffs says, at a glance: prices, and each kind of day as a row of half-hours."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from meterwise.tariffs.calendar import DAY_KINDS, DAY_MINUTES, Calendar, clock
from meterwise.tariffs.components import Capacity, Component, PowerFactor, Tiers
from meterwise.tariffs.model import FAR, Tariff, Version

LEVELS = "▁▂▃▄▅▆▇█"
STEP = 30
MOST_STEPS = 4


@dataclass(frozen=True)
class DrawnDay:
    """A kind of day: a sign for each half-hour, the higher the dearer.

    Attributes:
        name: Season and kinds of day that are alike.
        signs: 48 signs.
        hours: Periods with their hours, for reading.
    """

    name: str
    signs: str
    hours: str


def price_lines(version: Version) -> Iterator[tuple[str, str, str]]:
    """Yield code, kind and price of each component, in words."""
    for component in version.components:
        season = f" ({', '.join(component.season)})" if component.season else ""
        yield component.code + season, component.kind, _price(component)


def drawn_days(calendar: Calendar, version: Version) -> Iterator[DrawnDay]:
    """Yield the days of a calendar, those of a season that are alike once."""
    signs = period_signs(version)
    for season in calendar.season_names:
        alike: dict[tuple[tuple[int, int, str], ...], list[str]] = {}
        for kind in DAY_KINDS:
            alike.setdefault(tuple(calendar.spans(season, kind)), []).append(kind)
        for spans, kinds in alike.items():
            names = "every day" if len(kinds) == len(DAY_KINDS) else ", ".join(kinds)
            yield DrawnDay(
                f"{season}: {names}" if calendar.seasons else names,
                "".join(signs[_period(spans, minute)] for minute in range(0, DAY_MINUTES, STEP)),
                ", ".join(f"{clock(first)}-{clock(last)} {period}" for first, last, period in spans),
            )
    for peak in calendar.critical:
        days = f"{len(peak.dates)} days, {min(peak.dates)} to {max(peak.dates)}"
        yield DrawnDay(f"critical: {days}", "", f"{', '.join(peak.hours)} {peak.period}")


def period_signs(version: Version) -> dict[str, str]:
    """Return the sign of each period: the dearer its energy, the higher."""
    costs: dict[str, Decimal] = dict.fromkeys(version.periods, Decimal(0))
    for component in version.components:
        parts: tuple[Any, ...] = component.tiers[:1] if isinstance(component, Tiers) else (component,)
        for part in parts:
            for period, price in (getattr(part, "prices", None) or {}).items():
                costs[period] += price
    ranks = sorted(set(costs.values()))
    top = max(len(ranks) - 1, 1)
    return {period: LEVELS[ranks.index(cost) * (len(LEVELS) - 1) // top] for period, cost in costs.items()}


def validity(tariff: Tariff) -> list[str]:
    """Return from when to when each version holds, in words."""
    return [f"from {first}" if last == FAR else f"{first} to {last}" for first, last in tariff.spans()]


def _period(spans: tuple[tuple[int, int, str], ...], minute: int) -> str:
    return next(period for first, last, period in spans if first <= minute < last)


def _price(component: Component) -> str:
    if isinstance(component, Tiers):
        return (
            "; ".join(
                f"{'to ' + _number(tier.up_to_kwh) if tier.up_to_kwh else 'then'}: {_prices(tier)}"
                for tier in component.tiers
            )
            + f" (kWh of the {component.over})"
        )
    if isinstance(component, PowerFactor):
        steps = sorted(component.steps, key=lambda step: step.from_, reverse=True)
        words = [f"from {_number(step.from_)}: {_number(step.percent)} %" for step in steps]
        shown = words if len(words) <= MOST_STEPS else [*words[:2], "…", *words[-2:]]
        return f"{'; '.join(shown)}, of {_bases(component)}"
    if isinstance(component, Capacity):
        which = "contracted kW" if component.by == "contracted" else f"highest {component.minutes} minutes"
        return f"{_number(component.price)} per kW and month, {which}"
    return _simple_price(component)


def _simple_price(component: Any) -> str:
    percent, amount = getattr(component, "percent", None), getattr(component, "amount", None)
    if percent is not None:
        return f"{_number(percent)} % of {_bases(component)}"
    if component.kind == "standing" or amount is not None:
        return f"{_number(amount if amount is not None else component.price)} per {getattr(component, 'per', 'month')}"
    limit = getattr(component, "up_to_kwh", None)
    return _prices(component) + (f", to {_number(limit)} kWh a month" if limit else "")


def _prices(part: Any) -> str:
    by_period = getattr(part, "prices", None)
    if not by_period:
        return _number(part.price)
    return ", ".join(f"{period} {_number(price)}" for period, price in by_period.items())


def _bases(component: Any) -> str:
    return "all above" if component.of == "all" else ", ".join(component.of)


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"

"""A book of tariffs as small tables, which the SQL in ``dbt_project/macros/rating`` rates by.

Money, energy and shares are whole numbers here, since engines divide decimals differently: prices in 1e-8 of the
currency (``_e8``), kWh and amounts in millionths (``_micro``), percent and shares in millionths (``_e6``).
Nothing is worked out here that a bill shows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from meterwise.tariffs.calendar import DAY_KINDS, DAY_MINUTES, WEEKDAYS, WHOLE_YEAR
from meterwise.tariffs.components import (
    Capacity,
    Component,
    Credit,
    FeedIn,
    Minimum,
    PowerFactor,
    Reactive,
    Standing,
    Tiers,
)
from meterwise.tariffs.model import ALL_HOURS, TariffBook, Version

TABLES: dict[str, pa.Schema] = {
    "tariff_versions": pa.schema(
        {
            "version_no": pa.int32(),
            "tariff_code": pa.string(),
            "valid_from_on": pa.date32(),
            "valid_to_on": pa.date32(),
            "currency": pa.string(),
            "unit_micro": pa.int64(),
            "rounding_mode": pa.string(),
            "rounds_bill": pa.bool_(),
            "kwh_step_micro": pa.int64(),
            "least_read_share_e6": pa.int64(),
            "cuts_by_season": pa.bool_(),
            "tier_year_mmdd": pa.int32(),
            "counts_contract_year": pa.bool_(),
            "keeps_days": pa.bool_(),
            "observes_holidays": pa.bool_(),
            "needs_import": pa.bool_(),
            "needs_export": pa.bool_(),
            "needs_reactive": pa.bool_(),
        }
    ),
    "tariff_seasons": pa.schema(
        {"version_no": pa.int32(), "season_code": pa.string(), "from_mmdd": pa.int32(), "to_mmdd": pa.int32()}
    ),
    "tariff_weekend_days": pa.schema({"version_no": pa.int32(), "iso_weekday": pa.int32()}),
    "tariff_windows": pa.schema(
        {
            "version_no": pa.int32(),
            "season_code": pa.string(),
            "day_kind": pa.string(),
            "from_minute": pa.int32(),
            "to_minute": pa.int32(),
            "period_code": pa.string(),
        }
    ),
    "tariff_critical_windows": pa.schema(
        {
            "version_no": pa.int32(),
            "critical_on": pa.date32(),
            "from_minute": pa.int32(),
            "to_minute": pa.int32(),
            "period_code": pa.string(),
        }
    ),
    "tariff_components": pa.schema(
        {
            "component_no": pa.int32(),
            "version_no": pa.int32(),
            "position_no": pa.int32(),
            "component_code": pa.string(),
            "component_kind": pa.string(),
            "basis": pa.string(),
            "level_no": pa.int32(),
            "channel": pa.string(),
            "price_e8": pa.int64(),
            "percent_e6": pa.int64(),
            "tier_over": pa.string(),
            "splits_by_day": pa.bool_(),
            "partial_month": pa.string(),
            "partial_year": pa.string(),
            "capacity_by": pa.string(),
            "demand_minutes": pa.int32(),
            "kw_step_micro": pa.int64(),
            "least_share_e6": pa.int64(),
            "free_share_e6": pa.int64(),
        }
    ),
    "tariff_component_seasons": pa.schema({"component_no": pa.int32(), "season_code": pa.string()}),
    "tariff_component_periods": pa.schema({"component_no": pa.int32(), "period_code": pa.string()}),
    "tariff_component_bases": pa.schema({"component_no": pa.int32(), "base_component_no": pa.int32()}),
    "tariff_prices": pa.schema(
        {
            "component_no": pa.int32(),
            "period_code": pa.string(),
            "line_period_code": pa.string(),
            "tier_no": pa.int32(),
            "from_kwh_micro": pa.int64(),
            "to_kwh_micro": pa.int64(),
            "price_e8": pa.int64(),
        }
    ),
    "tariff_power_factor_steps": pa.schema(
        {"component_no": pa.int32(), "from_hundredths": pa.int32(), "percent_e6": pa.int64()}
    ),
}
"""Tables of a compiled book; their columns are documented in docs/tariffs.md."""

Row = dict[str, Any]
ANY_SEASON = "*"
"""Season of a component that is always charged."""


def compile_book(book: TariffBook) -> dict[str, pa.Table]:
    """Return every table of ``TABLES``, filled from a book."""
    rows: dict[str, list[Row]] = {name: [] for name in TABLES}
    version_no = component_no = 0
    for tariff in book.tariffs:
        for version, (first, last) in zip(tariff.versions, tariff.spans(), strict=True):
            version_no += 1
            rows["tariff_versions"].append(
                {
                    "version_no": version_no,
                    "tariff_code": tariff.code,
                    "valid_from_on": first,
                    "valid_to_on": last,
                    "currency": book.currency,
                    **_version(version),
                }
            )
            for name, row in _calendar(version):
                rows[name].append({"version_no": version_no, **row})
            first_no = component_no + 1
            for place, component in enumerate(version.components):
                component_no += 1
                own = _Numbered(version, component, place, component_no, first_no)
                for name, row in own.rows():
                    rows[name].append({"component_no": component_no, **row})
                rows["tariff_components"][-1]["version_no"] = version_no
    return {name: pa.Table.from_pylist(rows[name], schema=schema) for name, schema in TABLES.items()}


def holiday_table(days: Mapping[date, str]) -> pa.Table:
    """Return the calendar that rating reads beside a book: local day and ``holiday`` or ``workday``."""
    schema = pa.schema({"day_on": pa.date32(), "day_kind": pa.string()})
    return pa.Table.from_pylist([{"day_on": day, "day_kind": kind} for day, kind in sorted(days.items())], schema)


def _scaled(value: Decimal | str, digits: int) -> int:
    return int(Decimal(value).scaleb(digits))


def _micro_step(step: str) -> int:
    return 1 if step == "exact" else _scaled(step, 6)


def _version(version: Version) -> Row:
    years = [part for part in version.components if isinstance(part, Tiers) and part.over == "year"]
    by_calendar = [int(part.year_begins.replace("-", "")) for part in years if part.year == "calendar"]
    channels = {_channel(part) for part in version.components}
    return {
        "unit_micro": _scaled(version.rounding.to, 6),
        "rounding_mode": version.rounding.mode,
        "rounds_bill": version.rounding.per == "bill",
        "kwh_step_micro": _micro_step(version.reads.round_kwh_to),
        "least_read_share_e6": _scaled(version.reads.at_least_share, 6),
        "cuts_by_season": any(part.season for part in version.components),
        "tier_year_mmdd": by_calendar[0] if by_calendar else None,
        "counts_contract_year": any(part.year == "contract" for part in years),
        "keeps_days": version.by_day,
        "observes_holidays": version.calendar is None or version.calendar.observes_holidays,
        "needs_import": "import" in channels,
        "needs_export": "export" in channels and "import" not in channels,
        "needs_reactive": version.needs_reactive,
    }


def _calendar(version: Version) -> Iterator[tuple[str, Row]]:
    calendar = version.calendar
    if calendar is None:
        yield "tariff_seasons", {"season_code": WHOLE_YEAR, "from_mmdd": 101, "to_mmdd": 1231}
        for kind in DAY_KINDS:
            yield "tariff_windows", _window(0, DAY_MINUTES, ALL_HOURS) | {"season_code": WHOLE_YEAR, "day_kind": kind}
        return
    for name, first, last in calendar.season_days():
        yield "tariff_seasons", {"season_code": name, "from_mmdd": first, "to_mmdd": last}
    for day in calendar.weekend:
        yield "tariff_weekend_days", {"iso_weekday": WEEKDAYS[day]}
    for season in calendar.season_names:
        for kind in DAY_KINDS:
            for span in _joined(calendar.spans(season, kind)):
                yield "tariff_windows", _window(*span) | {"season_code": season, "day_kind": kind}
    for peak in calendar.critical:
        for day_on in peak.dates:
            for first, last in peak.minutes:
                yield "tariff_critical_windows", _window(first, last, peak.period) | {"critical_on": day_on}


def _joined(spans: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Make one window of those of the same period that follow each other; a read may lie across both."""
    found: list[tuple[int, int, str]] = []
    for first, last, period in spans:
        if found and found[-1][2] == period:
            found[-1] = (found[-1][0], last, period)
        else:
            found.append((first, last, period))
    return found


def _window(first: int, last: int, period: str) -> Row:
    return {"from_minute": first, "to_minute": last, "period_code": period}


def _channel(component: Component) -> str | None:
    """Return the channel whose reads a component is worked out from; none where it needs no read of energy."""
    if isinstance(component, FeedIn):
        return "export"
    per_kwh = getattr(component, "price", None) is not None and component.kind in {"energy", "surcharge", "credit"}
    from_import = (
        per_kwh
        or bool(getattr(component, "prices", None))
        or isinstance(component, Tiers | Reactive | PowerFactor)
        or (isinstance(component, Capacity) and component.by == "demand")
    )
    return "import" if from_import else None


@dataclass(frozen=True)
class _Numbered:
    """A component with its number; those of its version are numbered from ``first_no`` on."""

    version: Version
    component: Component
    place: int
    number: int
    first_no: int

    def rows(self) -> Iterator[tuple[str, Row]]:
        component, basis = self.component, _basis(self.component)
        yield (
            "tariff_components",
            {
                "position_no": self.place + 1,
                "component_code": component.code,
                "component_kind": component.kind,
                "basis": basis,
                "level_no": self.version.levels[self.place],
                "channel": _channel(component),
                **_PARAMETERS.get(basis, lambda _: {})(component),
            },
        )
        for season in component.season or (ANY_SEASON,):
            yield "tariff_component_seasons", {"season_code": season}
        for base in self.version.bases[self.place]:
            yield "tariff_component_bases", {"base_component_no": self.first_no + base}
        if isinstance(component, Capacity):
            for period in component.periods or self.version.periods:
                yield "tariff_component_periods", {"period_code": period}
        if isinstance(component, PowerFactor):
            for step in component.steps:
                hundredths = int(step.from_ * 100)
                percent = _scaled(step.percent, 6)
                yield "tariff_power_factor_steps", {"from_hundredths": hundredths, "percent_e6": percent}
        if basis in {"kwh", "tiers"}:
            for row in _prices(component, self.version.periods):
                yield "tariff_prices", row


def _basis(component: Component) -> str:
    """Return how a component is worked out."""
    if isinstance(component, PowerFactor | Reactive | Minimum | Capacity | Tiers):
        return component.kind
    if getattr(component, "percent", None) is not None:
        return "percent"
    if isinstance(component, Standing) or (isinstance(component, Credit) and component.amount is not None):
        return component.per
    return "tiers" if getattr(component, "up_to_kwh", None) is not None else "kwh"


def _sign(component: Component) -> int:
    return -1 if isinstance(component, FeedIn | Credit) else 1


def _fixed(component: Any) -> Row:
    amount = component.price if component.kind == "standing" else component.amount
    return {"price_e8": _sign(component) * _scaled(amount, 8), "partial_month": component.partial_month}


_PARAMETERS: dict[str, Callable[[Any], Row]] = {
    "day": _fixed,
    "month": _fixed,
    "percent": lambda part: {"percent_e6": _sign(part) * _scaled(part.percent, 6)},
    "minimum": lambda part: {"price_e8": _scaled(part.amount, 8), "partial_month": part.partial_month},
    "reactive": lambda part: {"price_e8": _scaled(part.price, 8), "free_share_e6": _scaled(part.free_share, 6)},
    "capacity": lambda part: {
        "price_e8": _scaled(part.price, 8),
        "partial_month": part.partial_month,
        "capacity_by": part.by,
        "demand_minutes": part.minutes if part.by == "demand" else None,
        "kw_step_micro": _micro_step(part.round_kw_to),
        "least_share_e6": _scaled(part.at_least_share, 6),
    },
    "tiers": lambda part: {
        "tier_over": getattr(part, "over", "month"),
        "splits_by_day": getattr(part, "split", "month") == "day",
        "partial_month": part.partial_month,
        "partial_year": getattr(part, "partial_year", "full"),
    },
}


def _prices(component: Any, periods: Iterable[str]) -> Iterator[Row]:
    blocks: list[tuple[int | None, Decimal | None, Any]]
    if isinstance(component, Tiers):
        blocks = [(number, tier.up_to_kwh, tier) for number, tier in enumerate(component.tiers, 1)]
    else:
        limit = getattr(component, "up_to_kwh", None)
        blocks = [(None if limit is None else 1, limit, component)]
    start = Decimal(0)
    for number, end, priced in blocks:
        by_period = getattr(priced, "prices", None) or {}
        for period in periods:
            price = by_period.get(period, priced.price)
            if price is None:  # it does not occur in the seasons of the component
                continue
            yield {
                "period_code": period,
                "line_period_code": period if by_period else None,
                "tier_no": number,
                "from_kwh_micro": _scaled(start, 6),
                "to_kwh_micro": None if end is None else _scaled(end, 6),
                "price_e8": _sign(component) * _scaled(price, 8),
            }
        start = end or start

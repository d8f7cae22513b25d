"""What a tariff charges: one class for each kind of component, as a tariff analyst writes it down.

How each is worked out is said once, in ``dbt_project/macros/rating``.
"""

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from meterwise.tariffs.calendar import Code

Price = Annotated[Decimal, Field(max_digits=14, decimal_places=8)]
Percent = Annotated[Decimal, Field(max_digits=9, decimal_places=6)]
Kwh = Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=3)]
Partial = Literal["by_days", "full"]
Bases = Literal["all"] | tuple[Code, ...]


class _Component(BaseModel, frozen=True, extra="forbid"):
    """What every component can say."""

    code: Code = Field(description="Name of its lines on the bill.")
    season: tuple[Code, ...] = Field(default=(), description="Seasons in which it is charged; none named: always.")

    @field_validator("season", mode="before")
    @classmethod
    def _one_or_more(cls, given: object) -> object:
        return [given] if isinstance(given, str) else given


class _PerKwh(_Component, frozen=True):
    price: Price | None = Field(default=None, description="Price of a kWh at all hours.")
    prices: dict[Code, Price] = Field(default_factory=dict, description="Period: price of a kWh.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.price is None) == (not self.prices):
            raise ValueError("give either `price` or `prices` by period")
        return self


class _OfOthers(_Component, frozen=True):
    of: Bases = Field(default="all", description="Components above it that count; default: all above it.")

    @field_validator("of", mode="before")
    @classmethod
    def _one_or_more(cls, given: object) -> object:
        return [given] if isinstance(given, str) and given != "all" else given


class Energy(_PerKwh, frozen=True):
    """Each kWh at one price, or at the price of its period."""

    kind: Literal["energy"]


class FeedIn(_PerKwh, frozen=True):
    """Each kWh fed in, paid to the customer."""

    kind: Literal["feed_in"]


class Tier(BaseModel, frozen=True, extra="forbid"):
    """A block of kWh."""

    up_to_kwh: Kwh | None = Field(default=None, description="Where the block ends, counted from 0; the last has none.")
    price: Price | None = Field(default=None, description="Price of a kWh in it at all hours.")
    prices: dict[Code, Price] = Field(default_factory=dict, description="Period: price of a kWh in it.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.price is None) == (not self.prices):
            raise ValueError("give either `price` or `prices` by period")
        return self


class Tiers(_Component, frozen=True):
    """The first kWh at one price, the next at another."""

    kind: Literal["tiers"]
    over: Literal["month", "year"] = Field(default="month", description="What kWh are counted over.")
    year: Literal["calendar", "contract"] = Field(default="calendar", description="Which year `over: year` means.")
    year_begins: Annotated[str, Field(pattern=r"^\d\d-\d\d$")] = Field(
        default="01-01", description="First day of the calendar year that counts."
    )
    partial_month: Partial = Field(default="by_days", description="Limits of a month that is not whole.")
    partial_year: Literal["by_months", "by_days", "full"] = Field(
        default="by_months", description="Limits of the year in which a customer moves in; begun months count whole."
    )
    split: Literal["month", "day"] = Field(
        default="month", description="Which periods a block's kWh are of: of all in proportion, or day after day."
    )
    tiers: tuple[Tier, ...] = Field(min_length=1, description="Blocks, from the first on.")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        *bounded, last = self.tiers
        if last.up_to_kwh is not None:
            raise ValueError(f"kWh above {last.up_to_kwh} have no price; leave `up_to_kwh` out of the last tier")
        if any(tier.up_to_kwh is None for tier in bounded):
            raise ValueError("only the last tier may be without `up_to_kwh`")
        for number, (lower, upper) in enumerate(pairwise(bounded), 2):
            if (upper.up_to_kwh or 0) <= (lower.up_to_kwh or 0):
                raise ValueError(
                    f"tier {number} ends at {upper.up_to_kwh} kWh, which is not above {lower.up_to_kwh}; limits rise "
                    "and are counted from 0"
                )
        if len({tuple(sorted(tier.prices)) for tier in self.tiers}) > 1:
            raise ValueError("each tier must price the same periods")
        return self


class Standing(_Component, frozen=True):
    """A fixed charge."""

    kind: Literal["standing"]
    price: Price = Field(description="Amount per day or month.")
    per: Literal["day", "month"] = Field(default="month", description="What the amount is for.")
    partial_month: Partial = Field(default="by_days", description="Charge of a month that is not whole.")


class Capacity(_Component, frozen=True):
    """A charge per kW and month, of the contract or of the highest demand."""

    kind: Literal["capacity"]
    by: Literal["contracted", "demand"] = Field(description="Which kW: of the contract, or the highest measured.")
    price: Price = Field(description="Amount per kW and month.")
    minutes: Literal[5, 10, 15, 30, 60] = Field(default=30, description="Length over which demand is the mean.")
    periods: tuple[Code, ...] = Field(default=(), description="Periods in which demand counts; none named: all.")
    at_least_share: Annotated[Decimal, Field(ge=0, le=1, decimal_places=6)] = Field(
        default=Decimal(0), description="Share of the contracted kW that is charged at least."
    )
    round_kw_to: Literal["1", "0.1", "0.01", "0.001"] = Field(
        default="0.001", description="kW are rounded to it, halves up."
    )
    partial_month: Partial = Field(default="by_days", description="Charge of a month that is not whole.")

    @field_validator("minutes", mode="before")
    @classmethod
    def _whole(cls, given: object) -> object:
        return int(given) if isinstance(given, str) and given.isdigit() else given

    @model_validator(mode="after")
    def _of_demand(self) -> Self:
        if self.by == "contracted" and (self.periods or self.at_least_share):
            raise ValueError("`periods` and `at_least_share` belong to `by: demand`")
        return self


class PowerFactorStep(BaseModel, frozen=True, extra="forbid"):
    """Adjustment from a power factor on."""

    from_: Annotated[Decimal, Field(ge=0, le=1, decimal_places=2)] = Field(
        alias="from", description="Lowest power factor, in hundredths."
    )
    percent: Percent = Field(description="Percent added (or, below 0, taken off).")


class PowerFactor(_OfOthers, frozen=True):
    """Percent on or off other components by the power factor of the bill, which is rounded to hundredths."""

    kind: Literal["power_factor"]
    steps: tuple[PowerFactorStep, ...] = Field(min_length=1, description="Steps; one of them is from 0.")

    @model_validator(mode="after")
    def _covers_all(self) -> Self:
        starts = sorted(step.from_ for step in self.steps)
        if starts[0] != 0:
            raise ValueError(f"no step holds a power factor below {starts[0]}; add a step `from: 0`")
        if len(set(starts)) < len(starts):
            raise ValueError("two steps begin at the same power factor; keep one")
        return self


class Reactive(_Component, frozen=True):
    """Each kvarh beyond a share of the kWh."""

    kind: Literal["reactive"]
    price: Price = Field(description="Price of a kvarh.")
    free_share: Annotated[Decimal, Field(ge=0, le=10, decimal_places=6)] = Field(
        default=Decimal(0), description="kvarh that are free for each kWh."
    )


class Surcharge(_OfOthers, frozen=True):
    """A levy on each kWh, or percent of other components."""

    kind: Literal["surcharge"]
    price: Price | None = Field(default=None, description="Amount per kWh at all hours.")
    prices: dict[Code, Price] = Field(default_factory=dict, description="Period: amount per kWh.")
    percent: Percent | None = Field(default=None, description="Percent of the components under `of`.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if [self.price is not None, bool(self.prices), self.percent is not None].count(True) != 1:
            raise ValueError("give one of `price`, `prices` and `percent`")
        return self


class Tax(_OfOthers, frozen=True):
    """Percent of other components."""

    kind: Literal["tax"]
    percent: Percent = Field(description="Percent.")


class Minimum(_OfOthers, frozen=True):
    """What is missing to a least amount per month."""

    kind: Literal["minimum"]
    amount: Annotated[Price, Field(gt=0)] = Field(description="Least amount per month of the components under `of`.")
    partial_month: Partial = Field(default="by_days", description="Least amount of a month that is not whole.")


class Credit(_OfOthers, frozen=True):
    """What is taken off: an amount per day or month, an amount per kWh, or percent of other components."""

    kind: Literal["credit"]
    amount: Annotated[Price, Field(gt=0)] | None = Field(default=None, description="Amount per day or month.")
    per: Literal["day", "month"] = Field(default="month", description="What `amount` is for.")
    price: Annotated[Price, Field(gt=0)] | None = Field(default=None, description="Amount per kWh.")
    up_to_kwh: Kwh | None = Field(default=None, description="kWh of a month that `price` is taken off at most.")
    percent: Annotated[Percent, Field(gt=0)] | None = Field(default=None, description="Percent of those under `of`.")
    partial_month: Partial = Field(default="by_days", description="Amount, or kWh, of a month that is not whole.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if [self.amount is not None, self.price is not None, self.percent is not None].count(True) != 1:
            raise ValueError("give one of `amount`, `price` and `percent`")
        if self.up_to_kwh is not None and self.price is None:
            raise ValueError("`up_to_kwh` belongs to `price`")
        return self


Component = Annotated[
    Energy | FeedIn | Tiers | Standing | Capacity | PowerFactor | Reactive | Surcharge | Tax | Minimum | Credit,
    Field(discriminator="kind"),
]

"""Bills of many months, measured or forecast: asked for as arrays one after another, rated many at once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from meterwise.tariffs.bills import rate_tables
from meterwise.tariffs.compiled import holiday_table
from meterwise.tariffs.components import Capacity, FeedIn, Tiers
from meterwise.tariffs.model import Tariff, TariffBook
from meterwise.tariffs.problems import RatingInputError
from meterwise.tariffs.public_days import public_days
from meterwise.tariffs.rating import INPUT

Days = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_INTERVALS = 2_000_000
"""Intervals that wait to be rated: some 100 MB."""
NO_BILL = -1
"""Number of a bill that was not asked for."""
AMOUNT = pa.decimal128(18, 6)
BILLED = pa.schema({"bill_no": pa.int64(), "amount": AMOUNT, "reason_code": pa.string()})


@dataclass(frozen=True)
class MonthTariff:
    """The one tariff that all are billed by.

    Attributes:
        book: A book with that tariff alone; its time zone is the clock of the customers.
        contracted_kw: Of every customer; None where the tariff needs none.
    """

    book: TariffBook
    contracted_kw: Decimal | None = None

    @classmethod
    def chosen(cls, book: TariffBook, code: str | None, contracted_kw: Decimal | None, timezone: str) -> "MonthTariff":
        """Take the tariff named ``code`` out of a book, or its only one.

        Raises:
            RatingInputError: There is no such tariff, or reads and options do not hold what it charges.
        """
        codes = [tariff.code for tariff in book.tariffs]
        if code is None and len(codes) > 1:
            raise RatingInputError(f"The book has {len(codes)} tariffs: choose one of {', '.join(codes)} by its code.")
        if code is not None and code not in codes:
            raise RatingInputError(f"The book has no tariff {code}; it has {', '.join(codes)}.")
        tariff = next(tariff for tariff in book.tariffs if code in (None, tariff.code))
        if any(version.needs_reactive for version in tariff.versions):
            raise RatingInputError(
                f"Tariff {tariff.code} charges reactive energy, which is not forecast; choose one without."
            )
        if contracted_kw is None and _needs_contracted_kw(tariff):
            raise RatingInputError(f"Tariff {tariff.code} charges by the contracted kW; say how many they are.")
        return cls(book.model_copy(update={"tariffs": (tariff,), "timezone": timezone}), contracted_kw)

    @property
    def tariff(self) -> Tariff:
        """The tariff."""
        return self.book.tariffs[0]

    @property
    def pays_feed_in(self) -> bool:
        """Whether what is fed into the grid is read at all."""
        return any(isinstance(part, FeedIn) for version in self.tariff.versions for part in version.components)

    @property
    def charges_demand(self) -> bool:
        """Whether the highest kW that are measured cost."""
        return any(part.by == "demand" for part in _capacities(self.tariff))

    def tier_years(self, month_on: np.datetime64, supply_start_on: Days) -> list[Days]:
        """Return (customers,) the first day of each year of blocks that counts at the start of a month.

        Args:
            month_on: First day of the month.
            supply_start_on: (customers,) first days of the months in which contracts began.
        """
        parts = [part for version in self.tariff.versions for part in version.components if isinstance(part, Tiers)]
        years = {part.year_begins if part.year == "calendar" else None for part in parts if part.over == "year"}
        return [_year_on(begins, month_on, supply_start_on) for begins in sorted(years, key=str)]


def _capacities(tariff: Tariff) -> list[Capacity]:
    return [part for version in tariff.versions for part in version.components if isinstance(part, Capacity)]


def _needs_contracted_kw(tariff: Tariff) -> bool:
    return any(part.by == "contracted" or part.at_least_share > 0 for part in _capacities(tariff))


def _year_on(begins: str | None, month_on: np.datetime64, supply_start_on: Days) -> Days:
    month = month_on.astype("datetime64[M]")
    if begins is None:
        start = supply_start_on.astype("datetime64[M]")
        return np.asarray((start + (month - start) // 12 * 12).astype("datetime64[D]"))
    year = month.astype("datetime64[Y]")
    this_year = np.datetime64(f"{year}-{begins}", "D")
    year_on = this_year if this_year <= month_on else np.datetime64(f"{year - 1}-{begins}", "D")
    return np.full(len(supply_start_on), year_on)


@dataclass(frozen=True)
class Months:
    """One month of several customers that is to be billed.

    Attributes:
        month_on: First day of the month.
        starts_utc: (times,) starts of its intervals.
        minutes: Length of an interval.
        supply_start_on: (bills,) first day of each contract.
        carried: Year of blocks (bills,) and what was used of it before the month (bills,) kWh.
    """

    month_on: np.datetime64
    starts_utc: Days
    minutes: int
    supply_start_on: Days
    carried: list[tuple[Days, Floats]]


@dataclass
class MonthBills:
    """Bills by their numbers; what waits is rated whenever it has become ``MOST_INTERVALS``."""

    tariff: MonthTariff
    waiting: list[dict[str, pa.Table]] = field(default_factory=list)
    asked: int = 0
    billed: list[pa.Table] = field(default_factory=list)
    with_lines: list[Integers] = field(default_factory=list)
    lines: list[pa.Table] = field(default_factory=list)

    def ask(self, months: Months, kwh: Floats, keep_lines: bool = False) -> Integers:
        """Ask for bills and return their numbers (bills,); ``kwh`` is (bills, times), NaN is a missing read."""
        numbers = np.arange(self.asked, self.asked + len(kwh))
        self.asked += len(kwh)
        self.waiting.append(_tables(months, self.tariff, numbers, kwh))
        if keep_lines:
            self.with_lines.append(numbers)
        if sum(tables["intervals"].num_rows for tables in self.waiting) >= MOST_INTERVALS:
            self._rate()
        return numbers

    def rated(self) -> pa.Table:
        """Return bill_no, amount (null where it cannot be billed) and reason_code of all bills, in their order."""
        self._rate()
        return pa.concat_tables([BILLED.empty_table(), *self.billed]).combine_chunks()

    def kept_lines(self) -> pa.Table:
        """Return the lines of the bills that were asked for with them; ``bill_no`` says whose they are."""
        self._rate()
        return pa.concat_tables(self.lines) if self.lines else pa.table({"bill_no": pa.array([], pa.int64())})

    def _rate(self) -> None:
        if not self.waiting:
            return
        given = {name: pa.concat_tables([tables[name] for tables in self.waiting]) for name in self.waiting[0]}
        given["bill_periods"] = given["bill_periods"].group_by(INPUT["bill_periods"].names).aggregate([])
        years = pc.unique(pc.year(given["bill_periods"]["bill_from_on"])).to_pylist()
        holidays = holiday_table(public_days(self.tariff.book, years))
        numbers = given["contract_spans"]["contract_id"]
        self.waiting = []
        lines = rate_tables(self.tariff.book, given | {"holidays": holidays})
        self.billed.append(_sums(lines, numbers))
        kept = np.concatenate([np.empty(0, np.int64), *self.with_lines])
        lines = lines.append_column("bill_no", lines["rating_id"].cast(pa.int64()))
        self.lines.append(lines.filter(pc.is_in(lines["bill_no"], pa.array(kept))))
        self.with_lines = []


def _tables(months: Months, tariff: MonthTariff, numbers: Integers, kwh: Floats) -> dict[str, pa.Table]:
    """Make what rating reads: each bill is of a contract of its own, and of one bill period."""
    bills, billing_code = len(numbers), str(months.month_on.astype("datetime64[M]"))
    signs = {"import": 1, "export": -1} if tariff.pays_feed_in else {"import": 1}
    contract_ids = pa.array(numbers).cast(pa.string())
    spans = {
        "rating_id": contract_ids,
        "contract_id": contract_ids,
        "tariff_code": pa.repeat(tariff.tariff.code, bills),
        "billing_code": pa.repeat(billing_code, bills),
        "start_on": pa.array(months.supply_start_on),
        "end_on": pa.nulls(bills),
        "contracted_kw": pa.array([tariff.contracted_kw] * bills, INPUT["contract_spans"].field("contracted_kw").type),
    }
    last_on = (months.month_on.astype("datetime64[M]") + 1).astype("datetime64[D]") - 1
    period = {
        "billing_code": [billing_code],
        "bill_from_on": pa.array(np.array([months.month_on])),
        "bill_to_on": pa.array(np.array([last_on])),
        "months": [1],
    }
    found = {
        "intervals": pa.concat_tables(
            _channel(months, contract_ids, channel, np.maximum(sign * kwh, 0)) for channel, sign in signs.items()
        ),
        "contract_spans": pa.table(spans),
        "bill_periods": pa.table(period),
        "carried_usage": _carried(contract_ids, months.carried),
    }
    return {name: table.cast(INPUT[name]) for name, table in found.items()}


def _channel(months: Months, contract_ids: pa.Array, channel: str, kwh: Floats) -> pa.Table:
    bills, times = kwh.shape
    columns = {
        "contract_id": contract_ids.take(pa.array(np.repeat(np.arange(bills), times))),
        "channel": pa.repeat(channel, bills * times),
        "interval_start_utc": pa.array(np.tile(months.starts_utc.astype("datetime64[us]"), bills)),
        "interval_minutes": pa.repeat(months.minutes, bills * times),
        "kwh": pa.array(kwh.ravel(), from_pandas=True),
        "is_estimated": pa.repeat(False, bills * times),
    }
    return pa.table(columns).cast(INPUT["intervals"])


def _carried(contract_ids: pa.Array, carried: Iterable[tuple[Days, Floats]]) -> pa.Table:
    parts = [
        pa.table({"contract_id": contract_ids, "year_on": pa.array(year_on), "kwh": pa.array(kwh)})
        for year_on, kwh in carried
    ]
    if not parts:
        return INPUT["carried_usage"].empty_table()
    # Versions that count their years from different days may mean the same one.
    once = pa.concat_tables(parts).group_by(["contract_id", "year_on"]).aggregate([("kwh", "max")])
    return once.rename_columns({"kwh_max": "kwh"}).select(INPUT["carried_usage"].names)


def _sums(lines: pa.Table, numbers: pa.ChunkedArray) -> pa.Table:
    by_bill = lines.group_by("rating_id").aggregate([("amount", "sum"), ("reason_code", "max")])
    found = pc.index_in(numbers, by_bill["rating_id"])
    reason = by_bill["reason_code_max"].take(found)
    # A bill is refused as a whole; other pieces of it have no lines.
    amount = pc.if_else(pc.is_null(reason), by_bill["amount_sum"].take(found), None)
    return pa.table({"bill_no": numbers, "amount": amount, "reason_code": reason}).cast(BILLED)

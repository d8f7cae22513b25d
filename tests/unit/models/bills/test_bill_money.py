"""Bills of months that are measured, and of months that are forecast: laws of both."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterwise.tariffs.book_file import parse_book, read_book
from meterwise.tariffs.month_bills import MonthBills, MonthTariff
from models.bills.backtest.money import Money
from models.bills.day_grid import DayGrid, Floats, Month, months
from models.bills.forecaster import BillForecaster
from models.bills.intervals import Intervals, UsualDays, usual_day_of_all
from models.bills.month_forecast import COLUMNS, MEDIAN

EUROPE = Path(__file__).parents[4] / "examples" / "tariffs" / "europe.yml"
ZONE = "Europe/Berlin"
YEAR_BLOCKS = """
currency: EUR
timezone: Europe/Berlin
tariffs:
  - code: BLOCKS
    versions:
      - valid_from: 2024-01-01
        components:
          - code: energy
            kind: tiers
            over: year
            year: contract
            tiers: [{up_to_kwh: 100, price: 0.10}, {price: 0.30}]
"""


def reads_of(kwh: Floats, first: str, zone: str = ZONE) -> tuple[Intervals, DayGrid]:
    """Hourly reads of (customers, times) from a local midnight on, and their days, padded to whole months."""
    start = pd.Timestamp(first, tz=zone).tz_convert("UTC").tz_localize(None)
    starts = start.to_datetime64().astype("datetime64[m]") + np.arange(kwh.shape[1]) * np.timedelta64(60, "m")
    begin = np.datetime64(first[:7], "M")
    end = pd.Timestamp(starts[-1], tz="UTC").tz_convert(zone).strftime("%Y-%m")
    dates = np.arange(begin.astype("datetime64[D]"), (np.datetime64(end, "M") + 1).astype("datetime64[D]"))
    reads = Intervals.on_days(starts, 60, zone, kwh, dates)
    edges = np.searchsorted(reads.day, np.arange(len(dates)))
    is_known = ~np.isnan(reads.kwh)
    daily = np.add.reduceat(np.where(is_known, reads.kwh, 0.0), edges, axis=1)
    share = np.add.reduceat(is_known.astype(float), edges, axis=1) / np.bincount(reads.day)
    ids = np.array([f"home {number}" for number in range(len(kwh))])
    return reads, DayGrid.of_measured(ids, dates, daily, share, np.zeros(daily.shape, dtype=np.bool_))


def homes(customers: int = 3, days: int = 120, sun: float = 0.0) -> Floats:
    draw, hour = np.random.default_rng(3), np.arange(24 * days)
    use = (0.3 + 0.3 * (hour % 24 >= 17)) * draw.lognormal(0, 0.4, (customers, len(hour)))
    return np.round(use - sun * ((hour % 24 >= 10) & (hour % 24 < 15)), 3)


def money_of(reads: Intervals, grid: DayGrid, code: str, text: str | None = None) -> Money:
    book = parse_book(text) if text else read_book(EUROPE)
    return Money(reads, grid, MonthBills(MonthTariff.chosen(book, code, None, reads.timezone)))


@pytest.mark.parametrize("first", ["2026-02-01", "2025-09-01"])
@pytest.mark.parametrize("code", ["HOME", "NIGHT", "SOLAR", "BLOCKS"])
def test_a_finished_month_is_forecast_at_the_bill_of_its_reads(first: str, code: str) -> None:
    reads, grid = reads_of(homes(sun=0.8 if code == "SOLAR" else 0.0), first)
    money, everyone = money_of(reads, grid, code), np.arange(3)
    # Clocks change in the second month.
    month = months(grid.dates)[1]
    forecast = BillForecaster.fit(grid, month, month.end).predict(grid, month, month.end)

    came = money.of_reads(month, everyone)
    said = money.of_forecasts(forecast, month, month.end, everyone, {})

    amounts = dict(zip(*(column.to_pylist() for column in money.bills.rated().columns[:2]), strict=True))
    assert all(amounts[number] is not None for number in came)
    for name in COLUMNS:
        assert [amounts[one] for one in said[name + "_bill"]] == [amounts[one] for one in came]


@pytest.mark.parametrize("cutoff_day", [0, 12])
def test_days_ahead_add_up_to_the_forecast_even_where_clocks_change(cutoff_day: int) -> None:
    reads, grid = reads_of(homes(), "2025-09-01")
    month = months(grid.dates)[1]
    cutoff = month.first + cutoff_day
    forecast = BillForecaster.fit(grid, month, cutoff).predict(grid, month, cutoff)
    usual = usual_days(reads, grid, month, cutoff)

    daily = forecast.daily_kwh(MEDIAN)
    spread = usual.spread(daily)

    assert spread.shape[1] == 31 * 24 + 1
    np.testing.assert_allclose(np.add.reduceat(spread, usual.first, axis=1), daily)
    evening = usual.day[(reads.slot[reads.between(month.first, month.end)] >= 17)]
    by_evening = spread[:, reads.slot[reads.between(month.first, month.end)] >= 17]
    share = np.stack([by_evening[:, evening == day].sum(axis=1) for day in range(31)], axis=1) / daily
    np.testing.assert_allclose(share, 0.45, atol=0.06)


def usual_days(reads: Intervals, grid: DayGrid, month: Month, cutoff: int) -> UsualDays:
    of_all = usual_day_of_all(reads, grid, cutoff, 1000)
    return UsualDays.of(reads, grid, month, cutoff, np.arange(len(grid.unique_ids)), of_all)


@given(low=st.floats(-20, 40), more=st.floats(0, 40), sun=st.floats(0, 3))
def test_no_interval_falls_where_the_day_rises(low: float, more: float, sun: float) -> None:
    reads, grid = reads_of(homes(1, 90, sun), "2025-05-01")
    usual = usual_days(reads, grid, months(grid.dates)[2], 61)

    below, above = (usual.spread(np.full((1, 31), kwh)) for kwh in (low, low + more))

    assert (above >= below - 1e-9).all()
    np.testing.assert_allclose(below.sum(), 31 * low, atol=1e-6)


def test_a_customer_without_a_past_has_the_day_of_all() -> None:
    kwh = homes()
    kwh[0, : 24 * 59] = np.nan
    reads, grid = reads_of(kwh, "2026-02-01")
    month = months(grid.dates)[2]

    usual = usual_days(reads, grid, month, month.first)

    spread = usual.spread(np.full((3, month.days), 10.0))
    assert np.isfinite(spread).all()
    np.testing.assert_allclose(spread[0].reshape(-1, 24)[:, 17:].sum(axis=1), 4.5, atol=0.6)


def test_blocks_of_a_contracts_year_go_on_where_the_months_before_left_off() -> None:
    reads, grid = reads_of(np.full((1, 24 * 90 - 1), 0.1), "2025-01-01")
    money, everyone = money_of(reads, grid, "BLOCKS", YEAR_BLOCKS), np.arange(1)

    numbers = [money.of_reads(month, everyone)[0] for month in months(grid.dates)]

    amounts = [money.bills.rated()["amount"][int(number)].as_py() for number in numbers]
    # 74.4, 67.2 and (an hour less) 74.3 kWh: the block of 100 kWh ends in February.
    assert [float(amount) for amount in amounts] == pytest.approx([7.44, 15.04, 22.29], abs=0.005)


def test_bills_that_wait_are_rated_as_those_asked_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads, grid = reads_of(homes(), "2026-02-01")
    found = []
    for most in (2_000_000, 1000):
        monkeypatch.setattr("meterwise.tariffs.month_bills.MOST_INTERVALS", most)
        monkeypatch.setattr("models.bills.backtest.money.MOST_INTERVALS", most)
        money = money_of(reads, grid, "NIGHT")
        numbers = np.concatenate([money.of_reads(month, np.arange(3)) for month in months(grid.dates)[:2]])
        found.append(money.bills.rated().sort_by("bill_no"))
        assert numbers.tolist() == found[-1]["bill_no"].to_pylist()

    assert found[0].equals(found[1])

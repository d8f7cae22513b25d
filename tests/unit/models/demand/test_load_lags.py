"""What a forecast may look back on: the same local time, and never what came after it was issued."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_load import grid_of

from models.demand.calendar import Calendar
from models.demand.grid import LoadGrid
from models.demand.lags import Rows

ZONES = ["UTC", "Europe/Berlin", "Australia/Melbourne", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"]


def counted(days: int, first: str, minutes: int, zone: str, series: int = 1) -> LoadGrid:
    """A grid whose load is the number of its column."""
    times = days * 1440 // minutes
    return grid_of(np.tile(np.arange(times), (series, 1)), first, minutes, zone, "abcdef"[:series])


@pytest.mark.parametrize("minutes", [60, 15])
@pytest.mark.parametrize("changed_on", ["2024-03-31", "2024-10-27"])
@pytest.mark.parametrize("days", [1, 2, 7])
def test_a_lag_is_the_same_local_time_over_a_change_of_the_clock(minutes: int, changed_on: str, days: int) -> None:
    change = np.datetime64(changed_on)
    grid = counted(24, f"{change - 12}T00:00", minutes, "Europe/Berlin")
    local, day = grid.local_times, 1440 // minutes
    column = np.arange(8 * day, 23 * day)
    rows = Rows(np.zeros_like(column), column - day // 2, column, day)

    # Half a day ahead every lag of a day is known, unless the clock moves it.
    found = rows.lag(grid.load, days, Calendar.of(grid))

    assert np.isfinite(found).all()
    source = found.astype(int)
    wanted = local[column] - np.timedelta64(days, "D")
    is_there = np.isin(wanted, local)
    assert (~is_there).sum() == (60 // minutes if changed_on == "2024-03-31" else 0), "the hour that spring skips"
    np.testing.assert_array_equal(local[source[is_there]], wanted[is_there])
    assert (np.abs(local[source] - wanted) <= np.timedelta64(60, "m")).all()


@settings(deadline=None, max_examples=60)
@given(
    zone=st.sampled_from(ZONES),
    minutes=st.sampled_from([15, 30, 60]),
    first=st.integers(0, 365),
    cutoff=st.integers(1, 20 * 24),
    leads=st.lists(st.integers(0, 10 * 24), min_size=1, max_size=30),
    back=st.integers(0, 3),
    series=st.integers(1, 3),
)
def test_nothing_at_or_after_the_cutoff_is_looked_back_on(
    zone: str, minutes: int, first: int, cutoff: int, leads: list[int], back: int, series: int
) -> None:
    grid = counted(31, f"{np.datetime64('2024-01-01') + first}T00:00", minutes, zone, series)
    per_hour, calendar = 60 // minutes, Calendar.of(grid)
    column = (cutoff + np.array(leads)) * per_hour - (per_hour > 1)
    column = np.maximum(column, cutoff * per_hour)
    which = np.arange(len(leads)) % series
    rows = Rows(which, np.full(len(leads), cutoff * per_hour), column, grid.steps_a_day)

    for days in (rows.whole_days_back() + back, rows.whole_weeks_back() + 7 * back):
        found = rows.lag(grid.load, days, calendar)
        assert (np.isnan(found) | (found < rows.cutoff)).all()
        assert (rows.last_known(grid.load) == rows.cutoff - 1).all()


def test_what_lies_before_the_history_is_unknown() -> None:
    grid = counted(10, "2024-01-01T00:00", 60, "UTC")
    rows = Rows(np.zeros(2, int), np.array([20, 30]), np.array([20, 30]), 24)

    assert np.isnan(rows.lag(grid.load, 1, Calendar.of(grid))).tolist() == [True, False]


def test_whole_days_and_weeks_back_by_hand() -> None:
    column = np.array([48, 71, 72, 95, 96, 48 + 167, 48 + 168])
    rows = Rows(np.zeros(7, int), np.full(7, 48), column, 24)

    assert rows.whole_days_back().tolist() == [1, 1, 2, 2, 3, 7, 8]
    assert rows.whole_weeks_back().tolist() == [7, 7, 7, 7, 7, 7, 14]
    np.testing.assert_allclose(rows.lead_days, [1 / 24, 1, 25 / 24, 2, 49 / 24, 7, 169 / 24])


def test_rows_are_chosen_and_joined_in_their_order() -> None:
    rows = Rows(np.array([0, 1, 0]), np.array([5, 5, 6]), np.array([7, 8, 9]), 24)

    some, rest = rows.where(np.array([True, False, True])), rows.where(np.array([False, True, False]))
    joined = Rows.joined([rest, some])

    assert joined.series.tolist() == [1, 0, 0]
    assert joined.cutoff.tolist() == [5, 5, 6]
    assert joined.column.tolist() == [8, 7, 9]

"""What is known of a day makes its forecast better, and costs nothing where it says nothing."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_load import FEW, town

from models.demand.backtest.country import CountryDays
from models.demand.grid import Bools, Floats, LoadGrid
from models.demand.load_forecaster import LoadForecaster

DAYS, DAY = 150, 24


def forecast(grid: LoadGrid, cutoff: int, horizon: int = DAY) -> Floats:
    fitted = LoadForecaster.fit(grid.between(0, cutoff), horizon, True, FEW, 1)
    return fitted.predict(grid.as_known_at(cutoff, horizon, True), cutoff, (0.1, 0.5, 0.9)).quantiles


def error(grid: LoadGrid, dates: list[str], horizon: int = DAY) -> float:
    """Mean absolute error from each of ``dates`` on, forecast at its midnight."""
    cutoffs = [int(np.flatnonzero(on(grid, [date])[0])[0]) for date in dates]
    missed = [forecast(grid, cutoff, horizon)[1] - grid.load[:, cutoff : cutoff + horizon] for cutoff in cutoffs]
    return float(np.abs(missed).mean())


def on(grid: LoadGrid, dates: list[str]) -> Bools:
    days = grid.local_times.astype("datetime64[D]")
    return np.tile(np.isin(days, np.array(dates, dtype="datetime64[D]")), (len(grid.load), 1))


@pytest.mark.parametrize("date", ["2024-09-14", "2024-09-15"], ids=["Saturday", "Sunday"])
def test_a_worked_weekend_is_forecast_as_a_working_day_though_none_was_ever_seen(date: str) -> None:
    """A town uses 2 units more on Monday to Friday, and on this day too."""
    plain = town(DAYS)
    worked = on(plain, [date])
    grid = replace(plain, load=plain.load + 2 * worked)

    said = error(replace(grid, day_marks={"worked_weekend": worked}), [date])

    assert said < 0.6 < 1.5 < error(grid, [date])


def test_school_holidays_are_known_again_on_their_first_day() -> None:
    plain = town(DAYS)
    weeks = [
        str(np.datetime64(first) + day) for first in ("2024-05-20", "2024-07-01", "2024-09-09") for day in range(14)
    ]
    free = on(plain, weeks)
    grid = replace(plain, load=plain.load - 3 * free)

    said = error(replace(grid, day_marks={"school_holiday": free}), ["2024-09-09"])

    assert said < 0.6 < 2 < error(grid, ["2024-09-09"])


def test_a_festival_is_forecast_by_those_of_other_years_that_fell_on_other_dates() -> None:
    """Work runs down for longer than the marks say, and up again at another pace."""
    plain = town(3 * 365, "2022-06-01T00:00", zone="Asia/Shanghai")
    days, day = np.unique(plain.local_times.astype("datetime64[D]"), return_inverse=True)
    country = CountryDays.of("CN", days)
    first = np.array(["2023-01-22", "2024-02-10", "2025-01-29"], dtype="datetime64[D]")
    since = (days[:, None] - first).astype(int)
    depth = np.interp(since, [-10, -2, -1, 6, 7, 14], [0, 2, 6, 6, 3, 0]).sum(1)
    load, holiday = plain.load - depth[day], country.is_holiday[None, day]
    grid = replace(plain, load=load, is_holiday=holiday)
    marks = {name: mark[None, day] for name, mark in country.marks.items()}
    weeks = ["2025-01-20", "2025-01-26", "2025-02-01"]

    said = error(replace(grid, day_marks=marks), weeks, 7 * DAY)

    assert said < 0.6 * error(grid, weeks, 7 * DAY)


def test_a_mark_that_no_day_of_the_history_bears_changes_nothing() -> None:
    grid, cutoff = town(DAYS, series=2), 120 * 24
    nothing = np.zeros_like(grid.is_holiday)
    ahead = nothing.copy()
    ahead[:, cutoff:] = True

    for marks in ({"school_holiday": nothing, "worked_weekend": nothing}, {"school_holiday": ahead}):
        np.testing.assert_array_equal(forecast(replace(grid, day_marks=marks), cutoff), forecast(grid, cutoff))

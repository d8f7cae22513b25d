"""Lines that go on beyond the hottest day that was seen."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_load import town

from models.demand.calendar import Calendar
from models.demand.forecast_params import ForecastParams
from models.demand.grid import LoadGrid
from models.demand.response import Response
from models.demand.weather import interval_drivers

SEEN = 180 * 24


def heated(degrees: float) -> LoadGrid:
    """A town that has not seen more than 35 degrees until half a year is over, and then has a week of ``degrees``."""
    grid = town(187, noise=0.05)
    temperature = np.minimum(grid.temperature_c, 35)
    temperature[:, :, SEEN:] = degrees
    return replace(grid, temperature_c=temperature, load=grid.load + 0.5 * (temperature[0] - grid.temperature_c[0]))


def fitted(grid: LoadGrid) -> Response:
    known = grid.between(0, SEEN)
    weight = np.ones_like(known.load)
    return Response.fit(known.load, weight, Calendar.of(known), interval_drivers(known), ForecastParams())


@pytest.mark.parametrize(("degrees", "rtol"), [(42, 0.12), (25, 0.06)])
def test_load_beyond_the_degrees_that_were_seen_goes_on_as_a_line_at_every_hour(degrees: float, rtol: float) -> None:
    """By day 42 degrees are more than the town has seen, by night 25 are: few or no nights lay above the last knot.

    A week of 42 degrees, nights included, is remembered as the warmest days that were seen, so it is a tenth off there.
    """
    grid = heated(degrees)

    said = fitted(grid).predict(Calendar.of(grid), interval_drivers(grid))

    np.testing.assert_allclose(said[:, SEEN + 96 :], grid.load[:, SEEN + 96 :], rtol=rtol)
    assert np.abs(said[:, :SEEN] / grid.load[:, :SEEN] - 1).mean() < 0.01


def test_without_a_temperature_there_is_no_answer_there_and_one_elsewhere() -> None:
    grid = heated(20)
    drivers = interval_drivers(grid)
    drivers["temperature"] = drivers["temperature"].copy()
    drivers["temperature"][:, SEEN : SEEN + 5] = np.nan

    said = fitted(grid).predict(Calendar.of(grid), drivers)

    assert np.flatnonzero(np.isnan(said[0])).tolist() == list(range(SEEN, SEEN + 5))


def test_intervals_without_load_or_of_weight_0_are_not_learnt_from() -> None:
    grid = heated(20).between(0, SEEN)
    calendar, drivers, some = Calendar.of(grid), interval_drivers(grid), np.arange(SEEN) % 50 < 7
    weight, gaps, spoilt = np.ones_like(grid.load), grid.load.copy(), grid.load.copy()
    gaps[:, some], spoilt[:, some] = np.nan, 1e5

    without = Response.fit(gaps, weight, calendar, drivers, ForecastParams())
    unweighed = Response.fit(spoilt, np.where(some, 0, weight), calendar, drivers, ForecastParams())

    np.testing.assert_allclose(without.predict(calendar, drivers), unweighed.predict(calendar, drivers))


def test_many_series_in_groups_are_each_fitted_for_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = town(40, series=5)
    what = (np.ones_like(grid.load), Calendar.of(grid), interval_drivers(grid))
    at_once = Response.fit(grid.load, *what, ForecastParams())
    monkeypatch.setattr("models.demand.response.INTERVALS_AT_ONCE", 2 * grid.load.shape[1])

    in_groups = Response.fit(grid.load, *what, ForecastParams())

    assert (len(at_once.groups), len(in_groups.groups)) == (1, 3)
    np.testing.assert_allclose(in_groups.predict(*what[1:]), at_once.predict(*what[1:]))

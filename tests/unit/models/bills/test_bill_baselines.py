"""What plain methods say of a month, and the bands that they deserve."""

import numpy as np
import pandas as pd
import pytest
from made_up_days import grid_of

from models.bills.backtest.baselines import USUAL_ERRORS, WholeDays, with_bands
from models.bills.backtest.results import report
from models.bills.backtest.run import roll
from models.bills.day_grid import months


def whole_days(kwh: np.ndarray, measured: np.ndarray | None = None) -> WholeDays:
    grid = grid_of(kwh, "2023-01-01", measured)
    return WholeDays.of(grid, months(grid.dates))


def test_each_method_says_what_its_name_says() -> None:
    day = np.arange(396)
    kwh = np.where(day < 31, 1.0, 2.0)
    kwh[334:365] = np.arange(31)
    kwh[365:375] = 5.0
    whole = whole_days(kwh)

    said = {name: float(value[0]) for name, value in whole.said(12, 10).items()}

    assert said == pytest.approx(
        {
            "last_month": 15 * 31,
            "same_month_last_year": 31,
            "mean_of_both": 8 * 31,
            "run_rate": 5 * 31,
            "so_far_and_last_month": 50 + 20 * 21,
        }
    )
    assert set(whole.said(12, 0)) == {"last_month", "same_month_last_year", "mean_of_both"}
    assert np.isnan(whole.said(0, 10)["last_month"]).all()


@pytest.mark.parametrize(("lost", "is_scored", "is_compared"), [(4, True, True), (5, False, True), (12, False, False)])
def test_days_measured_in_part_are_no_whole_ones(lost: int, is_scored: bool, is_compared: bool) -> None:
    measured = np.ones((1, 62))
    measured[0, :lost] = 0.95

    whole = whole_days(np.full((1, 62), 3.0), measured[:, :])

    assert np.isfinite(whole.kwh[0, 0]) == is_scored
    assert np.isfinite(whole.mean_day[0, 0]) == is_compared
    if is_scored:
        assert whole.kwh[0, 0] == pytest.approx(3 * 31)


def test_bands_are_errors_of_months_that_had_ended() -> None:
    month = np.repeat(np.array(["2024-01-01", "2024-02-01", "2024-03-01"], dtype="datetime64[us]"), 11)
    y = np.concatenate([np.linspace(80, 120, 11), np.full(11, 100.0), np.full(11, 1e6)])
    rows = pd.DataFrame({"month": month, "y": y, "plain": 100.0})

    low, middle, high = with_bands(rows, "plain")

    np.testing.assert_allclose((low[0], high[0]), 100 * (1 + USUAL_ERRORS[[0, 2]]))
    np.testing.assert_allclose((low[11], high[11]), (84, 116))
    assert (middle == 100).all()
    assert high[-1] < 116


def test_every_forecast_is_measured_on_the_same_months() -> None:
    draw = np.random.default_rng(1)
    kwh = draw.lognormal(2, 0.2, (6, 500))
    kwh[0, :300] = np.nan

    found, notes = report(roll(grid_of(kwh), lambda: None))

    counted = {name: [found[name][horizon]["months"] for horizon in ("day_10", "day_20")] for name in list(found)}
    assert set(map(tuple, counted.values())) == {(5 * 4, 5 * 4)}
    assert found["model"]["month_start"]["months"] == 5 * 4
    assert len(notes) == 1

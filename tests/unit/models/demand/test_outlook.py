"""Energy of the next five weeks: sums of what is known, lines where a season is known, like days where none is."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from leaves import members
from made_up_utility import AS_OF_DATE

from meterwise.warehouse import Warehouse
from models.demand import evaluate, outlook, score, train
from models.demand.daily import grid_of_energy
from models.demand.dataset import Demand, by_day, known
from models.demand.grid import LoadGrid
from models.demand.params import DemandParams

AHEAD, HISTORY = 35, 1000
LEAVES = pd.DataFrame(
    {"region_code": ["north", "south"], "feeder_code": ["N1", "S1"], "customer_class": ["household", "shop"]}
)


@pytest.fixture(scope="module")
def years_of_days() -> Demand:
    """Days of nearly three years with a season and weekends; the last 35 are to be forecast."""
    random, series = np.random.default_rng(3), members(LEAVES)
    dates = np.datetime64(AS_OF_DATE) + np.arange(1 - HISTORY, AHEAD + 1)
    season = 1 + 0.3 * np.cos(2 * np.pi * (dates.astype("datetime64[D]").astype(int) - 20) / 365.25)
    shape = season * np.where((dates.astype(int) + 3) % 7 >= 5, 0.8, 1.0)
    spells = pd.DataFrame(random.normal(size=(len(dates), 2))).ewm(halflife=3).mean().to_numpy().T
    leaf = np.array([[300.0], [100.0]]) * shape * (1 + 0.1 * spells)
    of = {"total": [1, 1], "region/north": [1, 0], "region/south": [0, 1]}
    parts = [of.get(name, [1, 0] if "N1" in name or "household" in name else [0, 1]) for name in series["series"]]
    load = np.array(parts, dtype=float) @ leaf
    load[:, HISTORY:] = np.nan
    none = np.zeros(load.shape, dtype=bool)
    grid = LoadGrid(
        series["series"].to_numpy(dtype=str),
        dates.astype("datetime64[m]"),
        1440,
        "UTC",
        load,
        np.empty((0, *load.shape)),
        none,
        {"school_holiday": none.astype(float)},
    )
    return Demand(date.fromisoformat(AS_OF_DATE), series, grid, HISTORY, HISTORY)


@pytest.fixture(scope="module")
def forecast(years_of_days: Demand) -> tuple[pd.DataFrame, dict[str, float]]:
    """What is said of the days ahead, and the figures of the twin."""
    twins = train.fit_outlook(years_of_days, DemandParams(), threads=1)
    judged = evaluate.judged_by(twins.judged, years_of_days, DemandParams())
    return outlook.ahead(years_of_days, twins.latest), evaluate.outlook_metrics(judged)


def hours(load: list[float], timezone: str = "UTC", start: str = "2026-03-29T00:00") -> LoadGrid:
    values = np.array([load])
    times = np.datetime64(start, "m") + np.arange(len(load)) * np.timedelta64(60, "m")
    return LoadGrid(
        np.array(["a"]), times, 60, timezone, values, np.empty((0, *values.shape)), np.zeros(values.shape, bool)
    )


def test_energy_is_of_local_days_also_of_one_of_23_hours():
    energy = grid_of_energy(hours([1.0] * 47, "Europe/Berlin", "2026-03-28T23:00"))

    assert energy.load.tolist() == [[23.0, 24.0]]
    assert energy.times_utc.astype(str).tolist() == ["2026-03-29T00:00", "2026-03-30T00:00"]


@pytest.mark.parametrize(
    ("unknown", "energy"), [pytest.param(2, 24.0, id="scaled_up"), pytest.param(3, np.nan, id="below_90_percent")]
)
def test_a_day_with_few_unknown_hours_is_scaled_up(unknown: int, energy: float):
    found = grid_of_energy(hours([np.nan] * unknown + [1.0] * (48 - unknown)))

    assert found.load[0] == pytest.approx([energy, 24.0], nan_ok=True)


def test_days_ahead_know_their_holidays(utility, params):
    Warehouse(utility).execute(
        "update features.features_demand_days set is_holiday = true where local_date = date '2026-08-10'"
    )

    days = by_day(known(AS_OF_DATE, params, utility), params.outlook_days, utility)

    assert days.grid.local_times[[days.cutoff, -1]].astype("datetime64[D]").astype(str).tolist() == [
        AS_OF_DATE,
        "2026-08-19",
    ]
    assert days.grid.local_times[days.grid.is_holiday.all(axis=0)].astype(str).tolist() == ["2026-08-10T00:00"]


def test_a_season_that_is_known_is_told_apart_from_last_week(forecast):
    _, figures = forecast

    assert figures["wape_outlook_later"] < 0.8 * figures["wape_naive_outlook_later"]
    assert 0.6 < figures["coverage_80_outlook_week"] <= 1


def test_every_day_of_five_weeks_has_a_mean_that_adds_up_and_quantiles_in_order(forecast):
    days, _ = forecast

    assert set(days["basis"]) == {"model"}
    assert days.groupby("series")["days_ahead"].agg(["min", "max", "size"]).drop_duplicates().to_numpy().tolist() == [
        [1, AHEAD, AHEAD]
    ]
    sums = days.pivot_table(index="local_date", columns="level", values="mean_kwh", aggfunc="sum")
    for level in ("region", "feeder", "customer_class"):
        assert sums[level].to_numpy() == pytest.approx(sums["total"].to_numpy(), rel=1e-6)
    quantiles = days[score.quantile_columns()].to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()


def test_without_a_season_days_are_like_days_and_say_so(years_of_days):
    short = Demand(
        years_of_days.as_of_date,
        years_of_days.series,
        years_of_days.grid.between(HISTORY - 400, HISTORY + AHEAD),
        400,
        400,
    )

    twins = train.fit_outlook(short, DemandParams(), threads=1)

    assert set(outlook.ahead(short, twins.latest)["basis"]) == {"like_day"}

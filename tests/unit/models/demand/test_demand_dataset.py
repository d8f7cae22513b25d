"""What a forecast may know: loads that had arrived, weather as it was forecast, of that day and of every past one."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from made_up_utility import AS_OF_DATE, SERIES

from meterwise.warehouse import Warehouse
from models.demand import dataset


def test_every_level_is_there_and_adds_up(utility, params):
    demand = dataset.known(AS_OF_DATE, params, utility)
    load = pd.DataFrame(demand.grid.load[:, : demand.cutoff].T, columns=demand.series["series"])

    assert len(demand.series) == SERIES
    regions, feeders = load[["region/north", "region/south"]], load.filter(like="feeder/")
    for parts in (regions, feeders, load.filter(like="customer_class/")):
        np.testing.assert_allclose(parts.sum(axis=1), load["total"])
    np.testing.assert_allclose(load.filter(like="feeder/north").sum(axis=1), load["region/north"])


def test_the_reads_of_the_day_of_issue_are_not_known_yet(utility, params):
    demand = dataset.known(AS_OF_DATE, params, utility)

    assert demand.tomorrow - demand.cutoff == 24
    assert demand.grid.local_times[demand.cutoff] == np.datetime64(AS_OF_DATE)
    assert np.isnan(demand.grid.load[:, demand.cutoff :]).all()
    assert demand.horizon == 8 * 24


def test_a_past_day_knows_what_had_arrived_by_then(utility, params):
    warehouse, day = Warehouse(utility), "2026-06-01"
    before = dataset.known(day, params, utility)

    warehouse.execute(
        "update features.features_demand_loads set replaced_on = date '2026-06-02' where local_date = date '2026-05-31'"
    )
    warehouse.execute(
        "insert into features.features_demand_loads by name select * replace (date '2026-06-02' as known_on, "
        "null as replaced_on, 9 * consumption_kwh as consumption_kwh) from features.features_demand_loads "
        "where local_date = date '2026-05-31'"
    )

    np.testing.assert_array_equal(dataset.known(day, params, utility).grid.load, before.grid.load)
    total = (before.series["level"] == "total").to_numpy()
    later = dataset.known("2026-06-02", params, utility).grid.load[total, before.cutoff - 1]
    np.testing.assert_allclose(later, 9 * before.grid.load[total, before.cutoff - 1], rtol=1e-6)


def test_missing_reads_are_scaled_up_and_too_few_are_no_load(utility, params):
    whole = dataset.known(AS_OF_DATE, params, utility)
    at = "interval_start_utc = timestamp '2026-07-14 12:00'"
    keep = "update features.features_demand_loads set measured_minutes = {}, consumption_kwh = {} * consumption_kwh "
    Warehouse(utility).execute(keep.format(450, 0.75) + f"where {at}")
    part = dataset.known(AS_OF_DATE, params, utility)
    column = part.cutoff - 12
    np.testing.assert_allclose(part.grid.load[:, column], whole.grid.load[:, column], rtol=1e-6)

    Warehouse(utility).execute(keep.format(290, 1) + f"where {at} and region_code = 'south'")

    few = dataset.known(AS_OF_DATE, params, utility).grid.load[:, column]
    unknown = set(part.series.loc[np.isnan(few), "series"])
    assert unknown == {"region/south", "feeder/south/S1"}


def test_past_days_are_learnt_from_by_the_weather_as_it_was_forecast(utility, params):
    demand = dataset.known(AS_OF_DATE, params, utility)
    issued = demand.grid.issued_weather
    weather = Warehouse(utility).arrow(
        "select valid_at_utc, temperature_c from features.features_demand "
        "where as_of_date = date '2026-06-01' and region_code = 'north' order by valid_at_utc"
    )

    cutoff = int(np.flatnonzero(demand.grid.times_utc == np.datetime64("2026-06-01"))[0])
    then = issued.temperature_c[list(issued.cutoffs).index(cutoff), issued.place[0]]
    wanted = weather["temperature_c"].to_numpy()[-len(then) :]
    np.testing.assert_allclose(then, wanted)
    came = demand.grid.temperature_c[0, 0, cutoff : cutoff + len(then)]
    assert np.abs(came[48:] - wanted[48:]).max() > 0.1, "what came is something else"


def test_an_earlier_issue_sees_neither_later_loads_nor_later_weather(utility, params):
    demand = dataset.known(AS_OF_DATE, params, utility)

    earlier = demand.issued_before(44)

    assert earlier.as_of_date == date(2026, 6, 1)
    own = dataset.known("2026-06-01", params, utility)
    np.testing.assert_array_equal(earlier.grid.load, own.grid.load)
    np.testing.assert_allclose(
        earlier.grid.temperature_c[..., earlier.cutoff :], own.grid.temperature_c[..., own.cutoff :]
    )
    assert (earlier.cutoff, earlier.tomorrow, earlier.horizon) == (own.cutoff, own.tomorrow, own.horizon)


def test_no_hour_of_the_test_window_is_unknown(utility, params):
    demand = dataset.known(AS_OF_DATE, params, utility)

    for days in dataset.test_issues(demand, params):
        issue = demand.issued_before(days)
        assert not np.isnan(demand.grid.load[:, issue.cutoff : issue.grid.load.shape[1]]).any()


def test_without_weather_there_is_none(utility, params):
    Warehouse(utility).execute("update features.features_demand set temperature_c = null")

    grid = dataset.known(AS_OF_DATE, params, utility).grid

    assert (len(grid.temperature_c), grid.issued_weather) == (0, None)


def test_skip_reason_is_none_where_a_model_can_learn(utility, params):
    assert dataset.skip_reason(AS_OF_DATE, params, utility) is None


def test_skip_reason_counts_the_days_that_are_known(utility, params):
    Warehouse(utility).execute("delete from features.features_demand_loads where local_date < date '2026-06-01'")

    assert "44 days with known loads" in dataset.skip_reason(AS_OF_DATE, params, utility)


def test_a_day_before_all_loads_says_so(utility, params):
    with pytest.raises(dataset.NoLoadError, match="Land meter reads"):
        dataset.known("2025-07-01", params, utility)

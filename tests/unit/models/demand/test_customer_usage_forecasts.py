"""Single customers: persistence as far as it is known, a model in units of each, and its skill over persistence."""

import numpy as np
import pandas as pd
import pytest

from models.demand.customer_usage import AHEAD_DAYS, HISTORY_DAYS, Days, Past, Usage, median_of_known
from models.demand.customers import QUANTILES, CustomerForecaster, CustomerTwins

DATES = np.datetime64("2026-07-15") + np.arange(1 - HISTORY_DAYS, AHEAD_DAYS + 1)
CUTOFF = HISTORY_DAYS - 1


def usage(kwh: np.ndarray, cutoff: int = CUTOFF) -> Usage:
    """Customers of one class with (customers, days) kWh, whatever lies behind the cutoff included."""
    names = np.array([f"C{number:06}" for number in range(len(kwh))], dtype=object)
    kind = np.full(len(kwh), "household", dtype=object)
    return Usage(names, kind, DATES, kwh, np.zeros(kwh.shape, dtype=bool), cutoff)


@pytest.fixture(scope="module")
def homes() -> Usage:
    """Three hundred homes of their own size and weekend, whose days are noise for the most part."""
    random, days = np.random.default_rng(4), len(DATES)
    weekend = (DATES.astype("datetime64[D]").astype(int) + 3) % 7 >= 5
    level = random.lognormal(2, 0.6, (300, 1)) * (1 + random.normal(0.1, 0.2, (300, 1)) * weekend)
    lasting = pd.DataFrame(random.normal(size=(days, 300))).ewm(halflife=2).mean().to_numpy().T
    kwh = level * np.exp(0.3 * lasting + 0.35 * random.normal(size=(300, days)))
    kwh[:, CUTOFF:] = np.nan
    return usage(kwh)


@pytest.fixture(scope="module")
def twins(homes: Usage) -> CustomerTwins:
    return CustomerTwins.fit(homes, seed=7)


def days(lead: int) -> Days:
    """The one day so many days behind the last known one."""
    return Days(np.array([0]), np.array([CUTOFF]), np.array([CUTOFF + lead - 1]))


@pytest.mark.parametrize(
    ("lead", "members"),
    [
        pytest.param(1, [7, 14, 21, 28, 1, 364], id="day_ahead"),
        pytest.param(8, [14, 21, 28, 35, 8, 364], id="second_week_looks_two_weeks_back"),
    ],
)
def test_persistence_is_of_the_days_alike_that_are_known(lead: int, members: list[int]):
    past = Past.of(usage(np.arange(len(DATES), dtype=float)[None]))

    found = past.ensemble(days(lead))[:, 0]

    assert (CUTOFF + lead - 1 - found).tolist() == members


def test_persistence_is_the_median_of_what_is_known():
    members = np.array([[1.0, np.nan, np.nan], [5.0, 2.0, np.nan], [2.0, 4.0, np.nan]])

    assert median_of_known(members) == pytest.approx([2.0, 3.0, np.nan], nan_ok=True)


def test_nothing_behind_the_cutoff_is_looked_at(homes: Usage, twins: CustomerTwins):
    seen = homes.kwh.copy()
    seen[:, CUTOFF:] = 999.0

    pd.testing.assert_frame_equal(twins.forecast(usage(seen)), twins.forecast(homes))


def test_forecasts_are_a_little_better_than_persistence(homes: Usage, twins: CustomerTwins):
    figures = twins.metrics(homes)

    assert 0 < figures["skill_customers"] < 0.3
    assert figures["skilled_customers"] > 0.6
    assert 0.72 < figures["coverage_80_customers"] < 0.88


def test_every_customer_has_five_weeks_with_quantiles_in_order(homes: Usage, twins: CustomerTwins):
    said = twins.forecast(homes)

    assert len(said) == AHEAD_DAYS * len(homes.kwh)
    assert set(said["days_ahead"]) == set(range(1, AHEAD_DAYS + 1))
    assert (np.diff(said[QUANTILES].to_numpy(), axis=1) >= 0).all()
    assert set(said["basis"]) == {"model"}
    assert said["skill"].notna().all()


def test_a_customer_counts_the_same_alone_as_among_others(homes: Usage, twins: CustomerTwins):
    alone = twins.forecast(usage(homes.kwh[:1]))

    pd.testing.assert_frame_equal(alone, twins.forecast(homes).head(AHEAD_DAYS))


def test_few_days_give_persistence_and_none_what_others_use(homes: Usage, twins: CustomerTwins):
    kwh = homes.kwh[:2].copy()
    kwh[0, : CUTOFF - 3] = np.nan
    kwh[1] = np.nan

    said = twins.forecast(usage(kwh))

    few, none = said[said["customer_id"] == "C000000"], said[said["customer_id"] == "C000001"]
    assert (set(few["basis"]), set(none["basis"])) == ({"persistence"}, {"other_customers"})
    assert few["p50_kwh"].between(0.5 * np.nanmin(kwh[0]), 1.5 * np.nanmax(kwh[0])).all()
    assert none["mean_kwh"].to_numpy() == pytest.approx(np.nanmean(homes.kwh))
    assert said["skill"].isna().all()


def test_without_enough_history_to_judge_by_there_is_persistence_alone(homes: Usage):
    kwh = homes.kwh.copy()
    kwh[:, : CUTOFF - 80] = np.nan

    said = CustomerTwins.fit(usage(kwh), seed=7).forecast(usage(kwh))

    assert set(said["basis"]) == {"persistence"}


def test_nobody_to_learn_from_is_no_error():
    nobody = usage(np.empty((0, len(DATES))))

    assert CustomerForecaster.fit(nobody, CUTOFF, seed=7).trees == ()
    assert CustomerTwins.none(nobody).forecast(nobody).empty

"""Time is the law of the churn data set: windows follow one another, and no label looks where a feature may."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_churn import GRID, LAST_DAY, PlantedUtility

from meterwise.outcomes import RefusedError
from models.churn.dataset import (
    ChurnSkippedError,
    labelled,
    scoring_set,
    skip_reason,
    split_windows,
    training_set,
)
from models.churn.params import ChurnParams

PARAMS = ChurnParams()
DAYS = st.lists(st.dates(date(2021, 1, 1), date(2026, 12, 31)), max_size=200)


@given(available=DAYS, as_of_date=st.dates(date(2021, 1, 1), date(2026, 12, 31)), horizon=st.integers(1, 200))
def test_label_windows_never_overlap_later_features(available: list[date], as_of_date: date, horizon: int) -> None:
    params = ChurnParams(horizon_days=horizon)
    gap = timedelta(days=horizon)

    windows = split_windows(available, as_of_date, params)

    if windows is not None:
        assert max(windows.train) + gap <= min(windows.calibrate)
        assert max(windows.calibrate) + gap <= min(windows.test)
        assert max(windows.test) + gap <= as_of_date
        days = [*windows.train, *windows.calibrate, *windows.test]
        assert set(days) <= set(available)
        assert all((b - a).days >= params.step_days for a, b in pairwise(days))


def test_the_demo_history_gives_four_test_days_and_most_to_training() -> None:
    windows = split_windows(GRID, LAST_DAY, PARAMS)

    assert windows is not None
    assert (len(windows.test), len(windows.calibrate), len(windows.train)) == (4, 4, 18)
    assert windows.test[-1] == LAST_DAY - timedelta(days=90)


def test_daily_partitions_do_not_outweigh_the_past() -> None:
    later = LAST_DAY + timedelta(days=130)
    daily = [LAST_DAY + timedelta(days=i) for i in range(131)]

    windows = split_windows([*GRID, *daily], later, PARAMS)

    assert windows is not None
    assert windows.test[-1] == later - timedelta(days=90)
    assert windows.test[-2] == later - timedelta(days=118)


def test_a_short_history_shrinks_the_test_and_then_says_so() -> None:
    assert split_windows(GRID[:12], LAST_DAY, PARAMS) is not None
    assert split_windows(GRID[:6], LAST_DAY, PARAMS) is None


def test_labels_are_the_departures_within_the_horizon(planted: PlantedUtility) -> None:
    day = GRID[5]

    frame = labelled([day], LAST_DAY, PARAMS, planted.settings)

    expected = planted.warehouse.arrow(
        "select distinct f.customer_id from features.features_churn f "
        "join marts.customer_departures d using (customer_id) "
        "where f.as_of_date = $day and d.left_on between $day + 1 and $day + 90",
        {"day": day},
    )["customer_id"].to_pylist()
    assert sorted(frame.loc[frame["has_left"], "customer_id"]) == sorted(expected)
    assert 0 < len(expected) < len(frame)


def test_an_open_label_window_is_refused(planted: PlantedUtility) -> None:
    with pytest.raises(ValueError, match="still open"):
        labelled([LAST_DAY - timedelta(days=89)], LAST_DAY, PARAMS, planted.settings)


def test_what_happens_after_the_day_of_training_changes_nothing(planted: PlantedUtility) -> None:
    before = training_set(LAST_DAY, PARAMS, planted.settings)

    planted.warehouse.execute(
        "insert into marts.customer_departures select distinct customer_id, $day::date + 1, 'switch' "
        "from features.features_churn",
        {"day": LAST_DAY},
    )

    after = training_set(LAST_DAY, PARAMS, planted.settings)
    for name in ("train", "calibrate", "test"):
        assert getattr(before, name).equals(getattr(after, name)), name


def test_attributes_of_the_crm_become_columns(planted: PlantedUtility) -> None:
    frame = scoring_set(LAST_DAY, planted.settings)

    assert set(frame["attribute_building"]) == {"flat", "house"}
    assert set(frame["attribute_owner's flats"]) == {"2"}
    assert "attributes" not in frame
    assert frame["customer_id"].is_monotonic_increasing


def test_a_day_without_features_says_what_to_build(planted: PlantedUtility) -> None:
    with pytest.raises(RefusedError, match="no customer for 2026-07-16"):
        scoring_set(LAST_DAY + timedelta(days=1), planted.settings)


def test_without_contracts_churn_is_skipped_in_words(planted: PlantedUtility) -> None:
    assert skip_reason(planted.last_day, planted.settings) is None
    planted.warehouse.execute("update features.features_churn set contract_age_days = null")

    reason = skip_reason(planted.last_day, planted.settings)

    assert reason is not None
    assert reason.startswith("churn is skipped: there are no CRM contracts")
    with pytest.raises(ChurnSkippedError, match="no CRM contracts"):
        training_set(LAST_DAY, PARAMS, planted.settings)


def test_without_departures_churn_is_skipped_in_words(planted: PlantedUtility) -> None:
    planted.warehouse.execute("delete from marts.customer_departures")

    assert "no customer is known to have left" in (skip_reason(planted.last_day, planted.settings) or "")


def test_too_few_departures_are_not_learnt_from(planted: PlantedUtility) -> None:
    planted.warehouse.execute(
        "delete from marts.customer_departures where customer_id not in "
        "(select customer_id from marts.customer_departures order by left_on limit 2)"
    )

    assert "at least 3 are needed" in (skip_reason(planted.last_day, planted.settings) or "")
    with pytest.raises(ChurnSkippedError, match=r"only \d customers left"):
        training_set(LAST_DAY, PARAMS, planted.settings)

"""Windows that do not touch, labels that were known, lags that were old enough."""

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_utility import AS_OF_DATE

from meterwise.warehouse import Warehouse
from models.demand import dataset
from models.demand.params import DemandParams

DAYS = st.dates(date(2020, 1, 1), date(2040, 1, 1))


@given(as_of=DAYS, params=st.builds(DemandParams, test_days=st.integers(1, 60), calibration_days=st.integers(1, 60)))
def test_no_hour_of_a_window_is_forecast_in_the_next_one(as_of, params):
    windows = dataset.Windows.of(as_of.isoformat(), params)
    horizon = timedelta(days=params.horizon_days)

    assert windows.train_last + horizon < windows.calibration_first
    assert windows.calibration_last + horizon < windows.test_first
    assert windows.test_last + horizon < as_of  # the reads of the day of issue come later


def test_split_keeps_the_windows_apart_by_the_horizon(utility, params):
    rows = dataset.labelled_rows(AS_OF_DATE, params, utility)

    split = dataset.split(rows, AS_OF_DATE, params)

    assert split.train["local_date"].max() < split.calibration["as_of_date"].min()
    assert split.calibration["local_date"].max() < split.test["as_of_date"].min()
    assert len(split.test) == params.test_days * 7 * 24 * 2


def test_no_label_is_of_the_day_of_issue_or_later(utility, params):
    # 2026-06-01 lies in the past of this warehouse: later loads are there, and must not be used.
    rows = dataset.labelled_rows("2026-06-01", params, utility)

    assert rows["local_date"].max() < pd.Timestamp("2026-06-01")
    assert rows["as_of_date"].max() + timedelta(days=7) < pd.Timestamp("2026-06-01")


def test_incomplete_hours_are_not_learnt_from(utility, params):
    Warehouse(utility).execute("update marts.region_load_hourly set is_complete = false where region_code = 'south'")

    rows = dataset.labelled_rows(AS_OF_DATE, params, utility)

    assert set(rows["region_code"]) == {"north"}


def test_rows_are_ordered_by_key_and_unique(utility, params):
    rows = dataset.labelled_rows(AS_OF_DATE, params, utility)

    keys = rows[dataset.KEY]
    assert keys.equals(keys.sort_values(dataset.KEY, ignore_index=True))
    assert not keys.duplicated().any()


def test_the_test_window_can_be_read_again_on_its_own(utility, params):
    split = dataset.split(dataset.labelled_rows(AS_OF_DATE, params, utility), AS_OF_DATE, params)

    alone = dataset.rows_of_test(AS_OF_DATE, params, utility)

    pd.testing.assert_frame_equal(alone, split.test.reset_index(drop=True))


def test_a_day_that_was_not_built_is_skipped_with_a_word(utility, params):
    assert dataset.skip_reason(AS_OF_DATE, params, utility) is None
    assert "was not built" in dataset.skip_reason("2027-01-01", params, utility)


def test_a_day_without_known_loads_is_skipped_with_a_word(utility, params):
    Warehouse(utility).execute("update features.features_demand set load_mean_7d_kwh = null")

    assert "Land meter reads" in dataset.skip_reason(AS_OF_DATE, params, utility)


@pytest.mark.parametrize("missing", ["load_mean_7d_kwh", "naive_kwh"])
def test_rows_without_a_scale_or_a_naive_forecast_are_left_out_of_training(utility, params, missing):
    Warehouse(utility).execute(f"update features.features_demand set {missing} = null where region_code = 'south'")

    assert set(dataset.labelled_rows(AS_OF_DATE, params, utility)["region_code"]) == {"north"}

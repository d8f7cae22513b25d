"""A score that needs no labels finds dead, stuck and night-bypassed meters among made-up homes, in any layout."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from meterwise.sources.cube import Cube, ReadsError, read_long, read_wide
from models.alerts.files import FEW, SHORT, score_cube
from models.alerts.params import AlertParams

HOMES, DAYS, SLOTS = 80, 42, 24
PARAMS = AlertParams(trees=40, rounds=2)
FAULTY = ("m003", "m017", "m042")


@pytest.fixture(scope="module")
def cube() -> Cube:
    rng = np.random.default_rng(5)
    shape = 0.2 + np.exp(-(((np.arange(SLOTS) - 19) / 3) ** 2)) + 0.5 * np.exp(-(((np.arange(SLOTS) - 8) / 2) ** 2))
    kwh = rng.uniform(0.3, 2, (HOMES, 1, 1)) * shape * rng.gamma(8, 1 / 8, (HOMES, DAYS, SLOTS))
    kwh[3, 25:] = 0
    kwh[17, 20:] = 0.31
    kwh[42, 15:, 17:23] = 0
    kwh[60, :30] = np.nan
    kwh[61, 12:14, 5:9] = np.nan
    kwh[62, :17] = np.nan
    kwh[63, 20:24] = np.nan
    ids = np.array([f"m{i:03}" for i in range(HOMES)])
    return Cube(ids, np.arange("2026-03-10", DAYS, dtype="datetime64[D]"), kwh.astype(np.float32).round(4))


@pytest.fixture(scope="module")
def scored(cube: Cube) -> pd.DataFrame:
    return score_cube(cube, PARAMS).meters


def test_faults_come_first_with_their_day_and_the_rest_of_the_homes_after(scored: pd.DataFrame) -> None:
    assert set(scored["meter_id"].head(3)) == set(FAULTY)
    dead = scored.set_index("meter_id").loc[["m003"]].iloc[0]
    assert str(dead["evidence"]).startswith("since 2026-04-04: 0.0 kWh a day")
    assert dead["type"] == "dead_meter"


def test_a_meter_that_reports_later_or_with_gaps_is_not_suspect_for_it(scored: pd.DataFrame) -> None:
    assert (scored.set_index("meter_id").loc[["m061", "m062", "m063"], "type"] == "none").all()


def test_a_short_history_gets_no_score(scored: pd.DataFrame) -> None:
    short = scored.set_index("meter_id").loc["m060"]

    assert np.isnan(short["score"])
    assert short["evidence"] == SHORT


def test_the_same_file_gives_the_same_scores_wide_and_long(cube: Cube, scored: pd.DataFrame, tmp_path: Path) -> None:
    times = [f"{hour:02}:00" for hour in range(SLOTS)]
    frame = pd.DataFrame(cube.kwh.reshape(-1, SLOTS).astype(float).round(4), columns=times)
    frame.insert(0, "meter", np.repeat(cube.meter_ids, DAYS))
    frame.insert(1, "date", np.tile(cube.days, HOMES))
    frame.to_csv(tmp_path / "wide.csv", index=False)
    rows = frame.melt(["meter", "date"], var_name="hour", value_name="kwh").dropna()
    rows.assign(time=rows["date"].astype(str) + " " + rows["hour"]).to_csv(tmp_path / "long.csv", index=False)

    wide = read_wide(tmp_path / "wide.csv", "meter", "date")
    long = read_long(tmp_path / "long.csv", "meter", "time", "kwh")

    np.testing.assert_array_equal(wide.kwh, long.kwh)
    pd.testing.assert_frame_equal(score_cube(long, PARAMS).meters, scored)


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "reads.csv").write_text("meter,day\na,2026-01-01\n")

    with pytest.raises(ReadsError, match="no column date"):
        read_wide(tmp_path / "reads.csv", "meter", "date")


def test_a_few_meters_do_not_know_what_is_usual(cube: Cube) -> None:
    few = score_cube(Cube(cube.meter_ids[:20], cube.days, cube.kwh[:20]), PARAMS).meters

    assert few["score"].isna().all()
    assert set(few["evidence"]) == {FEW}


def test_only_the_newest_days_count(cube: Cube, scored: pd.DataFrame) -> None:
    day = np.timedelta64(1, "D")
    older = np.arange(cube.days[0] - 10 * day, cube.days[0])
    longer = Cube(cube.meter_ids, np.r_[older, cube.days], np.concatenate([cube.kwh[:, :10] * 3, cube.kwh], axis=1))
    params = PARAMS.model_copy(update={"most_days": DAYS})

    pd.testing.assert_frame_equal(score_cube(longer, params).meters, scored)

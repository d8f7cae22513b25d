"""The contract of both files, by name and kind; and the picture."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_up_load import ZONE, LastWeek, LastWeekForPlainLags, frame, load_of, local_texts, utc, written

from models.demand.backtest import run
from models.demand.backtest.backtest import Places, backtest
from models.demand.backtest.columns import Columns
from models.demand.backtest.options import Options
from models.demand.backtest.run import Fit, Task

FIGURES = ["mase", "scaled_quantile_loss", "mape", "wape", "mae", "rmse", "bias", "coverage_80", "coverage", "pinball"]


@pytest.fixture(autouse=True)
def _quick_plain_lags(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "with_lightgbm" not in request.fixturenames:
        monkeypatch.setattr(run, "PlainLags", LastWeekForPlainLags)


@pytest.fixture
def with_lightgbm() -> None:
    """Leaves plain LightGBM what it is."""


def last_week(task: Task, options: Options) -> Fit:
    return lambda history: LastWeek(history, options.target == "daily-max")


def track(what: str, total: int) -> Callable[[], None]:
    return lambda: None


def ran(rows: pd.DataFrame, folder: Path, **changed: object) -> tuple[dict[str, object], pd.DataFrame]:
    options = {"timezone": ZONE, "freq": "1h", "horizon": "2d", "step": "2d", "windows": 3, "quantiles": "0.1,0.5,0.9"}
    columns = changed.pop("columns", Columns("time", "load"))
    places = Places(folder / "out" / "metrics.json", folder / "forecasts.parquet", folder / "out" / "picture.png")
    backtest(Options(written(rows, folder), columns, **options | changed), places, last_week, track)  # type: ignore
    assert places.picture.read_bytes().startswith(b"\x89PNG")
    return json.loads(places.figures.read_text()), pd.read_parquet(places.forecasts)


def test_the_figures_have_their_names(tmp_path: Path) -> None:
    found, _ = ran(frame(), tmp_path)

    assert list(found) == ["protocol", "model", "seasonal_naive", "week_ago", "lightgbm_plain_lags", "skill"]
    assert list(found["model"]) == [*FIGURES, "peak_days", "seconds", "peak_memory_mb", "basis"]
    assert list(found["week_ago"]) == [*FIGURES, "peak_days"]
    assert list(found["model"]["peak_days"]) == ["mape", "bias", "season_max_error", "hits", "days"]
    assert found["model"]["basis"] == {"last_week": 1.0}
    assert found["model"]["mase"] == found["week_ago"]["mase"]
    assert found["skill"] == {"mase_against_better_naive": pytest.approx(0, abs=1)}
    assert found["week_ago"]["coverage"] is None


@pytest.mark.usefixtures("with_lightgbm")
@pytest.mark.parametrize(
    "asked", [{}, {"target": "daily-max", "horizon": "24h", "step": "24h", "windows": 20}], ids=["interval", "daily"]
)
def test_plain_lightgbm_has_its_figures_beside_the_naive_ones(tmp_path: Path, asked: dict[str, object]) -> None:
    plain = ran(frame(), tmp_path, **asked)[0]["lightgbm_plain_lags"]

    assert list(plain) == [*FIGURES, "peak_days"]
    assert plain["coverage"] is None
    assert plain["coverage_80"] is None
    assert all(0 < plain[name] < 2 for name in ("mase", "scaled_quantile_loss", "mape", "wape", "mae", "rmse"))
    assert list(plain["pinball"]) == ["0.1", "0.5", "0.9"]


def test_the_protocol_says_what_was_asked_and_what_came_of_it(tmp_path: Path) -> None:
    protocol = ran(frame(), tmp_path, known=True)[0]["protocol"]

    assert protocol["file"] == str(tmp_path / "town.csv")
    assert (protocol["series"], protocol["rows"], protocol["windows_run"]) == (1, 144, 3)
    assert protocol["windows"] == ["2024-02-23T23:00:00", "2024-02-27T23:00:00"]
    assert protocol["weather"] == "no temperature"
    notes = " ".join(protocol["notes"])
    for words in ("--known has no effect", "coverage is null", "peak_memory_mb is"):
        assert words in notes


def test_the_forecasts_have_their_names_and_kinds(tmp_path: Path) -> None:
    _, forecasts = ran(frame(), tmp_path, quantiles="0.05,0.5,0.95")

    schema = pq.read_schema(tmp_path / "forecasts.parquet")
    assert dict(zip(schema.names, schema.types, strict=True)) == {
        "unique_id": pa.string(),
        "cutoff": pa.timestamp("us"),
        "ds": pa.timestamp("us"),
        "y": pa.float64(),
        "y_hat": pa.float64(),
        "q0.05": pa.float64(),
        "q0.5": pa.float64(),
        "q0.95": pa.float64(),
        "basis": pa.string(),
    }
    assert len(forecasts) == 3 * 48
    first = forecasts.groupby("cutoff")["ds"].min()
    assert (first - first.index == pd.Timedelta("1h")).all()
    wanted = frame().assign(ds=lambda rows: pd.to_datetime(rows["time"]).dt.tz_localize(None))
    joined = forecasts.merge(wanted, on="ds", how="left")
    np.testing.assert_array_equal(joined["y"], joined["load"])


def test_times_are_those_of_the_file(tmp_path: Path) -> None:
    index = utc("2024-09-30", 30)
    rows = pd.DataFrame({"time": local_texts(index), "load": load_of(index)})

    _, forecasts = ran(rows, tmp_path, horizon="3d", windows=2)

    said = forecasts["ds"].dt.strftime("%Y-%m-%d %H:%M")
    assert said.tolist()[-72:] == rows["time"].tolist()[-72:]
    assert (said == "2024-10-27 02:00").sum() == 4, "both windows hold the hour that comes twice"


def test_daily_maxima_have_local_dates(tmp_path: Path) -> None:
    rows = frame("2024-02-20", 60).assign(a=np.nan)

    found, forecasts = ran(rows, tmp_path, target="daily-max", horizon="24h", step="24h", windows=30)

    assert len(forecasts) == 30
    assert forecasts["ds"].tolist() == list(pd.date_range("2024-03-21", periods=30))
    assert (forecasts["ds"] - forecasts["cutoff"] == pd.Timedelta("1d")).all()
    days = pd.to_datetime(rows["time"]).dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize()
    assert forecasts["y"].tolist() == rows["load"].groupby(days).max().loc[forecasts["ds"]].tolist()
    assert found["model"]["peak_days"]["days"] == 3


def test_several_series_are_shown_one_by_one(tmp_path: Path) -> None:
    rows = pd.concat([frame().assign(name="north"), frame().assign(name="south", load=3.5)])

    found, forecasts = ran(rows, tmp_path, columns=Columns("time", "load", "name"))

    assert list(found["by_series"]) == ["north", "south"]
    assert found["by_series"]["south"] == {"mase": None, "wape": 0.0}, "what never changes has no scale"
    assert forecasts["unique_id"].value_counts().to_dict() == {"north": 144, "south": 144}


def test_temperature_that_ends_early_is_said(tmp_path: Path) -> None:
    rows = frame().assign(temp=4.0)
    rows.loc[len(rows) - 24 :, "temp"] = np.nan

    protocol = ran(rows, tmp_path, known=True, columns=Columns("time", "load", temperatures=("temp",)))[0]["protocol"]

    assert protocol["weather"] == "actual temperature known over the horizon"
    assert "Temperature is missing in the last window, 50% of the horizon" in " ".join(protocol["notes"])

"""`meterwise backtest demand` through the front door."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from made_up_load import ZONE, LastWeek, LastWeekForPlainLags, frame, written
from typer.testing import CliRunner

from meterwise.cli import app
from models.demand.grid import LoadGrid


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Grid and the rest that our forecasters were fitted with; others that repeat last week stand in for them."""
    called: list[Any] = []

    class Load:
        @staticmethod
        def fit(grid: LoadGrid, *what: Any) -> LastWeek:
            called.append((grid, *what))
            return LastWeek(grid)

    class Peak:
        @staticmethod
        def fit(grid: LoadGrid, *what: Any) -> LastWeek:
            called.append((grid, *what))
            return LastWeek(grid, by_day=True)

    def tune(grid: LoadGrid, horizon: int, weather: bool, params: Any, threads: int, budget: timedelta) -> str:
        return f"tuned on {grid.load.shape[1]} in {budget}"

    monkeypatch.setattr("models.demand.backtest.ours.LoadForecaster", Load)
    monkeypatch.setattr("models.demand.backtest.ours.PeakForecaster", Peak)
    monkeypatch.setattr("models.demand.backtest.ours.tune", tune)
    monkeypatch.setattr("models.demand.backtest.run.PlainLags", LastWeekForPlainLags)
    return called


def run(path: Path, *more: str) -> Result:
    folder = path.parent
    files = ["--out", str(folder / "metrics.json"), "--forecasts", str(folder / "forecasts.parquet")]
    common = ["--series", str(path), "--time", "time", "--value", "load", "--freq", "1h", "--windows", "3"]
    return CliRunner().invoke(app, ["backtest", "demand", *common, *files, *more])


def metrics(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


def test_a_file_becomes_figures_forecasts_a_picture_and_a_table(tmp_path: Path) -> None:
    found = run(written(frame(), tmp_path), "--timezone", ZONE)

    assert found.exit_code == 0, found.output
    forecasts = pd.read_parquet(tmp_path / "forecasts.parquet")
    assert len(forecasts) == 3 * 168
    assert forecasts.notna().all().all()
    assert (tmp_path / "picture.png").stat().st_size > 10_000
    for words in ("3 windows of 168h", "Meterwise", "last week again", "plain LightGBM", "better naive one"):
        assert words in found.output
    figures = metrics(tmp_path)
    assert figures["model"]["mase"] < figures["lightgbm_plain_lags"]["mase"] < 1.5
    assert figures["model"]["basis"] == {"model": 1.0}


@pytest.mark.parametrize(
    "named",
    [
        ["--temperature", "north", "south", "--known"],
        ["--temperature", "north", "--temperature", "south", "--known"],
        ["--known", "--temperature", "north,south"],
    ],
)
def test_temperatures_may_be_named_in_three_ways(tmp_path: Path, fits: list[Any], named: list[str]) -> None:
    one_day = ["--timezone", ZONE, "--windows", "1", "--horizon", "24h"]

    found = run(written(frame().assign(north=1.0, south=2.0), tmp_path), *one_day, *named)

    assert found.exit_code == 0, found.output
    assert fits[0][1:3] == (24, True)
    assert metrics(tmp_path)["protocol"]["weather"] == "actual temperature known over the horizon"


def test_school_holidays_and_the_days_of_a_country_reach_the_model(tmp_path: Path, fits: list[Any]) -> None:
    """In China, 4 February 2024 was a Sunday that was worked, and Spring Festival began on the tenth."""
    rows = frame().assign(pupils_free=lambda rows: rows["time"].between("2024-01-20", "2024-02-25").astype(int))
    place = ["--timezone", "Asia/Shanghai", "--country", "CN", "--school-holidays", "pupils_free"]

    found = run(written(rows, tmp_path), *place, "--windows", "1", "--horizon", "24h")

    assert found.exit_code == 0, found.output
    grid: LoadGrid = fits[0][0]
    first = {name: str(grid.local_times[mark[0] > 0][0])[:10] for name, mark in grid.day_marks.items()}
    assert first["worked_weekend"] == "2024-02-04"
    assert first["festival"] == "2024-02-10"
    assert first["school_holiday"] == "2024-01-20"
    assert metrics(tmp_path)["protocol"]["school_holidays"] == "pupils_free"


def test_humidity_reaches_the_model_and_is_known_ahead_like_temperature(tmp_path: Path, fits: list[Any]) -> None:
    rows = frame().assign(outside=20.0, damp=60.0, damper=80.0)
    place = ["--timezone", ZONE, "--windows", "1", "--humidity", "damp,damper"]

    found = run(written(rows, tmp_path), *place, "--temperature", "outside", "--known")

    assert found.exit_code == 0, found.output
    assert np.unique(fits[0][0].humidity_pct, axis=2).tolist() == [[[60.0]], [[80.0]]]
    assert metrics(tmp_path)["protocol"]["humidity"] == ["damp,damper"]
    alone = run(written(rows, tmp_path), *place)
    assert "--humidity has no effect without --temperature." in alone.output


def test_daily_maxima_are_asked_for_in_days_and_tuned_on_what_lies_before(tmp_path: Path, fits: list[Any]) -> None:
    days = ["--target", "daily-max", "--horizon", "24h", "--step", "24h", "--tune-before"]

    found = run(written(frame(), tmp_path), "--timezone", "UTC", *days)

    assert found.exit_code == 0, found.output
    wanted = [(1, f"tuned on {57 * 24} in 0:10:00")]
    assert [(fit[1], fit[3]) for fit in fits] == wanted, "three days need one fit a week"
    assert metrics(tmp_path)["protocol"]["target"] == "daily-max"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--id", "meter"], "has no column meter; it has time, load."),
        (["--freq", "7min"], "--freq 7min does not divide a day"),
        (["--freq", "30min"], "has a row every 1h, not every 30min: say --freq 1h."),
        (["--horizon", "90min"], "--horizon 90min is no multiple of --freq 1h."),
        (["--timezone", "Mars/Olympus"], "--timezone Mars/Olympus is unknown"),
        (["--country", "XX"], "--country XX is unknown"),
        (["--horizon", "60d"], "0 of 3 windows fit: the file has 60.0 days of load"),
        (["--quantiles", "10,90"], "--quantiles 10,90: write levels between 0 and 1"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path, fits: list[Any], more: list[str], words: str) -> None:
    found = run(written(frame(), tmp_path), *more)

    assert found.exit_code == 1
    assert words in found.output
    assert "Traceback" not in found.output
    assert not (tmp_path / "metrics.json").exists()


def test_a_column_without_an_option_is_not_guessed_at(tmp_path: Path, fits: list[Any]) -> None:
    found = run(written(frame(), tmp_path), "north")

    assert found.exit_code == 2
    assert "What is north for?" in found.output


def test_our_daily_maxima_are_forecast_from_the_intervals(tmp_path: Path) -> None:
    days = ["--target", "daily-max", "--horizon", "2d", "--step", "2d"]

    found = run(written(frame(), tmp_path), "--timezone", ZONE, *days)

    assert found.exit_code == 0, found.output
    forecasts = pd.read_parquet(tmp_path / "forecasts.parquet")
    assert len(forecasts) == 3 * 2
    assert forecasts.notna().all().all()
    assert metrics(tmp_path)["model"]["basis"] == {"model": 1.0}
    assert metrics(tmp_path)["model"]["mape"] < 0.05


Change = Callable[[pd.DataFrame], pd.DataFrame]


def dropped(rows: pd.DataFrame) -> pd.DataFrame:
    """Five days are missing, and every twentieth row."""
    return rows[(rows.index % 20 != 3) & ((rows.index < 700) | (rows.index >= 820))]


def doubled(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows, rows.iloc[100:200], rows.iloc[300:310].assign(load=1.0)])


def hung(rows: pd.DataFrame) -> pd.DataFrame:
    """The feed shows one value for the two days before the first window."""
    first = len(rows) - 3 * 48
    return rows.assign(load=rows["load"].where((rows.index < first - 48) | (rows.index >= first), 9.75))


def without_temperature_at_last(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(outside=rows["outside"].where(rows.index < len(rows) - 24))


@pytest.mark.parametrize(
    ("change", "words", "basis"),
    [
        (dropped, "have no load, the longest 5d", {"model", "without_weather"}),
        (doubled, "10 time(s) have several values: their mean is taken", {"model"}),
        (hung, "1 stretch(es) of a day or more show one and the same value, the longest 2d", {"without_recent_load"}),
        (lambda rows: rows.tail(26 * 24), "1 window(s) have less than 21 days of history", {"like_day"}),
        (lambda rows: rows.tail(19 * 24), "2 of 3 windows were run", {"like_day"}),
        (lambda rows: rows.assign(load=0.0), "in the 80 % band", {"like_day"}),
        (lambda rows: rows.assign(load=rows["load"] - 20), "in the 80 % band", {"model"}),
        (without_temperature_at_last, "Temperature is missing in the last window", {"without_weather"}),
        (lambda rows: rows.assign(outside=np.nan), "in the 80 % band", {"model"}),
    ],
    ids=["gaps", "doubles", "hung", "three weeks", "too short", "zeros", "negative", "weather ends", "no weather"],
)
def test_a_poor_file_has_a_forecast_everywhere_and_says_on_what_it_rests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change, words: str, basis: set[str]
) -> None:
    monkeypatch.setattr("models.demand.backtest.run.PlainLags", LastWeekForPlainLags)
    rows = frame().assign(outside=lambda rows: 5 + np.sin(np.arange(len(rows)) / 30) * 4)
    path = written(change(rows), tmp_path)

    two_days = ["--horizon", "48h", "--step", "48h", "--temperature", "outside", "--known"]
    found = run(path, "--timezone", ZONE, *two_days)

    assert found.exit_code == 0, found.output
    assert words in " ".join(found.output.split())
    forecasts = pd.read_parquet(tmp_path / "forecasts.parquet")
    said = [name for name in forecasts.columns if name not in {"unique_id", "cutoff", "ds", "y", "basis"}]
    assert np.isfinite(forecasts[said].to_numpy()).all()
    assert (np.diff(forecasts[said[1:]].to_numpy(), axis=1) >= 0).all()
    assert (forecasts.groupby("cutoff").size() == 48).all()
    shares = metrics(tmp_path)["model"]["basis"]
    assert sum(shares.values()) == pytest.approx(1)
    assert basis <= set(shares) <= {*basis, "model"}


def test_times_without_a_zone_end_with_the_cure(tmp_path: Path) -> None:
    rows = frame().assign(time=lambda rows: rows["time"].str.rstrip("Z"))

    found = run(written(rows, tmp_path))

    assert found.exit_code == 1
    assert "times have no zone; say whose clock with --timezone" in " ".join(found.output.split())
    assert "Traceback" not in found.output


def test_a_region_without_history_stands_on_the_others(tmp_path: Path) -> None:
    rows = pd.concat([frame().assign(region="old"), frame().tail(2 * 24).assign(region="new")])

    found = run(written(rows, tmp_path), "--timezone", ZONE, "--id", "region", "--horizon", "48h", "--step", "48h")

    assert found.exit_code == 0, found.output
    forecasts = pd.read_parquet(tmp_path / "forecasts.parquet")
    assert forecasts["y_hat"].notna().all()
    assert set(forecasts["basis"][forecasts["unique_id"] == "new"]) == {"other_series"}
    assert set(forecasts["basis"][forecasts["unique_id"] == "old"]) == {"model"}

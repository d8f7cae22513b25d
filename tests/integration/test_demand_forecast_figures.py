"""The forecast of half-hourly load of Victoria: summer peaks, and a week ahead. Nothing is tuned on what is scored."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from meterwise.cli import app

FILE = Path(__file__).parents[2].parent / "shared" / "data" / "victoria" / "demand_30min.csv.gz"
COLUMNS = ["--time", "Time", "--value", "Demand", "--temperature", "Temperature", "--holidays", "Holiday"]
PLACE = ["--timezone", "Australia/Melbourne", "--freq", "30min"]

pytestmark = [pytest.mark.figures, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def victoria() -> pd.DataFrame:
    if not FILE.is_file():
        pytest.skip(f"The load {FILE} is not on this machine.")
    return pd.read_csv(FILE)


def ran(file: Path, folder: Path, *more: str) -> tuple[dict[str, Any], pd.DataFrame]:
    out, forecasts = folder / "metrics.json", folder / "forecasts.parquet"
    files = ["--series", str(file), "--out", str(out), "--forecasts", str(forecasts)]
    found = CliRunner().invoke(app, ["backtest", "demand", *files, *COLUMNS, *PLACE, *more])
    assert found.exit_code == 0, found.output
    return json.loads(out.read_text()), pd.read_parquet(forecasts)


@pytest.fixture(scope="module")
def summer(victoria: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Figures of the daily maxima of 90 days, each known from midnight on with the day's actual temperature."""
    folder = tmp_path_factory.mktemp("summer")
    victoria[victoria["Date"] <= "2014-02-28"].to_csv(folder / "victoria.csv", index=False)
    days = ["--target", "daily-max", "--horizon", "24h", "--step", "24h", "--windows", "90", "--refit", "7d", "--known"]
    _, forecasts = ran(folder / "victoria.csv", folder, *days)
    assert [str(day.date()) for day in (forecasts["ds"].min(), forecasts["ds"].max())] == ["2013-12-01", "2014-02-28"]
    actual, said = forecasts["y"].to_numpy(), forecasts["y_hat"].to_numpy()
    assert np.isfinite(actual).sum() == 90
    error, highest = said / actual - 1, np.argsort(actual)[-9:]
    return {
        "mape": float(np.abs(error).mean()),
        "mape_of_the_highest": float(np.abs(error[highest]).mean()),
        "bias_of_the_highest": float((said[highest] - actual[highest]).sum() / actual[highest].sum()),
        "season_max_error": float(said.max() / actual.max() - 1),
        "hits": len(np.intersect1d(highest, np.argsort(said)[-9:])),
    }


def test_the_highest_days_of_a_summer_with_a_heat_wave(summer: dict[str, float]) -> None:
    assert summer["mape_of_the_highest"] <= 0.055, summer
    assert abs(summer["bias_of_the_highest"]) <= 0.03, summer


MISSED = "The four days of 41 to 44 degrees in January 2014 are forecast too high: docs/backtest.md has the figures."


@pytest.mark.xfail(strict=True, reason=MISSED)
def test_all_days_of_a_summer_with_a_heat_wave(summer: dict[str, float]) -> None:
    assert summer["mape"] <= 0.045, summer


@pytest.mark.xfail(strict=True, reason=MISSED)
def test_the_highest_day_of_a_summer_with_a_heat_wave(summer: dict[str, float]) -> None:
    assert abs(summer["season_max_error"]) <= 0.04, summer
    assert summer["hits"] >= 8, summer


@pytest.mark.parametrize("weather", [["--known"], []], ids=["known", "unknown"])
def test_a_week_ahead_beats_the_better_naive_forecast(
    victoria: pd.DataFrame, tmp_path: Path, weather: list[str]
) -> None:
    week = ["--horizon", "168h", "--step", "168h", "--windows", "13", "--refit", "28d"]

    found, forecasts = ran(FILE, tmp_path, *week, *weather)

    assert len(forecasts) == 13 * 336
    assert forecasts.notna().all().all()
    assert found["model"]["basis"] == {"model": 1.0}
    assert found["skill"]["mase_against_better_naive"] >= 0.25, found["model"]

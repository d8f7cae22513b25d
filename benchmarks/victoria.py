"""How good the load forecast is on half-hourly load of Victoria, Australia (``make bench-victoria``).

The summer's daily maxima, and a week ahead over the last 52 weeks, with the temperature of the horizon known and not.

Columns Time (UTC), Demand (MW), Temperature (degrees C), Date (local), Holiday; 2012 to 2014. Nothing is tuned on what
is scored here.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from meterwise.cli import app
from meterwise.commands.document_blocks import write_block

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "backtest.md"
FILE = ROOT.parent / "shared" / "data" / "victoria" / "demand_30min.csv.gz"
COLUMNS = ["--time", "Time", "--value", "Demand", "--temperature", "Temperature", "--holidays", "Holiday"]
PLACE = ["--timezone", "Australia/Melbourne", "--freq", "30min"]
SUMMER = ["--target", "daily-max", "--horizon", "24h", "--step", "24h", "--windows", "90", "--refit", "7d"]
WEEKS = ["--horizon", "168h", "--step", "168h", "--windows", "52"]
SUMMER_END = "2014-02-28"
HIGHEST = 9
WEATHER = {"known": ["--known"], "unknown": []}
MODELS = {
    "model": "Meterwise",
    "seasonal_naive": "24 hours ago",
    "week_ago": "a week ago",
    "lightgbm_plain_lags": "plain LightGBM",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=Path, default=FILE)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/backtest.md")
    asked = parser.parse_args()
    if not asked.series.is_file():
        raise SystemExit(f"{asked.series} is not on this machine; name the file with --series.")
    with tempfile.TemporaryDirectory() as folder:
        text = _summer(asked.series, Path(folder)) + "\n" + _weeks(asked.series, Path(folder))
    print(text)
    if asked.write:
        write_block(PAGE, "victoria", text)


def _ran(file: Path, folder: Path, *more: str) -> tuple[dict[str, Any], pd.DataFrame]:
    out, forecasts = folder / "metrics.json", folder / "forecasts.parquet"
    files = ["--series", str(file), "--out", str(out), "--forecasts", str(forecasts)]
    found = CliRunner().invoke(app, ["backtest", "demand", *files, *COLUMNS, *PLACE, *more])
    if found.exit_code:
        raise SystemExit(found.output)
    return json.loads(out.read_text()), pd.read_parquet(forecasts)


def _summer(file: Path, folder: Path) -> str:
    rows, cut = pd.read_csv(file), folder / "victoria.csv"
    rows[rows["Date"] <= SUMMER_END].to_csv(cut, index=False)
    text = (
        "Daily maxima, December 2013 to February 2014, each forecast at midnight, fitted anew weekly:\n\n"
        f"| temperature of the day | MAPE | the {HIGHEST} highest days: MAPE | bias | named | season's maximum "
        "| in the 80 % band | yesterday's: MAPE |\n|---|---|---|---|---|---|---|---|\n"
    )
    for name, option in WEATHER.items():
        found, forecasts = _ran(cut, folder, *SUMMER, *option)
        text += f"| {name} | {_of_days(forecasts)} | {found['seasonal_naive']['mape']:.1%} |\n"
    return text


def _of_days(forecasts: pd.DataFrame) -> str:
    actual, said = forecasts["y"].to_numpy(), forecasts["y_hat"].to_numpy()
    error, highest = said / actual - 1, np.argsort(actual)[-HIGHEST:]
    inside = (forecasts["q0.1"] <= forecasts["y"]) & (forecasts["y"] <= forecasts["q0.9"])
    named = len(np.intersect1d(highest, np.argsort(said)[-HIGHEST:]))
    bias = (said[highest] - actual[highest]).sum() / actual[highest].sum()
    return (
        f"{np.abs(error).mean():.2%} | {np.abs(error[highest]).mean():.2%} | {bias:+.1%} | {named} of {HIGHEST} "
        f"| {said.max() / actual.max() - 1:+.1%} | {inside.mean():.1%}"
    )


def _weeks(file: Path, folder: Path) -> str:
    text = (
        "Half-hours a week ahead, the last 52 weeks, fitted anew weekly (seconds of the model alone):\n\n"
        "| temperature | forecast | MASE | MAPE | scaled quantile loss | in the 80 % band | bias | s | MB |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    for name, option in WEATHER.items():
        found, _ = _ran(file, folder, *WEEKS, *option)
        for model, title in MODELS.items():
            text += f"| {name} | {title} | {_of_intervals(found[model])} |\n"
        text += f"| {name} | *saved of the better naive* | {found['skill']['mase_against_better_naive']:.1%} ||||||\n"
    return text


def _of_intervals(figures: dict[str, Any]) -> str:
    band = figures["coverage_80"]
    return (
        f"{figures['mase']:.3f} | {figures['mape']:.1%} | {figures['scaled_quantile_loss']:.3f} "
        f"| {'' if band is None else f'{band:.1%}'} | {figures['bias']:+.1%} "
        f"| {figures.get('seconds', 0) or 0:.0f} | {figures.get('peak_memory_mb', 0) or 0:.0f}"
    ).replace("| 0 | 0", "| | ")


if __name__ == "__main__":
    main()

"""How good the forecast of customers' months is on ten Australian homes, and how fast on many (``make bench-bills``).

Half-hours of 13 to 25 months, a clock without daylight saving. Nothing is tuned on what is scored: decision 0192.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from meterwise.cli import app
from meterwise.commands.backtest_bill import HORIZONS, MODELS
from meterwise.commands.document_blocks import write_block
from models.bills.day_grid import DayGrid, months
from models.bills.forecaster import BillForecaster

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "bills.md"
FILE = ROOT.parent / "shared" / "data" / "australian_homes" / "reads_30min.csv.gz"
COLUMNS = ["--id", "customer_id", "--time", "reading_datetime", "--kwh", "general_supply_kwh"]
CUSTOMERS, DAYS = 10_000, 731


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reads", type=Path, default=FILE)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/bills.md")
    asked = parser.parse_args()
    if not asked.reads.is_file():
        raise SystemExit(f"{asked.reads} is not on this machine; name the file with --reads.")
    with tempfile.TemporaryDirectory() as folder:
        text = _homes(_ran(asked.reads, Path(folder))) + "\n" + _speed()
    print(text)
    if asked.write:
        write_block(PAGE, "homes", text)


def _ran(file: Path, folder: Path) -> dict[str, Any]:
    out = folder / "metrics.json"
    files = ["--reads", str(file), "--out", str(out), "--forecasts", str(folder / "forecasts.parquet")]
    found = CliRunner().invoke(app, ["backtest", "bill", *files, *COLUMNS])
    if found.exit_code:
        raise SystemExit(found.output)
    figures: dict[str, Any] = json.loads(out.read_text())
    return figures


def _homes(found: dict[str, Any]) -> str:
    text = (
        "| known at | forecast | WAPE | MAPE | bias | in the 80 % band | pinball, kWh | months |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    for horizon, title in HORIZONS.items():
        for name, words in MODELS.items():
            if horizon in found[name]:
                text += f"| {title} | {words} | {_figures(found[name][horizon])} |\n"
    model = found["model"]
    return (
        text + f"\nThe model's fits and forecasts took {model['seconds']:.0f} s and {model['peak_memory_mb']:.0f} MB.\n"
    )


def _figures(found: dict[str, Any]) -> str:
    return (
        f"{found['wape']:.1%} | {found['mape']:.1%} | {found['bias']:+.1%} | {found['coverage_80']:.1%} "
        f"| {found['pinball']:.2f} | {found['months']}"
    )


def _speed() -> str:
    draw, day = np.random.default_rng(1), np.arange(DAYS)
    season = 1 + 0.3 * np.cos(2 * np.pi * day / 365.25)
    kwh = draw.lognormal(2.3, 0.6, (CUSTOMERS, 1)) * season * draw.lognormal(0, 0.3, (CUSTOMERS, DAYS))
    ids, dates = np.arange(CUSTOMERS).astype(str), np.datetime64("2023-01-01") + day
    grid = DayGrid.of_measured(ids, dates, kwh, np.ones(kwh.shape), np.zeros(kwh.shape, dtype=np.bool_))
    month, started = months(dates)[-1], time.process_time()
    BillForecaster.fit(grid, month, month.first).predict(grid, month, month.first)
    seconds = time.process_time() - started
    what = f"The next month of {CUSTOMERS:,} customers with 24 months of days, fit and forecast"
    return f"{what}: {seconds:.1f} s, one core.\n"


if __name__ == "__main__":
    main()

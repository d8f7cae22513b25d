"""The load forecast beside plain mlforecast and OpenSTEF 4, on the same rows and cutoffs (``make bench-forecasts``).

The load is made up, so that anyone can run it, or read from a file (``--series``, as in ``meterwise backtest demand``).
Each forecaster runs in a process of its own, with the same knowledge and threads; the figures of all are computed by
``models.demand.backtest``. Then a year of a thousand feeders is trained and forecast, against a clock.
"""

import argparse
import importlib
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from made_up_feeders import COUNTRY, LATITUDE, LONGITUDE, ZONE, made_up_feeders
from meterwise.commands.document_blocks import write_block
from models.demand.backtest.columns import Columns
from models.demand.backtest.figures import figures
from models.demand.backtest.options import Options
from models.demand.backtest.plain_lags import PlainLags
from models.demand.backtest.prepare import prepare
from models.demand.backtest.results import day_sizes
from models.demand.backtest.run import Run, Task, refits, roll
from models.demand.backtest.scored_rows import scales, scored_rows
from models.demand.backtest.target import of_intervals
from models.demand.backtest.windows import interval_windows
from models.demand.grid import Floats, LoadGrid

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "backtest.md"
OPENSTEF = Path(__file__).parent / "openstef" / "forecast.py"
OPENSTEF_PYTHON = ROOT / ".venv-openstef" / "bin" / "python"
TRAIN_SECONDS, PREDICT_SECONDS = 600, 30
"""Within which a year of a thousand feeders is to be trained and a week of it forecast."""
HEADING = (
    "| forecaster | MASE | scaled quantile loss | WAPE | in the 80 % band | training, s | forecasting, s | MB |\n"
    "|---|---|---|---|---|---|---|---|\n"
)


@dataclass(frozen=True)
class Case:
    """What all forecasters are given.

    Attributes:
        options: As of a backtest; of made-up load its file and columns count for nothing.
        feeders: Made-up ones; 0 is the file.
        days: Of the made-up feeders.
        forecaster: ``module:name`` of what makes ours from a task and its options.
        openstef: Options of ``openstef/forecast.py`` beyond those that follow from the task.
    """

    options: Options
    feeders: int
    days: int
    forecaster: str
    openstef: Sequence[str] = ()

    def task(self) -> Task:
        """Make it; the same in every process."""
        if not self.feeders:
            return prepare(self.options).task
        grid = made_up_feeders(self.feeders, self.days)
        target = of_intervals(grid, grid.times_utc)
        windows, _ = interval_windows(target, grid, self.options.asked)
        fits = refits(grid, target, windows, self.options.refit_minutes)
        return Task(grid, target, windows, fits, self.options.known, self.options.levels)


@dataclass(frozen=True)
class Outcome:
    """What a forecaster said, and what it cost.

    Attributes:
        point: (windows, series, horizon), NaN where it said nothing.
        quantiles: (levels, windows, series, horizon); None if it has none.
        train_seconds: Of all fits.
        predict_seconds: Of all forecasts.
        peak_mb: Most memory that its process held, with the rows it was given.
    """

    point: Floats
    quantiles: Floats | None
    train_seconds: float
    predict_seconds: float
    peak_mb: float


class Clock:
    """Adds up the seconds of what is done."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, action: Callable[..., Any], *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return action(*arguments)
        finally:
            self.seconds += time.perf_counter() - began


@dataclass(frozen=True)
class Timed:
    """A forecaster whose forecasts are timed."""

    forecaster: Any
    predicting: Clock

    def predict(self, known: LoadGrid, cutoff: int, levels: Sequence[float]) -> Any:
        return self.predicting(self.forecaster.predict, known, cutoff, levels)


def run_ours(case: Case) -> Outcome:
    """Let our forecaster run as ``meterwise backtest demand`` does."""
    task, training, predicting = case.task(), Clock(), Clock()
    module, name = case.forecaster.split(":")
    fit = getattr(importlib.import_module(module), name)(task, case.options)
    run = roll(task, lambda history: Timed(training(fit, history), predicting), lambda: None)
    return Outcome(run.median, run.quantiles, training.seconds, predicting.seconds, peak_mb())


def run_plain(case: Case) -> Outcome:
    """Let plain mlforecast run, the baseline ``lightgbm_plain_lags``."""
    task, training, predicting, said = case.task(), Clock(), Clock(), []
    for window, is_fit in zip(task.windows, task.refits, strict=True):
        if is_fit:
            fitted = training(PlainLags.fit, task.target, window.first, task.grid.minutes, task.grid.timezone)
        said.append(predicting(fitted.predict, window.first, window.end - window.first))
    return Outcome(np.stack(said), None, training.seconds, predicting.seconds, peak_mb())


def run_openstef(case: Case) -> Outcome:
    """Let OpenSTEF run in its own environment."""
    task = case.task()
    firsts = [str(task.grid.times_utc[window.first]) for window in task.windows]
    fits = [first for first, is_fit in zip(firsts, task.refits, strict=True) if is_fit]
    with tempfile.TemporaryDirectory(prefix="meterwise-openstef-") as folder:
        rows, out = Path(folder) / "rows.parquet", Path(folder) / "forecasts.parquet"
        history_rows(task).to_parquet(rows)
        command = [OPENSTEF_PYTHON, OPENSTEF, "--rows", rows, "--out", out, "--cutoffs", *firsts, "--fits", *fits]
        command += ["--steps", task.windows[0].end - task.windows[0].first, "--minutes", task.grid.minutes]
        command += ["--timezone", task.grid.timezone, "--quantiles", *task.levels, *case.openstef]
        command += ["--known"] if task.weather_is_known else []
        done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True)
        quantiles = as_arrays(task, pd.read_parquet(out))
    cost = json.loads(done.stdout.splitlines()[-1])
    point = quantiles[int(np.argmin(np.abs(np.array(task.levels) - 0.5)))]
    return Outcome(point, quantiles, cost["train_seconds"], cost["predict_seconds"], cost["peak_mb"])


def history_rows(task: Task) -> pd.DataFrame:
    """Return unique_id, ds in UTC, y, temperature (mean of the stations), holiday; no load after the last cutoff."""
    end, cutoff = task.windows[-1].end, task.windows[-1].first
    grid = task.grid.as_known_at(cutoff, end - cutoff, task.weather_is_known)
    series = len(grid.unique_ids)
    stations = pd.DataFrame(grid.temperature_c.reshape(len(grid.temperature_c), -1))
    return pd.DataFrame(
        {
            "unique_id": np.repeat(grid.unique_ids, end).astype(object),
            "ds": np.tile(grid.times_utc.astype("datetime64[us]"), series),
            "y": grid.load.ravel(),
            "temperature": stations.mean().to_numpy() if len(stations) else np.full(series * end, np.nan),
            "holiday": grid.is_holiday.ravel(),
        }
    )


def as_arrays(task: Task, found: pd.DataFrame) -> Floats:
    """Return (levels, windows, series, horizon) of rows with unique_id, cutoff, ds and quantiles."""
    firsts = task.grid.times_utc[[window.first for window in task.windows]].astype("datetime64[us]")
    horizon = task.windows[0].end - task.windows[0].first
    arrays = np.full((len(task.levels), len(firsts), len(task.grid.unique_ids), horizon), np.nan)
    if found.empty:
        return arrays
    window = np.searchsorted(firsts, found["cutoff"].to_numpy().astype("datetime64[us]"))
    series = np.searchsorted(task.grid.unique_ids, found["unique_id"].to_numpy().astype(str))
    step = ((found["ds"] - found["cutoff"]) // pd.Timedelta(minutes=task.grid.minutes)).to_numpy()
    inside = step < horizon
    for level, values in zip(task.levels, arrays, strict=True):
        values[window[inside], series[inside], step[inside]] = found.loc[inside, f"q{level:g}"]
    return arrays


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(case: Case, runners: Mapping[str, Callable[[Case], Outcome]]) -> dict[str, Outcome]:
    """Let each forecaster run in a process that nothing else has run in."""
    outcomes = {}
    for name, runner in runners.items():
        with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as fresh:
            outcomes[name] = fresh.submit(runner, case).result()
        cost = (
            f"{outcomes[name].train_seconds:.1f} s of training, {outcomes[name].predict_seconds:.1f} s of forecasting"
        )
        print(f"{name}: {cost}, {outcomes[name].peak_mb:.0f} MB.", flush=True)
    return outcomes


def table(task: Task, outcomes: Mapping[str, Outcome]) -> str:
    """Return the figures of all, on the rows that every one of them forecast."""
    said = np.all([np.isfinite(outcome.point) for outcome in outcomes.values()], axis=0)
    lines = [line(name, outcome, measured(task, outcome, said)) for name, outcome in outcomes.items()]
    silent = {name: int(np.isnan(outcome.point).sum()) for name, outcome in outcomes.items()}
    notes = [
        f"\n{name} forecast nothing for {count:,} values; they count for none.\n"
        for name, count in silent.items()
        if count
    ]
    return HEADING + "".join(lines) + "".join(notes)


def measured(task: Task, outcome: Outcome, counts: np.ndarray) -> dict[str, Any]:
    """Return the figures of one forecaster where ``counts`` (windows, series, horizon)."""
    point = np.where(counts, outcome.point, np.nan)
    has_band = outcome.quantiles is not None
    quantiles = outcome.quantiles if has_band else np.broadcast_to(point, (len(task.levels), *point.shape))
    run = Run(point, quantiles, np.full(point.shape, "model"), 0.0, 0.0)
    rows = scored_rows(task, run, {})
    return figures(rows, "y_hat", task.levels, scales(task), day_sizes(task), is_band=has_band)


def line(name: str, outcome: Outcome, found: Mapping[str, Any]) -> str:
    """Return a row of the table."""
    covered = "" if found["coverage_80"] is None else f"{found['coverage_80']:.1%}"
    return (
        f"| {name} | {found['mase']:.3f} | {found['scaled_quantile_loss']:.3f} | {found['wape']:.2%} | {covered} "
        f"| {outcome.train_seconds:,.1f} | {outcome.predict_seconds:,.1f} | {outcome.peak_mb:,.0f} |\n"
    )


def compare(case: Case) -> str:
    """Measure all forecasters side by side; returns a section of the page."""
    runners = {"Meterwise": run_ours, plain_name(): run_plain}
    if OPENSTEF_PYTHON.exists():
        runners[openstef_name()] = run_openstef
    else:
        print("OpenSTEF is left out: `make openstef` makes its environment.")
    outcomes, task = measure(case, runners), case.task()
    what = f"{case.feeders} made-up feeders over {case.days} days" if case.feeders else case.options.series.name
    weather = "given" if task.weather_is_known else "unknown"
    return (
        f"{what}: {len(task.windows)} windows of {case.options.horizon}, {case.options.step} apart, "
        f"{sum(task.refits)} fits; temperature of the horizon {weather}; threads: {case.options.threads}.\n\n"
        f"{table(task, outcomes)}"
    )


def scale(case: Case) -> tuple[str, bool]:
    """Measure ours and plain mlforecast on many feeders; returns a section, and whether ours is within its bounds."""
    outcomes = measure(case, {"Meterwise": run_ours, plain_name(): run_plain})
    ours = outcomes["Meterwise"]
    within = ours.train_seconds <= TRAIN_SECONDS and ours.predict_seconds <= PREDICT_SECONDS
    text = (
        f"{case.feeders:,} feeders, a year of hours, one fit and one forecast of {case.options.horizon}; "
        f"asked for are {TRAIN_SECONDS} s and {PREDICT_SECONDS} s; threads: {case.options.threads}.\n\n"
        f"{table(case.task(), outcomes)}"
    )
    return text, within


def plain_name() -> str:
    try:
        return f"LightGBM as it comes, mlforecast {version('mlforecast')}"
    except PackageNotFoundError:
        return "LightGBM as it comes, mlforecast"


def openstef_name() -> str:
    asked = "from importlib.metadata import version; print(version('openstef-models'))"
    found = subprocess.run([OPENSTEF_PYTHON, "-c", asked], check=True, stdout=subprocess.PIPE, text=True)
    return f"OpenSTEF {found.stdout.strip()}"


def arguments(texts: Sequence[str]) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write what was measured into docs/backtest.md")
    parser.add_argument("--feeders", type=int, default=5, help="made-up feeders to compare on")
    parser.add_argument("--days", type=int, default=730, help="days of made-up load")
    parser.add_argument("--scale-feeders", type=int, default=1000, help="made-up feeders of the scale run; 0 is none")
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--horizon", default="168h")
    parser.add_argument("--step", default="1008h", help="time from one window to the next")
    parser.add_argument("--refit", default="7d", help="models are fitted anew after that time")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--forecaster", default="models.demand.backtest.ours:ours", help="what makes ours, module:name")
    parser.add_argument("--openstef", default="", help=f"more options of {OPENSTEF.name}, like '--models gblinear'")
    file = parser.add_argument_group("a file of one's own, as in `meterwise backtest demand`")
    file.add_argument("--series", type=Path)
    file.add_argument("--time", default="time")
    file.add_argument("--value", default="load")
    file.add_argument("--id")
    file.add_argument("--temperature", nargs="+", default=[])
    file.add_argument("--holidays")
    file.add_argument("--known", action="store_true")
    file.add_argument("--country")
    file.add_argument("--timezone")
    file.add_argument("--freq", default="60min")
    return parser.parse_args(texts)


def case_of_file(given: argparse.Namespace) -> Case:
    """Return the comparison on a file; its country goes to OpenSTEF without the part."""
    columns = Columns(given.time, given.value, given.id, given.temperature, given.holidays)
    options = Options(
        given.series,
        columns,
        given.timezone,
        given.freq,
        given.horizon,
        given.step,
        given.windows,
        refit=given.refit,
        known=given.known,
        country=given.country,
        threads=given.threads,
    )
    country = ["--country", given.country.partition("-")[0]] if given.country else []
    return Case(options, 0, 0, given.forecaster, [*country, *shlex.split(given.openstef)])


def case_made_up(given: argparse.Namespace) -> Case:
    """Return the comparison on made-up feeders, whose temperature of the horizon is given."""
    options = Options(
        Path("made up"),
        Columns("time", "load"),
        ZONE,
        "60min",
        given.horizon,
        given.step,
        given.windows,
        refit=given.refit,
        known=True,
        threads=given.threads,
    )
    place = ["--country", COUNTRY, "--latitude", str(LATITUDE), "--longitude", str(LONGITUDE)]
    return Case(options, given.feeders, given.days, given.forecaster, [*place, *shlex.split(given.openstef)])


def main(texts: Sequence[str]) -> int:
    """Compare, then measure at scale; returns 1 where ours is slower there than it may be."""
    given = arguments(texts)
    os.environ["OMP_NUM_THREADS"] = str(given.threads)
    made_up = case_made_up(given)
    sections, within = [compare(case_of_file(given) if given.series else made_up)], True
    if given.scale_feeders:
        one_window = replace(made_up.options, horizon="168h", windows=1)
        large = replace(made_up, options=one_window, feeders=given.scale_feeders, days=365 + 7)
        text, within = scale(large)
        sections.append(text)
    text = "\n".join(sections)
    print(f"\n{text}")
    if given.write:
        write_block(PAGE, "forecasts", text)
    return int(not within)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Shares of heating and cooling where they are known: regions of the made-up utility, and samples of others.

The samples lie in the wheel ``opendsm`` (Apache 2.0), which is not installed: unpack it and name the folder with
``metadata.json`` in ``OPENDSM_SAMPLES``. Run with ``-s`` to read the figures of decision 0183.
"""

import json
import os
import sqlite3
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import holidays
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import nnls

from meterwise.sources.synthetic import SyntheticUtility
from models.demand.calendar import Calendar
from models.demand.grid import LoadGrid
from models.demand.weather_sensitivity import last_days, peak_intervals, weather_sensitive_parts

CUSTOMERS, SEED, FIRST = 1000, 11, date(2026, 7, 15)
KNOWN_UNTIL = pd.Timestamp("2026-07-12 22:00")
"""Midnight three days before the end: later days still lack late reads."""
SAMPLES = ("il-electricity-cdd-hdd", "il-electricity-cdd-only", "il-gas-hdd-only", "il-gas-intercept-only")
PARTS = ["base", "heating", "cooling"]


def shares(parts: np.ndarray) -> np.ndarray:
    """Shares in per cent of parts (3, series) or, summed up, (3, series, times)."""
    sums = parts.sum(axis=tuple(range(2, parts.ndim)))
    return 100 * sums / sums.sum(0)


def found(grid: LoadGrid, within: np.ndarray) -> np.ndarray:
    return 100 * weather_sensitive_parts(grid).shares(within).to_numpy().T


def daily_change_points(grid: LoadGrid) -> np.ndarray:
    """The plain baseline: a base and two slopes on degrees of the day, one year, one line; parts (3, series, times)."""
    day = Calendar.of(grid).day
    hours, parts = np.bincount(day), np.empty((3, *grid.load.shape))
    for number, (load, celsius) in enumerate(zip(grid.load, grid.temperature_c[0], strict=True)):
        y, mean = np.bincount(day, load) / hours, np.bincount(day, celsius) / hours
        fits = []
        for cold in range(5, 21):
            for hot in range(max(cold, 12), 29):
                terms = np.stack([np.ones_like(mean), np.maximum(cold - mean, 0), np.maximum(mean - hot, 0)], axis=1)
                slopes, error = nnls(terms, y)
                fits.append((error, cold, hot, terms * slopes))
        parts[:, number] = min(fits, key=lambda fit: fit[:3])[3].T[:, day]
    return parts


def told(title: str, names: Sequence[str], known: np.ndarray, estimates: dict[str, Sequence[np.ndarray]]) -> None:
    columns = {
        (who, part): values
        for who, said in {"known": known, **estimates}.items()
        for part, values in zip(PARTS, said, strict=False)
    }
    print(f"\n{title}\n{pd.DataFrame(columns, index=list(names)).round(1).to_string()}")  # noqa: T201


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadGrid, np.ndarray]:
    """Load of each region of the made-up utility as its meters sent it, and the true parts (3, regions, times)."""
    folder = tmp_path_factory.mktemp("utility")
    crm = folder / "crm.db"
    SyntheticUtility(folder, f"sqlite:///{crm}", CUSTOMERS, SEED, FIRST).advance_to(FIRST)
    with sqlite3.connect(crm) as connection:
        meters = pd.read_sql(
            "select distinct serial_no as meter, region, weather_station as station "
            "from meters join service_points using (supply_point)",
            connection,
        )
    return _grid_of(folder, meters)


def _grid_of(folder: Path, meters: pd.DataFrame) -> tuple[LoadGrid, np.ndarray]:
    engine = duckdb.connect()
    engine.register("meters", meters)
    # The last version counts; what is below 0 or far above all else of its meter is what validation rejects.
    load = engine.sql(f"""
        with reads as (
            select meter, start, arg_max(kwh, received_at)::double as kwh
            from '{folder}/landing/meter_reads/history/*.parquet' group by all
        ),
        highest as (select meter, 8 * quantile_cont(kwh, 0.995) as kwh from reads group by meter)
        select region, date_trunc('hour', start) as start, sum(reads.kwh) as kwh
        from reads join highest using (meter) join meters using (meter)
        where reads.kwh between 0 and highest.kwh group by all
    """).df()
    truth = engine.sql(f"from '{folder}/truth/load_parts/*.parquet'").df()
    weather = engine.sql(f"from '{folder}/landing/weather/observed/*.parquet'").df()
    hours = pd.date_range(truth["start"].min(), KNOWN_UNTIL, freq="h", inclusive="left")
    kwh = load.pivot(index="start", columns="region", values="kwh").reindex(hours)
    stations = meters.groupby("region")["station"].first()[kwh.columns]
    celsius = weather.pivot(index="valid_at", columns="station", values="temperature").reindex(hours)[stations]
    german = holidays.country_holidays("DE", years=range(hours[0].year, hours[-1].year + 1))
    local = hours.tz_localize("UTC").tz_convert("Europe/Berlin").date
    grid = LoadGrid(
        kwh.columns.to_numpy(dtype=np.str_),
        hours.to_numpy().astype("datetime64[m]"),
        60,
        "Europe/Berlin",
        kwh.to_numpy(dtype=np.float64).T.copy(),
        celsius.to_numpy(dtype=np.float64).T[None].copy(),
        np.broadcast_to([day in german for day in local], kwh.T.shape).copy(),
    )
    by_part = [truth.pivot(index="start", columns="region", values=f"{part}_kwh") for part in PARTS]
    return grid, np.stack([part.reindex(hours)[kwh.columns].to_numpy().T for part in by_part])


def test_shares_of_a_year_of_each_region_are_those_of_its_maker(regions: tuple[LoadGrid, np.ndarray]) -> None:
    grid, truth = regions
    year = last_days(grid)

    known, said, plain = shares(truth[..., year]), found(grid, year), shares(daily_change_points(grid)[..., year])
    told("Regions of the made-up utility, % of a year", grid.unique_ids, known, {"found": said, "plain": plain})

    missed = np.abs(said - known)
    assert missed[1].max() < 2
    assert missed[2].max() < 0.6
    assert missed[1].mean() < 0.3 * np.abs(plain - known)[1].mean()


def test_shares_of_the_highest_hours_of_each_region_are_those_of_its_maker(
    regions: tuple[LoadGrid, np.ndarray],
) -> None:
    grid, truth = regions
    peaks = peak_intervals(grid, 200, last_days(grid))

    known, said = shares(truth * peaks), found(grid, peaks)
    told("Regions of the made-up utility, % of their 200 highest hours", grid.unique_ids, known, {"found": said})

    assert np.abs(said - known).max() < 3


@pytest.fixture
def samples() -> Path:
    folder = os.environ.get("OPENDSM_SAMPLES")
    if not folder:
        pytest.skip("OPENDSM_SAMPLES names no folder with the samples of the wheel opendsm (opendsm/eemeter/samples)")
    return Path(folder)


@pytest.mark.parametrize(
    ("span", "first", "end"),
    [
        ("baseline", "2015-11-22T06:00Z", "2016-12-26T06:00Z"),
        ("reporting", "2017-01-04T06:00Z", "2018-02-08T06:00Z"),
    ],
)
def test_loads_of_a_year_of_the_samples_are_those_they_were_made_with(
    samples: Path, span: str, first: str, end: str
) -> None:
    """Simulated buildings in Illinois, hourly, as wild as one meter; before and after a measure that saves a tenth."""
    hours = pd.date_range(first, end, freq="h", inclusive="left")
    metadata = json.loads((samples / "metadata.json").read_text(encoding="utf-8"))
    keys = [f"annual_{span}_{part}_load" for part in PARTS]
    known = np.array([[metadata[f"{name}-hourly"][key] for name in SAMPLES] for key in keys])
    load = np.stack([_column(samples / f"{name}-hourly.csv.gz", hours) for name in SAMPLES])
    celsius = (_column(samples / "il-tempF.csv.gz", hours) - 32) / 1.8
    grid = LoadGrid(
        np.array(SAMPLES),
        hours.tz_localize(None).to_numpy().astype("datetime64[m]"),
        60,
        "Etc/GMT+6",
        load,
        np.broadcast_to(celsius, (1, *load.shape)).copy(),
        np.zeros(load.shape, dtype=np.bool_),
    )
    # The year next to the measure is the one that the loads are told of.
    year = last_days(grid) if span == "baseline" else np.arange(len(hours)) < 365 * 24
    parts = weather_sensitive_parts(grid)

    sums = np.stack([parts.base, parts.heating, parts.cooling])[..., year].sum(-1)
    plain = daily_change_points(grid)[..., year].sum(-1)
    total = known.sum(0) / 100
    per_cent = {"found": sums / total, "plain": plain / total, "measured": [np.nansum(load[:, year], axis=1) / total]}
    told(f"Samples, {span}, % of the load they were made with", SAMPLES, known / total, per_cent)

    missed, missed_by_plain = np.abs(shares(sums) - known / total), np.abs(shares(plain) - known / total)
    assert missed.max() < 5.5
    assert missed[1:].mean() < 0.5 * missed_by_plain[1:].mean()


def _column(path: Path, hours: pd.DatetimeIndex) -> np.ndarray:
    rows = pd.read_csv(path)
    values = pd.Series(rows.iloc[:, 1].to_numpy(dtype=np.float64), pd.to_datetime(rows.iloc[:, 0], utc=True))
    return values.reindex(hours).to_numpy()

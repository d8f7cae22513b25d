"""`meterwise backtest bill` through the front door."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from typer.testing import CliRunner

from meterwise.cli import app

PLAIN = ["last_month", "same_month_last_year", "mean_of_both"]
IN_THE_MONTH = ["run_rate", "so_far_and_last_month"]
HORIZONS = ["month_start", "day_10", "day_20"]


def homes(first: str = "2023-01-01", days: int = 520, customers: int = 4, freq: str = "6h") -> pd.DataFrame:
    """Columns home, time and kwh: winters are higher."""
    draw, per_day = np.random.default_rng(4), pd.Timedelta("1D") // pd.Timedelta(freq)
    time = pd.date_range(first, periods=days * per_day, freq=freq)
    season = 1 + 0.4 * np.cos(2 * np.pi * time.day_of_year / 365)
    parts = [
        pd.DataFrame(
            {"home": f"h{number}", "time": time, "kwh": season * level / per_day * draw.lognormal(0, 0.2, len(time))}
        )
        for number, level in enumerate(draw.lognormal(2.3, 0.4, customers))
    ]
    return pd.concat(parts, ignore_index=True).round({"kwh": 4})


def run(path: Path, *more: str, time: str = "time") -> Result:
    files = ["--out", str(path.parent / "metrics.json"), "--forecasts", str(path.parent / "forecasts.parquet")]
    columns = ["--id", "home", "--time", time, "--kwh", "kwh"]
    return CliRunner().invoke(app, ["backtest", "bill", "--reads", str(path), *columns, *files, *more])


def written(rows: pd.DataFrame, folder: Path, name: str = "reads.csv") -> Path:
    path = folder / name
    if path.suffix == ".parquet":
        rows.to_parquet(path)
    else:
        rows.to_csv(path, index=False)
    return path


def results(folder: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    return json.loads((folder / "metrics.json").read_text()), pd.read_parquet(folder / "forecasts.parquet")


def said(found: Result, folder: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    assert found.exit_code == 0, found.output
    figures, forecasts = results(folder)
    assert forecasts.notna().all().all()
    assert (forecasts["q0.1"] <= forecasts["y_hat"]).all()
    assert (forecasts["y_hat"] <= forecasts["q0.9"]).all()
    return figures, forecasts


def test_a_file_becomes_figures_and_forecasts(tmp_path: Path) -> None:
    rows = homes()

    figures, forecasts = said(run(written(rows, tmp_path, "reads.csv.gz"), "--timezone", "Europe/Berlin"), tmp_path)

    assert forecasts.columns.tolist() == [
        "unique_id", "cutoff", "month", "y", "y_hat", "q0.1", "q0.9", "mean", "horizon", "basis",
    ]  # fmt: skip
    for name in ["model", *PLAIN, *IN_THE_MONTH]:
        horizons = HORIZONS[1:] if name in IN_THE_MONTH else HORIZONS
        assert [one for one in HORIZONS if one in figures[name]] == horizons
        for horizon in horizons:
            assert set(figures[name][horizon]) == {"wape", "mape", "bias", "coverage_80", "pinball", "months"}
            assert all(value is not None for value in figures[name][horizon].values())
            assert figures[name][horizon]["months"] == figures["model"]["day_20"]["months"] == 4 * 5
    for name in IN_THE_MONTH:
        assert figures["model"]["day_20"]["wape"] < figures[name]["day_20"]["wape"]
    assert figures["model"]["seconds"] > 0
    assert figures["model"]["peak_memory_mb"] > 0
    month = rows[(rows["home"] == "h1") & (rows["time"] >= "2024-02-01") & (rows["time"] < "2024-03-01")]
    shown = forecasts[(forecasts["unique_id"] == "h1") & (forecasts["month"] == "2024-02-01")].set_index("horizon")
    np.testing.assert_allclose(shown["y"], month["kwh"].sum(), rtol=1e-6)
    assert shown["cutoff"].to_dict() == {
        "month_start": pd.Timestamp("2024-01-31"),
        "day_10": pd.Timestamp("2024-02-10"),
        "day_20": pd.Timestamp("2024-02-20"),
    }


def test_figures_are_those_of_the_forecasts(tmp_path: Path) -> None:
    figures, forecasts = said(run(written(homes(), tmp_path)), tmp_path)

    scored = forecasts[(forecasts["horizon"] == "day_10") & (forecasts["month"] >= "2024-01-01")]
    assert len(scored) == figures["model"]["day_10"]["months"]
    wape = (scored["y"] - scored["y_hat"]).abs().sum() / scored["y"].sum()
    assert figures["model"]["day_10"]["wape"] == pytest.approx(wape)


def test_later_rows_change_no_earlier_forecast(tmp_path: Path) -> None:
    rows = homes()
    _, before = said(run(written(rows, tmp_path)), tmp_path)
    is_later = rows["time"] >= "2024-04-11"
    rows.loc[is_later, "kwh"] = np.random.default_rng(1).lognormal(3, 1, is_later.sum()).round(4)
    _, after = said(run(written(rows, tmp_path)), tmp_path)

    for one in ("y_hat", "q0.1", "q0.9"):
        early = [frame.loc[frame["cutoff"] <= "2024-04-10", one].to_numpy() for frame in (before, after)]
        np.testing.assert_array_equal(*early)


@pytest.mark.parametrize("name", ["reads.csv", "reads.parquet"])
def test_rows_of_days_are_dates(tmp_path: Path, name: str) -> None:
    rows = homes(freq="1D")

    figures, forecasts = said(run(written(rows, tmp_path, name), "--timezone", "Europe/Berlin"), tmp_path)

    assert figures["model"]["month_start"]["months"] == 4 * 5
    total = rows[(rows["home"] == "h0") & (rows["time"].dt.strftime("%Y-%m") == "2024-03")]["kwh"].sum()
    assert forecasts[(forecasts["unique_id"] == "h0") & (forecasts["month"] == "2024-03-01")]["y"].iloc[
        0
    ] == pytest.approx(total)


def test_the_wide_layout_says_the_same_as_the_long_one(tmp_path: Path) -> None:
    rows = homes(days=200, customers=3, freq="1h")
    _, long = said(run(written(rows, tmp_path)), tmp_path)
    wide = rows.assign(day=rows["time"].dt.date, clock=rows["time"].dt.strftime("%H:%M"))
    wide = wide.pivot(index=["home", "day"], columns="clock", values="kwh").reset_index()

    _, found = said(run(written(wide, tmp_path, "wide.csv"), "--layout", "wide", time="day"), tmp_path)

    for one in ("y", "y_hat", "q0.1", "q0.9"):
        np.testing.assert_allclose(found[one], long[one], rtol=1e-4)


def test_a_day_of_23_hours_is_whole_in_the_wide_layout(tmp_path: Path) -> None:
    rows = homes(days=120, customers=2, freq="1h")
    rows = rows[rows["time"] != "2023-03-26 02:00"]
    wide = rows.assign(day=rows["time"].dt.date, clock=rows["time"].dt.strftime("%H:%M"))
    wide = wide.pivot(index=["home", "day"], columns="clock", values="kwh").reset_index()
    options = ["--layout", "wide", "--timezone", "Europe/Berlin"]

    _, forecasts = said(run(written(wide, tmp_path), *options, time="day"), tmp_path)

    total = rows[(rows["home"] == "h1") & (rows["time"].dt.month == 3)]["kwh"].sum()
    march = forecasts[(forecasts["unique_id"] == "h1") & (forecasts["month"] == "2023-03-01")]
    assert march["y"].tolist() == pytest.approx([total] * 3)


def test_two_months_are_enough_and_what_the_figures_rest_on_is_said(tmp_path: Path) -> None:
    figures, forecasts = said(run(written(homes(days=59), tmp_path)), tmp_path)

    assert any("same month a year before" in note for note in figures["protocol"]["notes"])
    assert figures["model"]["month_start"]["months"] == 4
    assert figures["same_month_last_year"]["month_start"] == {
        "wape": None, "mape": None, "bias": None, "coverage_80": None, "pinball": None, "months": 0,
    }  # fmt: skip
    assert "usual_weights" in set(forecasts["basis"])


def test_gaps_doubles_zeros_and_what_feeds_into_the_grid(tmp_path: Path) -> None:
    rows = homes(customers=6)
    rows.loc[rows["home"] == "h0", "kwh"] = 0
    rows.loc[rows["home"] == "h1", "kwh"] *= -1
    new = (rows["home"] == "h2") & (rows["time"] < "2024-04-01")
    lost = (rows["home"] == "h3") & (rows["time"].dt.month == 3)
    rows = pd.concat([rows[~new & ~lost], rows[(rows["home"] == "h4")]])

    figures, forecasts = said(run(written(rows, tmp_path)), tmp_path)

    assert any("repeat a series and time" in note for note in figures["protocol"]["notes"])
    by_home = dict(iter(forecasts.groupby("unique_id")))
    settled = by_home["h0"][by_home["h0"]["month"] >= "2023-03-01"]
    np.testing.assert_allclose(settled[["y", "y_hat"]], 0, atol=1)
    assert (by_home["h1"]["y_hat"] < 0).mean() > 0.9
    assert by_home["h2"]["basis"].iloc[0] == "other_customers"
    assert by_home["h2"]["month"].min() == pd.Timestamp("2024-04-01")
    assert not (by_home["h3"]["month"].dt.month == 3).any()


def test_reads_lost_here_and_there_leave_days_that_are_scaled_up(tmp_path: Path) -> None:
    rows = homes(freq="1h", days=150, customers=2)
    total = rows[(rows["home"] == "h0") & (rows["time"].dt.month == 2)]["kwh"].sum()
    holed = rows[rows["time"].dt.hour != rows["time"].dt.dayofyear % 24]

    figures, forecasts = said(run(written(holed, tmp_path)), tmp_path)

    assert any("days count of which 90% was" in note for note in figures["protocol"]["notes"])
    february = forecasts[(forecasts["unique_id"] == "h0") & (forecasts["month"] == "2023-02-01")]
    np.testing.assert_allclose(february["y"], total, rtol=0.03)


def test_a_clock_without_daylight_saving_has_whole_days(tmp_path: Path) -> None:
    path = written(homes(freq="1h", days=150, customers=2), tmp_path)

    figures, forecasts = said(run(path, "--timezone", "Europe/Berlin"), tmp_path)

    assert any("standard time all year" in note for note in figures["protocol"]["notes"])
    assert set(forecasts["month"].dt.month) >= {2, 3, 4}


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda rows: rows.rename(columns={"kwh": "energy"}), [], "has no column kwh"),
        (lambda rows: rows.assign(kwh="much"), [], "is not a number"),
        (lambda rows: rows.head(40), [], "no calendar month has 27 days"),
        (lambda rows: rows[rows["time"].dt.day == 1].iloc[::4], [], "does not divide a day"),
        (lambda rows: rows, ["--timezone", "Mars/Base"], "Mars/Base is unknown"),
        (lambda rows: rows, ["--country", "XX"], "XX is unknown"),
        (lambda rows: rows, ["--layout", "round"], "say long or wide"),
        (lambda rows: rows, ["--layout", "wide"], "value columns"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, change: Any, options: list[str], words: str) -> None:
    found = run(written(change(homes(days=100, customers=2)), tmp_path), *options)

    assert found.exit_code != 0
    said = f"{found.output} {found.exception}"
    assert words in " ".join(said.replace("│", " ").split()), said
    assert not (tmp_path / "metrics.json").exists()

"""`meterwise backtest bill --tariff` through the front door: money beside kWh, by the rating of the warehouse."""

import csv
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from meterwise.cli import app
from tests.integration.test_backtest_bill_command import HORIZONS, IN_THE_MONTH, PLAIN, homes, results, run, written

CHINA = Path(__file__).parents[2] / "examples" / "tariffs" / "china.yml"
ZONE = ["--timezone", "Asia/Shanghai"]
MONEY = {"wape_money", "bias_money", "coverage_80_money", "pinball_money", "months_money"}
FLAT = """
currency: CNY
timezone: Asia/Shanghai
tariffs:
  - code: FLAT
    versions:
      - valid_from: 2020-01-01
        components:
          - {code: energy, kind: energy, price: 0.538}
          - {code: base, kind: standing, per: month, price: 9.90}
"""
CENT = Decimal("0.01")


def book(folder: Path, text: str = FLAT) -> list[str]:
    path = folder / "book.yml"
    path.write_text(text, encoding="utf-8")
    return ["--tariff", str(path)]


def in_fen(kwh: pd.Series) -> list[Decimal]:
    """Price and standing charge, each to the fen."""
    return [(Decimal(f"{one:.6f}") * Decimal("0.538")).quantize(CENT, ROUND_HALF_UP) + Decimal("9.90") for one in kwh]


def test_by_one_price_money_is_kwh_times_the_price_and_the_standing_charge(tmp_path: Path) -> None:
    found = run(written(homes(), tmp_path), *ZONE, *book(tmp_path))

    assert found.exit_code == 0, found.output
    figures, forecasts = results(tmp_path)
    assert figures["protocol"]["currency"] == "CNY"
    assert figures["protocol"]["tariff_code"] == "FLAT"
    for kwh in ("y", "y_hat", "q0.1", "q0.9", "mean"):
        amounts = forecasts[kwh + "_money"]
        assert amounts.map(lambda one: one == one.quantize(CENT)).all()
        off = np.abs(np.array(amounts - pd.Series(in_fen(forecasts[kwh])), dtype=float))
        # The intervals that kWh are spread over are of millionths of a kWh.
        assert off.max() <= 0.011
        assert (off == 0).mean() > 0.97
    for name in ["model", *PLAIN, *IN_THE_MONTH]:
        for horizon in HORIZONS[1:] if name in IN_THE_MONTH else HORIZONS:
            of_it = figures[name][horizon]
            assert set(of_it) > MONEY
            assert of_it["months_money"] == of_it["months"] == 4 * 5
            y, said = 0.538, forecasts[(forecasts["horizon"] == horizon) & (forecasts["month"] >= "2024-01-01")]
            total = said["y"].sum()
            assert of_it["wape_money"] == pytest.approx(of_it["wape"] * y * total / (y * total + 198), rel=1e-3)


@pytest.fixture(scope="module")
def homes_by_hours_and_blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with figures, forecasts and lines of hourly reads that rise from 2,760 kWh on into the second block."""
    folder = tmp_path_factory.mktemp("blocks")
    rows = homes("2025-01-01", 300, customers=3, freq="1h")
    rows["kwh"] = (rows["kwh"] * 2.5).round(4)
    path = written(rows, folder)
    options = ["--tariff", str(CHINA), "--tariff-code", "HOME_TOU", "--lines", str(folder / "lines.parquet")]
    found = run(path, *ZONE, *options)
    assert found.exit_code == 0, found.output
    return folder


def test_money_of_what_came_is_the_bill_that_the_reads_get(homes_by_hours_and_blocks: Path, tmp_path: Path) -> None:
    folder = homes_by_hours_and_blocks
    contracts, bills = tmp_path / "contracts.csv", tmp_path / "bills.csv"
    contracts.write_text(
        "contract_id,tariff_code,start_on\n" + "".join(f"h{one},HOME_TOU,2025-01-01\n" for one in range(3))
    )
    rated = CliRunner().invoke(
        app,
        [
            *("tariffs", "rate", "--tariffs", str(CHINA), "--reads", str(folder / "reads.csv")),
            *("--contracts", str(contracts), "--out", str(bills), "--id", "home", "--time", "time"),
            *("--value", "kwh", "--minutes", "60", "--local"),
        ],
    )
    assert rated.exit_code == 0, rated.output
    amounts: dict[tuple[str, str], Decimal] = {}
    tiers = set()
    with bills.open(newline="") as file:
        for line in csv.DictReader(file):
            if line["amount"]:
                key = (line["contract_id"], line["bill_from_on"])
                amounts[key] = amounts.get(key, Decimal(0)) + Decimal(line["amount"])
                tiers.add(line["tier_no"])

    _, forecasts = results(folder)

    assert {"1", "2"} <= tiers
    assert len(forecasts) > 60
    assert forecasts[forecasts["month"] == "2025-10-01"]["y_money"].isna().all()
    shown = {(row.unique_id, f"{row.month:%Y-%m-%d}"): row.y_money for row in forecasts.itertuples()}
    assert shown == {key: amounts.get(key) for key in shown}


def test_lines_of_a_forecast_add_up_to_its_money(homes_by_hours_and_blocks: Path) -> None:
    _, forecasts = results(homes_by_hours_and_blocks)
    lines = pq.read_table(homes_by_hours_and_blocks / "lines.parquet").to_pandas()
    key = ["unique_id", "cutoff", "month", "horizon"]

    sums = lines.groupby(key)["amount"].sum()
    assert sums.to_dict() == forecasts.set_index(key)["y_hat_money"].to_dict()
    assert set(lines["line_code"]) == {"energy", "blocks"}
    assert set(lines["period_code"].dropna()) >= {"peak", "valley"}
    assert set(lines["tier_no"].dropna()) >= {1, 2}
    kwh = lines[lines["line_code"] == "energy"].groupby(key)["quantity"].sum()
    said = forecasts.set_index(key)["y_hat"].loc[kwh.index]
    np.testing.assert_allclose(kwh.astype(float), said, rtol=1e-5)


def test_a_dearer_band_of_kwh_is_a_dearer_band_of_money(homes_by_hours_and_blocks: Path) -> None:
    _, forecasts = results(homes_by_hours_and_blocks)

    assert (forecasts["q0.1_money"] <= forecasts["y_hat_money"]).all()
    assert (forecasts["y_hat_money"] <= forecasts["q0.9_money"]).all()
    assert (forecasts["q0.1_money"] < forecasts["q0.9_money"]).any()


def test_months_before_the_tariff_have_no_money_and_a_reason(tmp_path: Path) -> None:
    path = written(homes(days=200, customers=2), tmp_path)

    found = run(path, *ZONE, *book(tmp_path, FLAT.replace("2020-01-01", "2023-03-01")))

    assert found.exit_code == 0, found.output
    figures, forecasts = results(tmp_path)
    assert any("4 of 12 months" in note and "tariff_not_begun" in note for note in figures["protocol"]["notes"])
    before = forecasts["month"] < "2023-03-01"
    money = [name for name in forecasts.columns if name.endswith("_money")]
    assert len(money) == 5
    assert forecasts.loc[before, money].isna().all(axis=None)
    assert forecasts.loc[~before, money].notna().all(axis=None)


def test_a_month_with_too_few_reads_has_no_money(tmp_path: Path) -> None:
    rows = homes(days=200, customers=2)
    lost = (rows["home"] == "h1") & (rows["time"] >= "2023-04-28") & (rows["time"] < "2023-05-01")
    strict = FLAT + "        reads: {at_least_share: 0.95}\n"

    found = run(written(rows[~lost], tmp_path), *ZONE, *book(tmp_path, strict))

    assert found.exit_code == 0, found.output
    figures, forecasts = results(tmp_path)
    april = forecasts[(forecasts["unique_id"] == "h1") & (forecasts["month"] == "2023-04-01")]
    assert len(april) == 3
    assert april["y"].notna().all()
    assert april["y_money"].isna().all()
    assert forecasts.drop(april.index)["y_money"].notna().all()
    assert any("1 of 12 months" in note and "too_few_reads" in note for note in figures["protocol"]["notes"])
    of_it = figures["model"]["day_20"]
    assert of_it["months_money"] == of_it["months"] - 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tariff", str(CHINA)], "choose one of HOME, HOME_TOU"),
        (["--tariff", str(CHINA), "--tariff-code", "VILLA"], "no tariff VILLA"),
        (["--tariff", str(CHINA), "--tariff-code", "INDUSTRY"], "reactive energy"),
        (["--tariff", str(CHINA), "--tariff-code", "INDUSTRY_CONTRACT"], "contracted kW"),
        (["--tariff", str(CHINA), "--tariff-code", "INDUSTRY_CONTRACT", "--contracted-kw", "-1"], "above 0"),
        (["--tariff", "nowhere.yml"], "nowhere.yml cannot be read"),
        (["--tariff-code", "HOME"], "need --tariff"),
    ],
)
def test_what_cannot_be_billed_is_said(tmp_path: Path, options: list[str], words: str) -> None:
    found = run(written(homes(days=70, customers=2), tmp_path), *ZONE, *options)

    assert found.exit_code != 0
    said = f"{found.output} {found.exception}"
    assert words in " ".join(said.replace("│", " ").split()), said
    assert not (tmp_path / "metrics.json").exists()


def test_contracted_kw_are_charged(tmp_path: Path) -> None:
    options = ["--tariff", str(CHINA), "--tariff-code", "INDUSTRY_CONTRACT", "--contracted-kw", "12"]

    found = run(written(homes("2025-02-01", days=59, customers=2), tmp_path), *ZONE, *options)

    assert found.exit_code == 0, found.output
    _, forecasts = results(tmp_path)
    energy = (forecasts["y"] * (0.6512 + 0.0296)).to_numpy()
    np.testing.assert_allclose(forecasts["y_money"].astype(float), energy + 12 * 30, atol=0.02)


def test_files_of_days_have_money_by_one_price(tmp_path: Path) -> None:
    found = run(written(homes(days=120, customers=2, freq="1D"), tmp_path), *ZONE, *book(tmp_path))

    assert found.exit_code == 0, found.output
    _, forecasts = results(tmp_path)
    for kwh in ("y", "q0.9"):
        np.testing.assert_allclose(forecasts[kwh + "_money"].astype(float), forecasts[kwh] * 0.538 + 9.9, atol=0.011)


def test_the_wide_layout_costs_the_same_as_the_long_one(tmp_path: Path) -> None:
    rows = homes("2025-01-01", days=100, customers=2, freq="1h")
    options = ["--tariff", str(CHINA), "--tariff-code", "HOME_TOU"]
    found = run(written(rows, tmp_path), *ZONE, *options)
    assert found.exit_code == 0, found.output
    assert "Money of a month, CNY, known at day 20" in found.output
    _, long = results(tmp_path)
    wide = rows.assign(day=rows["time"].dt.date, clock=rows["time"].dt.strftime("%H:%M"))
    wide = wide.pivot(index=["home", "day"], columns="clock", values="kwh").reset_index()

    found = run(written(wide, tmp_path, "wide.csv"), "--layout", "wide", *ZONE, *options, time="day")

    assert found.exit_code == 0, found.output
    _, by_day = results(tmp_path)
    assert by_day["y_money"].tolist() == long["y_money"].tolist()
    np.testing.assert_allclose(by_day["y_hat_money"].astype(float), long["y_hat_money"].astype(float), atol=0.011)


def test_what_demand_charges_do_to_a_forecast_is_said(tmp_path: Path) -> None:
    demand = "          - {code: demand, kind: capacity, by: demand, minutes: 60, price: 9}\n"

    path = written(homes(days=70, customers=2, freq="1h"), tmp_path)
    found = run(path, *ZONE, *book(tmp_path, FLAT + demand))

    assert found.exit_code == 0, found.output
    figures, _ = results(tmp_path)
    assert any("highest kW" in note for note in figures["protocol"]["notes"])
    assert figures["model"]["month_start"]["bias_money"] < figures["model"]["month_start"]["bias"]

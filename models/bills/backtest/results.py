"""What a backtest of months leaves: figures of the model and of every plain method, and a row a forecast."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from meterwise import metrics
from meterwise.tariffs.month_bills import AMOUNT
from models.bills.backtest.baselines import AT_ANY_TIME, IN_THE_MONTH, LEAST_SCORED, with_bands
from models.bills.backtest.money import BILL, MONEY
from models.bills.backtest.run import HORIZONS, QUANTILES, Run
from models.bills.day_grid import LEAST_MEASURED, Bools, Floats
from models.bills.params import LEVELS

Figures = dict[str, Any]
FORECAST_KEY = ("unique_id", "cutoff", "month", "horizon")
IN_ORDER = ("from_on", "position_no", "line_code", "tier_no", "period_code")
LINE = (*IN_ORDER, "to_on", "quantity", "unit", "unit_price", "amount", "currency", "reason_code")
PLAIN = (*AT_ANY_TIME, *IN_THE_MONTH)
NOT_COMPARED = (
    "No customer has the month before and the same month a year before: figures are of all months whose month before "
    "is known, or else of all."
)
NEARLY_WHOLE = (
    f"No month has {LEAST_SCORED} days of which every interval was measured: days count of which {LEAST_MEASURED:.0%} "
    "was, scaled up."
)
NO_MONEY = {
    "too_few_reads": "too many reads are missing for a bill by the tariff's own rule",
    "tariff_not_begun": "the tariff holds only from a later day; give it an earlier `valid_from` to try its prices",
    "tariff_ended": "the tariff ended before; leave its `valid_to` out to try its prices",
    "reads_too_long": "an interval lies in several periods, days or blocks of demand; shorter reads are needed",
}
SEE_TARIFFS = "docs/tariffs.md says what that means"
BANDS_NOTE = "P10 and P90 of a plain method are its own errors in the months that had ended by then."


def report(run: Run) -> tuple[Figures, list[str]]:
    """Measure every forecast on the same months: those that every plain method can say something of.

    Returns:
        Figures by forecast and horizon, None where undefined; and notes.
    """
    found: dict[str, Figures] = {name: {} for name in ("model", *PLAIN)}
    notes = [BANDS_NOTE] if run.has_whole_days else [BANDS_NOTE, NEARLY_WHOLE]
    for horizon, day in HORIZONS.items():
        rows = run.rows[run.rows["horizon"] == horizon].reset_index(drop=True)
        plain = PLAIN if day else AT_ANY_TIME
        scored = _comparable(rows, plain)
        if not rows[list(plain)].notna().all(axis=1).any() and NOT_COMPARED not in notes:
            notes.append(NOT_COMPARED)
        found["model"][horizon] = _figures(rows, rows[QUANTILES].to_numpy().T, scored)
        for name in plain:
            found[name][horizon] = _figures(rows, with_bands(rows, name), scored & rows[name].notna().to_numpy())
        if run.has_money:
            _add_money(found, horizon, rows, plain, scored)
    if run.has_money:
        notes += _money_notes(run.rows)
    basis = run.rows["basis"].value_counts(normalize=True)
    found["model"] |= {
        "seconds": round(run.seconds, 3),
        "peak_memory_mb": round(run.peak_memory_mb, 1),
        "basis": {str(name): float(share) for name, share in basis.items()},
    }
    return found, notes


def _comparable(rows: pd.DataFrame, plain: tuple[str, ...]) -> Bools:
    for needed in (list(plain), ["last_month"]):
        told: Bools = rows[needed].notna().all(axis=1).to_numpy()
        if told.any():
            return told
    return np.ones(len(rows), dtype=np.bool_)


def _figures(rows: pd.DataFrame, quantiles: Floats, scored: Bools) -> Figures:
    y, middle = rows["y"].to_numpy()[scored], quantiles[LEVELS.index(0.5), scored]
    some = y != 0
    relative = np.abs(middle - y)[some] / np.abs(y)[some]
    mape = float(relative.mean()) if some.any() else None
    wape, *others = _errors(y, quantiles[:, scored]).items()
    return dict([wape, ("mape", mape), *others]) | {"months": len(y)}


def _errors(y: Floats, quantiles: Floats) -> Figures:
    low, middle, high = quantiles
    losses = [metrics.quantile_loss(y, said, q) for q, said in zip(LEVELS, quantiles, strict=True)]
    found = {
        "wape": metrics.wape(y, middle),
        "bias": metrics.bias(y, middle),
        "coverage_80": metrics.coverage(y, low, high),
        "pinball": float(np.mean(losses)),
    }
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def _add_money(
    found: dict[str, Figures], horizon: str, rows: pd.DataFrame, plain: tuple[str, ...], scored: Bools
) -> None:
    """Measure money beside kWh, on those months of which all that was said and what came have a bill."""
    columns = ["y", *QUANTILES, *plain]
    money = {name: rows[name + MONEY].to_numpy(np.float64, na_value=np.nan) for name in columns}
    for name, amounts in money.items():
        scored = scored & (np.isfinite(amounts) | rows[name].isna().to_numpy())
    in_money = rows[["month"]].assign(**money)
    for name in ("model", *plain):
        quantiles = in_money[QUANTILES].to_numpy().T if name == "model" else with_bands(in_money, name)
        of_it = scored if name == "model" else scored & np.isfinite(money[name])
        figures = _errors(money["y"][of_it], quantiles[:, of_it]) | {"months": int(of_it.sum())}
        found[name][horizon] |= {figure + MONEY: value for figure, value in figures.items()}


def _money_notes(rows: pd.DataFrame) -> list[str]:
    """Count months that came and have no bill, by reason, and forecasts that have none where the month has one."""
    came = rows.drop_duplicates(["unique_id", "month"])
    reasons = came["reason_code"].value_counts()
    notes = [
        f"{count:,} of {len(came):,} months of customers have no money, {reason}: {NO_MONEY.get(reason, SEE_TARIFFS)}."
        for reason, count in zip(reasons.index.astype(str), reasons, strict=True)
    ]
    unbilled = rows["y" + MONEY].notna() & rows[[name + MONEY for name in QUANTILES]].isna().any(axis=1)
    return notes + (
        [f"{int(unbilled.sum()):,} forecasts have no money, though the month has."] if unbilled.any() else []
    )


def nothing_scored(days: int) -> str:
    """Return why no month could be scored, and what to do."""
    return (
        f"no calendar month has {LEAST_SCORED} days that were measured by {LEAST_MEASURED:.0%} or more, behind a known "
        f"day; the file has {days} day(s) with a value. Give at least one whole month and some days before it."
    )


def write_forecasts(run: Run, path: Path) -> None:
    """Write unique_id, cutoff, month, y, y_hat, q0.1, q0.9 (kWh), mean, horizon and basis, a row a forecast.

    With money there are y_money, y_hat_money, q0.1_money, q0.9_money and mean_money too: decimals, null without a bill.
    """
    kwh = ("y", "y_hat", "q0.1", "q0.9", "mean")
    kinds = {
        "unique_id": pa.string(),
        "cutoff": pa.timestamp("us"),
        "month": pa.timestamp("us"),
        **dict.fromkeys(kwh, pa.float64()),
        "horizon": pa.string(),
        "basis": pa.string(),
        **(dict.fromkeys((name + MONEY for name in kwh), AMOUNT) if run.has_money else {}),
    }
    shown = run.rows.rename(columns={"q0.5": "y_hat", "q0.5" + MONEY: "y_hat" + MONEY})
    shown = shown[list(kinds)].sort_values(["unique_id", "cutoff"])
    table = pa.Table.from_pandas(shown, schema=pa.schema(list(kinds.items())), preserve_index=False)
    _write(table, path)


def write_lines(run: Run, lines: pa.Table, path: Path) -> None:
    """Write the lines of the bills of P50: customer, cutoff, month and horizon, and what each line charges."""
    named = run.rows.rename(columns={"q0.5" + BILL: "bill_no"})[["bill_no", *FORECAST_KEY]]
    forecasts = pa.Table.from_pandas(named, preserve_index=False).replace_schema_metadata()
    joined = lines.select(["bill_no", *LINE]).join(forecasts, "bill_no", join_type="inner")
    order = [(name, "ascending") for name in ("unique_id", "cutoff", *IN_ORDER)]
    shown = [name for name in (*FORECAST_KEY, *LINE) if name != "position_no"]
    _write(joined.sort_by(order).select(shown), path)


def _write(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(), path)

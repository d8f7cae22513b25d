"""`meterwise backtest bill`: how good the forecast of customers' months is on a file of one's own, without a stack."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from meterwise.commands.published import as_rich_table
from meterwise.commands.screen import bars, wide_console

MODELS = {
    "model": "Meterwise",
    "last_month": "last month",
    "same_month_last_year": "same month last year",
    "mean_of_both": "mean of both",
    "run_rate": "mean day so far",
    "so_far_and_last_month": "so far, then last month",
}
HORIZONS = {"month_start": "month start", "day_10": "day 10", "day_20": "day 20"}
SHOWN = {
    "wape": "WAPE",
    "bias": "bias",
    "coverage_80": "in the 80 % band",
    "pinball": "pinball, kWh",
    "months": "months",
}


def bill(
    reads: Annotated[Path, typer.Option(help="CSV (also .gz) or Parquet of energy, kWh an interval or a day.")],
    time: Annotated[str, typer.Option(help="Column of the interval's start; wide: of the local day.")],
    out: Annotated[Path, typer.Option(help="JSON of the figures to write.")],
    forecasts: Annotated[Path, typer.Option(help="Parquet of the forecasts to write.")],
    id_column: Annotated[str, typer.Option("--id", help="Column of the customer.")],
    kwh: Annotated[str | None, typer.Option(help="long: column of the energy.")] = None,
    layout: Annotated[str, typer.Option(help="long: a row a value; wide: a row a customer and day.")] = "long",
    timezone: Annotated[str | None, typer.Option(help="Clock by which people live, like Europe/Berlin.")] = None,
    country: Annotated[str | None, typer.Option(help="Public holidays of a country or part: DE, AU-VIC.")] = None,
) -> None:
    """Forecast each customer's months at their start, on day 10 and on day 20, with earlier days only."""
    # Imported late: LightGBM and pandas would slow down every other command.
    from meterwise.commands.bill_reads import Layout, Reads, read_days
    from models.bills.backtest.results import nothing_scored, report, write_forecasts
    from models.bills.backtest.run import roll
    from models.bills.day_grid import months
    from models.demand.backtest.problems import BacktestError
    from models.demand.backtest.results import write_figures

    if layout not in list(Layout):
        raise typer.BadParameter(f"--layout {layout} is unknown: say long or wide.")
    asked = Reads(reads, id_column, time, kwh, Layout(layout), timezone, country)
    grid, repaired = read_days(asked)
    console = wide_console()
    with bars(console) as track:
        run = roll(grid, track("months", len(months(grid.dates))))
    if run.rows.empty:
        raise BacktestError(f"{reads}: {nothing_scored(int((grid.measured > 0).any(axis=0).sum()))}")
    found, notes = report(run)
    protocol = {
        "file": str(reads),
        "id": id_column,
        "time": time,
        "kwh": kwh,
        "layout": layout,
        "timezone": timezone,
        "country": country,
        "customers": len(grid.unique_ids),
        "months": [f"{run.rows['month'].min():%Y-%m}", f"{run.rows['month'].max():%Y-%m}"],
        "notes": [*repaired, *notes],
    }
    write_figures({"protocol": protocol, **found}, out)
    write_forecasts(run, forecasts)
    _show(console, found, protocol["notes"])
    console.print(f"Figures: {out}, forecasts: {forecasts}", soft_wrap=True)


def _show(console: Console, found: dict[str, Any], notes: Any) -> None:
    for horizon, title in HORIZONS.items():
        said = {name: found[name][horizon] for name in MODELS if horizon in found[name]}
        rows = [[MODELS[name], *(_as_text(name, figures[name]) for name in SHOWN)] for name, figures in said.items()]
        console.print(as_rich_table(f"Energy of a month, known at {title}", ["", *SHOWN.values()], rows))
    for note in notes:
        console.print(f"Note: {note}", highlight=False, markup=False, soft_wrap=True)


def _as_text(figure: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if figure == "months" else f"{value:,.2f}" if figure == "pinball" else f"{value:.1%}"

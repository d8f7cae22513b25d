"""`meterwise backtest bill`: how good the forecast of customers' months is on a file of one's own, without a stack."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from meterwise.commands.published import as_rich_table
from meterwise.commands.screen import bars, wide_console

if TYPE_CHECKING:
    from meterwise.tariffs.month_bills import MonthTariff

MODELS = {
    "model": "Meterwise",
    "last_month": "last month",
    "same_month_last_year": "same month last year",
    "mean_of_both": "mean of both",
    "run_rate": "mean day so far",
    "so_far_and_last_month": "so far, then last month",
}
DEMAND_NOTE = (
    "The tariff charges the highest kW. Days ahead are usual days, whose peaks are lower than the month's will be: "
    "money is told too low."
)
HORIZONS = {"month_start": "month start", "day_10": "day 10", "day_20": "day 20"}
SHOWN = {
    "wape": "WAPE",
    "bias": "bias",
    "coverage_80": "in the 80 % band",
    "pinball": "pinball, kWh",
    "months": "months",
}
MONEY_SHOWN = {f"{figure}_money": title for figure, title in SHOWN.items()} | {"pinball_money": "pinball"}


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
    tariff: Annotated[Path | None, typer.Option(help="YAML file of tariffs: money is forecast as well.")] = None,
    tariff_code: Annotated[str | None, typer.Option(help="Which of its tariffs, if it has several.")] = None,
    contracted_kw: Annotated[str | None, typer.Option(help="kW of every contract, if the tariff charges them.")] = None,
    lines: Annotated[Path | None, typer.Option(help="Parquet of the forecast bills' lines to write.")] = None,
) -> None:
    """Forecast each customer's months at their start, on day 10 and on day 20, with earlier days only."""
    # Imported late: LightGBM and pandas would slow down every other command.
    from meterwise.commands.bill_reads import Layout, Reads, read_days
    from meterwise.tariffs.book_file import read_book
    from meterwise.tariffs.month_bills import MonthBills, MonthTariff
    from models.bills.backtest.money import Money
    from models.bills.backtest.results import nothing_scored, report, write_forecasts, write_lines
    from models.bills.backtest.run import roll
    from models.bills.day_grid import months
    from models.demand.backtest.problems import BacktestError
    from models.demand.backtest.results import write_figures

    if layout not in list(Layout):
        raise typer.BadParameter(f"--layout {layout} is unknown: say long or wide.")
    if tariff is None and (tariff_code, contracted_kw, lines) != (None, None, None):
        raise typer.BadParameter("--tariff-code, --contracted-kw and --lines need --tariff, a file of tariffs.")
    book = read_book(tariff) if tariff else None
    asked = Reads(reads, id_column, time, kwh, Layout(layout), timezone, country)
    grid, intervals, repaired = read_days(asked)
    money = None
    if book:
        chosen = MonthTariff.chosen(book, tariff_code, _kw(contracted_kw), intervals.timezone)
        money = Money(intervals, grid, MonthBills(chosen), keeps_lines=lines is not None)
        repaired += [*_clock_notes(book.timezone, timezone), *([DEMAND_NOTE] if chosen.charges_demand else [])]
    console = wide_console()
    with bars(console) as track:
        run = roll(grid, track("months", len(months(grid.dates))), money=money)
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
        **({"tariff": str(tariff), **_told(money.bills.tariff)} if money else {}),
        "customers": len(grid.unique_ids),
        "months": [f"{run.rows['month'].min():%Y-%m}", f"{run.rows['month'].max():%Y-%m}"],
        "notes": [*repaired, *notes],
    }
    found = {"protocol": protocol, **found}
    write_figures(found, out)
    write_forecasts(run, forecasts)
    if money and lines:
        write_lines(run, money.bills.kept_lines(), lines)
    _show(console, found, protocol["notes"])
    console.print(f"Figures: {out}, forecasts: {forecasts}", soft_wrap=True)


def _kw(text: str | None) -> Decimal | None:
    try:
        kw = Decimal(text) if text is not None else None
    except InvalidOperation:
        kw = Decimal("NaN")
    if kw is not None and not (kw.is_finite() and kw > 0):
        raise typer.BadParameter(f"--contracted-kw {text} is no number of kW above 0.")
    return kw


def _told(chosen: "MonthTariff") -> dict[str, Any]:
    kw = chosen.contracted_kw
    return {
        "tariff_code": chosen.tariff.code,
        "currency": chosen.book.currency,
        "contracted_kw": None if kw is None else str(kw),
    }


def _clock_notes(of_book: str, timezone: str | None) -> list[str]:
    if timezone == of_book:
        return []
    whose = timezone or "the file's own clock"
    return [f"Days and hours of the tariff are taken by {whose}, by which the customers live; its book says {of_book}."]


def _show(console: Console, found: dict[str, Any], notes: Any) -> None:
    currency = found["protocol"].get("currency")
    for horizon, title in HORIZONS.items():
        said = {MODELS[name]: found[name][horizon] for name in MODELS if horizon in found[name]}
        console.print(_table(f"Energy of a month, known at {title}", SHOWN, said))
        if currency:
            console.print(_table(f"Money of a month, {currency}, known at {title}", MONEY_SHOWN, said))
    for note in notes:
        console.print(f"Note: {note}", highlight=False, markup=False, soft_wrap=True)


def _table(title: str, shown: dict[str, str], said: dict[str, dict[str, Any]]) -> Table:
    rows = [[name, *(_as_text(figure, figures[figure]) for figure in shown)] for name, figures in said.items()]
    return as_rich_table(title, ["", *shown.values()], rows)


def _as_text(figure: str, value: float | None) -> str:
    if value is None:
        return ""
    if figure.startswith("months"):
        return f"{value:,}"
    return f"{value:,.2f}" if figure.startswith("pinball") else f"{value:.1%}"

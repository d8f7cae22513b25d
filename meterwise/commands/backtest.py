"""`meterwise backtest demand`: how good the load forecast is on a file of one's own, without a stack."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from meterwise.commands import backtest_bill
from meterwise.commands.published import as_rich_table
from meterwise.commands.screen import bars, wide_console

if TYPE_CHECKING:
    from models.demand.backtest.options import Options

app = typer.Typer(help="How good a forecast would have been on a file of your own.", no_args_is_help=True)
app.command()(backtest_bill.bill)


class Target(StrEnum):
    """What is forecast."""

    interval = "interval"
    daily_max = "daily-max"


SHOWN = ("mase", "scaled_quantile_loss", "mape", "wape", "mae", "rmse", "bias", "coverage_80")
SHARES = {"mape", "wape", "bias", "coverage_80"}
TITLES = {"scaled_quantile_loss": "quantile loss", "coverage_80": "in the 80 % band", "mase": "MASE", "rmse": "RMSE"}
MODELS = {
    "model": "Meterwise",
    "seasonal_naive": "yesterday again",
    "week_ago": "last week again",
    "lightgbm_plain_lags": "plain LightGBM",
}


@app.callback()
def _backtest() -> None:
    """How good a forecast would have been on a file of your own."""


@app.command()
def demand(
    series: Annotated[Path, typer.Option(help="CSV (also .gz) or Parquet, a row an interval.")],
    time: Annotated[str, typer.Option(help="Column of the interval's start; local, or with its zone.")],
    value: Annotated[str, typer.Option(help="Column of the load or energy.")],
    out: Annotated[Path, typer.Option(help="JSON of the figures to write.")],
    forecasts: Annotated[Path, typer.Option(help="Parquet of the forecasts to write.")],
    id_column: Annotated[str | None, typer.Option("--id", help="Column of the series' name, if several.")] = None,
    temperature: Annotated[list[str] | None, typer.Option(help="Column(s) of outdoor temperature, °C.")] = None,
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    humidity: Annotated[str | None, typer.Option(help="Column(s) of relative humidity, %, parted by commas.")] = None,
    known: Annotated[bool, typer.Option("--known", help="The weather of the horizon may be used.")] = False,
    holidays: Annotated[str | None, typer.Option(help="Column that marks or names public holidays.")] = None,
    school_holidays: Annotated[str | None, typer.Option(help="Column that marks or names school holidays.")] = None,
    country: Annotated[str | None, typer.Option(help="Public holidays of a country or part: DE, AU-VIC.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Clock by which people live, like Europe/Berlin.")] = None,
    freq: Annotated[str, typer.Option(help="Length of an interval.")] = "30min",
    horizon: Annotated[str, typer.Option(help="How far ahead each window forecasts.")] = "168h",
    step: Annotated[str, typer.Option(help="Time from one window to the next.")] = "168h",
    windows: Annotated[int, typer.Option(min=1, help="Windows, the last one ending with the data.")] = 20,
    target: Annotated[Target, typer.Option(help="Every interval, or each local day's maximum.")] = Target.interval,
    refit: Annotated[str, typer.Option(help="The model is fitted anew after that time.")] = "7d",
    quantiles: Annotated[str, typer.Option(help="Levels.")] = "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9",
    tune_before: Annotated[bool, typer.Option("--tune-before", help="Tune on what lies before all windows.")] = False,
    picture: Annotated[Path | None, typer.Option(help="PNG to write.", show_default="picture.png beside --out")] = None,
) -> None:
    """Forecast a file's past from ever later origins, each with earlier rows only, and measure it beside baselines."""
    # Imported late: LightGBM and pandas would slow down every other command.
    from meterwise.settings import Settings
    from models.demand.backtest.backtest import Places, backtest
    from models.demand.backtest.columns import Columns
    from models.demand.backtest.options import Options
    from models.demand.backtest.ours import ours

    temperatures, humidities = _temperatures(temperature, more), (humidity,) if humidity else ()
    columns = Columns(time, value, id_column, temperatures, holidays, school_holidays, humidities)
    options = Options(
        series=series,
        columns=columns,
        timezone=timezone,
        freq=freq,
        horizon=horizon,
        step=step,
        windows=windows,
        target=target.value,
        refit=refit,
        quantiles=quantiles,
        known=known,
        country=country,
        tune_before=tune_before,
        threads=Settings().threads,
    )
    places = Places(out, forecasts, picture or out.parent / "picture.png")
    console = wide_console()
    with bars(console) as track:
        found = backtest(options, places, ours, track)
    _show(console, options, found)
    console.print(
        f"Figures: {places.figures}, forecasts: {places.forecasts}, picture: {places.picture}", soft_wrap=True
    )


def _temperatures(named: list[str] | None, more: list[str] | None) -> tuple[str, ...]:
    """Click gives an option one value; those behind it come as arguments."""
    if more and not named:
        raise typer.BadParameter(f"What is {' '.join(more)} for? Every column goes behind its option.")
    return (*(named or []), *(more or []))


def _show(console: Console, options: "Options", found: dict[str, Any]) -> None:
    protocol, shown = found["protocol"], [name for name in MODELS if name in found]
    first, last = (text.replace("T", " ") for text in protocol["windows"])
    title = f"{protocol['windows_run']} windows of {options.horizon}, known up to {first} ... {last}"
    rows = [[MODELS[name], *(_as_text(figure, found[name][figure]) for figure in SHOWN)] for name in shown]
    console.print(as_rich_table(title, ["", *(TITLES.get(figure, figure) for figure in SHOWN)], rows))
    for note in protocol["notes"]:
        console.print(f"Note: {note}", highlight=False, markup=False, soft_wrap=True)
    skill = found["skill"]["mase_against_better_naive"]
    if skill is not None:
        words = "less" if skill >= 0 else "more"
        console.print(f"The model's scaled error (MASE) is {abs(skill):.1%} {words} than that of the better naive one.")


def _as_text(figure: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1%}" if figure in SHARES else f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"

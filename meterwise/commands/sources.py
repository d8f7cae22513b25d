"""``meterwise sources``: what comes in, and whether it is understood."""

import typer
from rich.console import Console
from rich.table import Table

from meterwise.sources.check import Understood, check
from meterwise.sources.config import SourcesFileError

app = typer.Typer(help="What comes in.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What comes in."""


@app.command("check")
def sources_check() -> None:
    """Read a sample of every source and say what was understood, or what is wrong and what to do."""
    console = Console()
    try:
        with console.status("Reading samples ..."):
            understood = list(check())
    except SourcesFileError as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    console.print(as_rich_table(understood))
    for source in understood:
        if source.problem:
            console.print(f"✗ {source.problem}", style="red", markup=False)
        for note in source.notes:
            console.print(f"! {source.source}: {note}", style="yellow", markup=False)
    if any(source.problem for source in understood):
        raise typer.Exit(1)
    console.print(f"{len(understood)} sources understood.", style="green")


def as_rich_table(understood: list[Understood]) -> Table:
    """Lay out what was understood of each source."""
    table = Table(title="Sources")
    for heading in ("source", "table", "files", "sampled", "refused", "suspect", "period (UTC)"):
        table.add_column(heading, justify="right" if heading in {"files", "sampled", "refused", "suspect"} else "left")
    for heading in ("interval", "unit", "kWh a day (median)", "meters", "of customers"):
        table.add_column(heading, justify="right")
    for row in understood:
        table.add_row(
            row.source,
            row.table,
            f"{row.origins:,}",
            f"{row.sampled:,}",
            f"{row.quarantined:,}",
            f"{row.suspect:,}",
            f"{row.first_utc:%Y-%m-%d} to {row.last_utc:%Y-%m-%d}" if row.first_utc and row.last_utc else "",
            f"{row.interval_minutes} min" if row.interval_minutes else "",
            row.unit or "",
            f"{row.daily_kwh:,.1f}" if row.daily_kwh is not None else "",
            f"{row.meters:,}" if row.meters is not None else "",
            f"{row.customers_matched:,}" if row.customers_matched is not None else "",
            style="red" if row.problem else None,
        )
    return table

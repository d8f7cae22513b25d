"""``meterwise quarantine``: the rows that were refused."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from meterwise import quarantine
from meterwise.sources.config import SourcesFileError
from meterwise.sources.problems import SourceError

app = typer.Typer(help="The rows that were refused.", no_args_is_help=True)


@app.command("list")
def quarantine_list() -> None:
    """Show how many rows of which load were refused, and why; never the rows themselves."""
    console = Console()
    groups = quarantine.overview().to_pylist()
    if not groups:
        console.print("Nothing is in quarantine.", style="green")
        return
    table = Table(title="Quarantine")
    for heading in ("load", "source", "origin", "reason", "rows", "first line", "replayed"):
        table.add_column(heading, justify="right" if heading in {"rows", "first line", "replayed"} else "left")
    for group in groups:
        line = "" if group["first_line"] is None else str(group["first_line"])
        numbers = (f"{group['rows']:,}", line, f"{group['replayed_rows']:,}")
        table.add_row(group["load_id"], group["source"], group["origin"], group["reason"], *numbers)
    console.print(table)


@app.command("replay")
def quarantine_replay(
    source: Annotated[str | None, typer.Option(help="Only rows of this source.")] = None,
    load_id: Annotated[str | None, typer.Option(help="Only rows of this load.")] = None,
) -> None:
    """Let refused rows in again, through the present mapping; those still bad stay."""
    console = Console()
    try:
        loads = quarantine.replay(source, load_id)
    except (SourceError, SourcesFileError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    for load in loads:
        console.print(f"{load.load_id}: {load.accepted:,} rows admitted, {load.duplicate:,} were known already")
    if loads:
        console.print("They wait for their check: the next run of their ingest DAG accepts or refuses them.")
    else:
        console.print("No row could be admitted: the reasons still hold (`meterwise quarantine list`).")

"""``meterwise reads``: reads that a person corrects, and the trail of it."""

from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import typer
from rich.console import Console

from meterwise.commands.published import as_rich_table
from meterwise.editing import asked, edits
from meterwise.editing.asked import EditError

app = typer.Typer(help="Reads that a person corrects.", no_args_is_help=True)

SHOWN_ROWS = 20
TIME = "Local time, or with Z or an offset: 2026-07-01T10:15."
HEADINGS = {
    "interval_start_utc": "interval (UTC)",
    "channel": "channel",
    "before_kwh": "before",
    "before_quality": "was",
    "after_kwh": "after",
    "author": "who",
    "reason": "why",
    "recorded_at": "when",
}


@app.command()
def edit(
    reason: Annotated[str, typer.Option(help="Why, in words; kept for good.")],
    author: Annotated[str, typer.Option(help="Who decides it; kept for good.")],
    meter: Annotated[str | None, typer.Argument(help="Number of the meter.")] = None,
    start: Annotated[str | None, typer.Option("--from", help=f"Start of the first interval. {TIME}")] = None,
    end: Annotated[str | None, typer.Option("--to", help="End of the last interval; default: of the first.")] = None,
    kwh: Annotated[str | None, typer.Option(help="Energy of each of these intervals.")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--csv", help="Instead, a CSV with meter_id, interval_start, kwh [, channel, interval_minutes]."),
    ] = None,
    channel: Annotated[str, typer.Option(help="import, export or reactive.")] = "import",
    interval_minutes: Annotated[int | None, typer.Option(help="Length; default: as the reads around it.")] = None,
    allow_negative: Annotated[bool, typer.Option(help="Let import be negative.")] = False,
    yes: Annotated[bool, typer.Option(help="Do not ask.")] = False,
) -> None:
    """Correct reads, or put in missing ones; from the next landing on they hold, whatever is delivered later."""
    wanted = _asked(meter, start, end, kwh, file, channel, interval_minutes)
    found = edits.preview(wanted, allow_negative)
    console = Console()
    _show(console, "What would change", found.slice(0, SHOWN_ROWS).to_pylist())
    console.print(_sum(found))
    if not yes:
        typer.confirm("Record it?", abort=True)
    edits.record(found, reason, author)
    console.print("Recorded. It lands with the next run of ingest_meter_reads; `meterwise reads history` shows it.")


@app.command()
def history(
    meter: Annotated[str, typer.Argument(help="Number of the meter.")],
    start: Annotated[str | None, typer.Option("--from", help=f"Only intervals from here on. {TIME}")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Only intervals before.")] = None,
) -> None:
    """Show every edit of a meter's reads: before, after, who, why and when."""
    found = edits.history(meter, start, end)
    if not found:
        Console().print(f"No read of {meter} was edited{' in this time' if start or end else ''}.")
        return
    _show(Console(), f"Edits of {meter}", found)


def _asked(
    meter: str | None,
    start: str | None,
    end: str | None,
    kwh: str | None,
    file: Path | None,
    channel: str,
    interval_minutes: int | None,
) -> pa.Table:
    if file is not None and not (meter or start or end or kwh):
        return asked.of_csv(file, channel, interval_minutes)
    if file is None and meter and start and kwh:
        return asked.of_span(meter, start, end, kwh, channel, interval_minutes)
    raise EditError("Say which reads: either METER, --from and --kwh (and --to for several), or --csv FILE alone.")


def _show(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    meters = {row["meter_id"] for row in rows}
    shown = {**({"meter_id": "meter"} if len(meters) > 1 else {}), **HEADINGS}
    names = [name for name in shown if name in rows[0]]
    console.print(
        as_rich_table(title, [shown[name] for name in names], [[row[name] for name in names] for row in rows])
    )


def _sum(found: pa.Table) -> str:
    meters = len(pc.unique(found["meter_id"]))
    before, after = (pc.sum(found[name]).as_py() or 0 for name in ("before_kwh", "after_kwh"))
    missing = found["before_kwh"].null_count
    return (
        f"{len(found):,} read(s) of {meters:,} meter(s), {missing:,} of them missing so far: "
        f"{before:,.3f} kWh before, {after:,.3f} kWh after."
    )

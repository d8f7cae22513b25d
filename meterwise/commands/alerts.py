"""`meterwise alerts ...`: which meters are suspect, what became of it, and a score for any file of reads."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from meterwise import alert_states
from meterwise.commands.published import as_rich_table

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(help="Meters whose reads are suspect.", no_args_is_help=True)


class Layout(StrEnum):
    """How a file holds its reads."""

    wide = "wide"
    long = "long"


SHOWN_ALERTS = 20
LISTED = {
    "alert_id": "alert",
    "meter_id": "meter",
    "alert_type": "type",
    "first_date": "since",
    "confidence": "confidence",
    "energy_at_stake_kwh": "kWh at stake",
    "state": "state",
    "finding": "finding",
}
Alert = Annotated[str, typer.Argument(help="Id of the alert, as `list` shows it.")]
Author = Annotated[str, typer.Option(help="Who says so; kept for good.")]
Note = Annotated[str | None, typer.Option(help="Anything else; kept, and never published.")]


@app.callback()
def _alerts() -> None:
    """Meters whose reads are suspect."""


@app.command("list")
def list_alerts(
    state: Annotated[str | None, typer.Option(help="Only those open, acknowledged or closed.")] = None,
    alert_type: Annotated[str | None, typer.Option("--type", help="Only those of a type, such as dead_meter.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = SHOWN_ALERTS,
) -> None:
    """Show the published alerts as they stand now, those with most energy at stake first."""
    found = [
        alert
        for alert in alert_states.alerts()
        if state in {None, alert["state"]} and alert_type in {None, alert["alert_type"]}
    ]
    if not found:
        Console().print("No such alert is published.")
        return
    rows = [[alert[name] for name in LISTED] for alert in found[:limit]]
    Console().print(as_rich_table(f"{len(found):,} alert(s)", list(LISTED.values()), rows))


@app.command()
def show(alert: Alert) -> None:
    """Show one alert: evidence, advice, and what was said of it so far."""
    console, found = Console(), alert_states.find_alert(alert)
    said = alert_states.events_of(alert)
    for name, value in found.items():
        if value is not None and name not in {"author", "note", "recorded_at"}:
            console.print(f"{name.replace('_', ' ')}: {value}", highlight=False, markup=False)
    if said:
        names = ("recorded_at", "state", "finding", "author", "note")
        console.print(as_rich_table("What was said of it", names, [[event[name] for name in names] for event in said]))


@app.command()
def acknowledge(alert: Alert, author: Author, note: Note = None) -> None:
    """Say that somebody looks into an alert."""
    alert_states.record_event(alert, "acknowledged", author, note=note)
    typer.echo(f"Alert {alert} is acknowledged; published so with the next publication.")


@app.command()
def close(
    alert: Alert,
    finding: Annotated[str, typer.Option(help=f"What was found: {', '.join(alert_states.FINDINGS)}.")],
    author: Author,
    note: Note = None,
) -> None:
    """Close an alert with what was found; the alert model learns from it."""
    alert_states.record_event(alert, "closed", author, finding, note)
    typer.echo(f"Alert {alert} is closed, {finding}: {alert_states.FINDINGS[finding]}.")


@app.command()
def score(
    reads: Annotated[Path, typer.Option(help="CSV (also .gz) or Parquet, kWh an interval of 15, 30 or 60 minutes.")],
    out: Annotated[Path, typer.Option(help="CSV to write: meter_id, score, type, evidence.")],
    layout: Annotated[Layout, typer.Option(help="wide: a row a meter and day; long: a row a value.")] = Layout.wide,
    id_column: Annotated[str, typer.Option("--id", help="Column of the meter.")] = "meter",
    date: Annotated[str, typer.Option(help="wide: column of the local day.")] = "date",
    time: Annotated[str, typer.Option(help="long: column of the interval's start, local time.")] = "time",
    kwh: Annotated[str, typer.Option(help="long: column of the value.")] = "kwh",
    labels: Annotated[Path | None, typer.Option(help="CSV meter_id, label (1 = faulty), type: judges folds.")] = None,
) -> None:
    """Score every meter of a reads file, without a stack; a higher score is more suspect."""
    # Imported late: LightGBM and pandas would slow down every other command.
    from meterwise.sources.cube import ReadsError, read_long, read_wide
    from models.alerts.files import LabelsError, score_cube, with_labels
    from models.alerts.params import AlertParams

    params = AlertParams()
    try:
        known = _labels(labels) if labels else None
        cube = read_wide(reads, id_column, date) if layout == Layout.wide else read_long(reads, id_column, time, kwh)
        scored = score_cube(cube, params)
        meters, figures = with_labels(scored, known, params) if known is not None else (scored.meters, {})
    except (ReadsError, LabelsError) as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(1) from None
    meters.to_csv(out, index=False)
    typer.echo(f"{out}: {len(meters):,} meters, {int(meters['score'].isna().sum()):,} without a score")
    for name, value in figures.items():
        typer.echo(f"{name.replace('_', ' ')}: {value:.3f}")


def _labels(path: Path) -> "pd.DataFrame":
    import pandas as pd

    from models.alerts.files import LabelsError

    if not path.exists():
        raise LabelsError(f"{path} does not exist")
    found = pd.read_csv(path, dtype={"meter_id": str, "type": str})
    if missing := {"meter_id", "label"} - set(found.columns):
        raise LabelsError(f"{path} has no column {', '.join(sorted(missing))}")
    return found.fillna({"type": "none"})

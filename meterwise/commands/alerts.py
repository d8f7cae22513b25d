"""`meterwise alerts ...`: how suspect the reads of each meter are."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(help="Meters whose reads are suspect.", no_args_is_help=True)


class Layout(StrEnum):
    """How a file holds its reads."""

    wide = "wide"
    long = "long"


@app.callback()
def _alerts() -> None:
    """Meters whose reads are suspect."""


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

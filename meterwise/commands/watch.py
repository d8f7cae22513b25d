"""`meterwise watch`: how the platform does, as a page for people."""

from pathlib import Path
from typing import Annotated

import typer

from meterwise.commands.screen import wide_console
from meterwise.commands.up import HOME, installation
from meterwise.stack.attached import running

console = wide_console()


def watch(
    out: Annotated[
        Path | None, typer.Option(help="File to write; default: watch/index.html beside the Data Docs.")
    ] = None,
    home: HOME = None,
) -> None:
    """Write the page that shows how the platform does, from what the DAG watch has seen, and say how it stands."""
    from meterwise.watching import page, report

    settings = installation(home)
    if stack := running(settings):
        settings = stack.settings
    written = page.write(settings, out)
    for stage in report.gather(settings).stages:
        console.print(f"  {stage.mark:<13}{stage.name:<22}{stage.words}", highlight=False, markup=False)
    console.print(f"  {written if out else page.address(settings)}", highlight=False, soft_wrap=True)

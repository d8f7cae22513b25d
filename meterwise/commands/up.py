"""`meterwise up`, `run` and `status`: the embedded stack for real work."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from meterwise.commands.demo_state import DATABASES, load, settings_of
from meterwise.commands.ending import end_on_sigterm, wait_for_end
from meterwise.commands.screen import wide_console
from meterwise.settings import Settings, get_settings
from meterwise.stack.stack import Stack

console = wide_console()
HOME = Annotated[Path | None, typer.Option(help="Folder of the installation; default: METERWISE_HOME.")]


def up(home: HOME = None) -> None:
    """Start PostgreSQL, MLflow and Airflow on this machine, and keep them up until Ctrl-C."""
    from meterwise.commands import summary

    with _stack(home) as stack:
        for name, address in summary.addresses(stack).items():
            console.print(f"  {name:<11}{address}", highlight=False, soft_wrap=True)
        raise typer.Exit(wait_for_end(stack, console))


def run(
    as_of_date: Annotated[
        str | None, typer.Argument(help="Day, YYYY-MM-DD; default: today by Meterwise's clock.")
    ] = None,
    home: HOME = None,
) -> None:
    """Start the stack, take one day from landing to publication, show what came out, and stop."""
    from meterwise import planning
    from meterwise.commands import follow, summary

    with _stack(home) as stack:
        day = date.fromisoformat(as_of_date) if as_of_date else planning.utility(stack.settings).today(stack.settings)
        try:
            follow.run_day(stack, day.isoformat(), console)
        except follow.ChainError as error:
            console.print(f"[red]{day} was not published.[/]\n{error}", highlight=False)
            raise typer.Exit(1) from error
        summary.show(stack, day.isoformat(), console)


def status(home: HOME = None) -> None:
    """Say whether the stack runs, where, and what was published last."""
    from meterwise.stack import state

    folder = (home or get_settings().home).resolve()
    if not state.is_running(folder):
        console.print(f"No stack runs on {folder}. Start it: meterwise up", highlight=False)
        raise typer.Exit(1)
    remembered = state.StackState.load(folder)
    console.print(f"A stack runs on {folder}.", highlight=False)
    for name in remembered.ports:
        console.print(f"  {name:<11}{remembered.url(name)}", highlight=False)
    for component, health in airflow_health(remembered.url("airflow")).items():
        console.print(f"  airflow {component}: {health}", highlight=False)


def airflow_health(url: str) -> dict[str, str]:
    """Return the state of each component of Airflow."""
    from meterwise.stack.airflow_api import AirflowApi

    return {name: str(part["status"]) for name, part in AirflowApi(url, "").health().items()}


def _stack(home: Path | None) -> Stack:
    settings: Settings = get_settings()
    if home is not None:
        settings = settings.model_copy(update={"home": home.resolve()})
    end_on_sigterm()
    known = load(settings.home_path)
    if known is not None:
        return Stack(settings_of(known, settings.home_path), _report, DATABASES)
    return Stack(settings, _report)


def _report(message: str) -> None:
    console.print(f"  starting {message}", highlight=False)

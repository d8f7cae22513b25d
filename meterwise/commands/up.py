"""`meterwise up`, `run` and `status`: the embedded stack for real work."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.markup import escape

from meterwise.commands.demo_state import DATABASES, load, settings_of
from meterwise.commands.ending import end_on_sigterm, ends_in_words, wait_for_end
from meterwise.commands.screen import wide_console
from meterwise.database import connect
from meterwise.settings import Settings, get_settings
from meterwise.stack.airflow_api import AirflowApi
from meterwise.stack.attached import AttachedStack, running
from meterwise.stack.stack import Stack

console = wide_console()
HOME = Annotated[Path | None, typer.Option(help="Folder of the installation; default: METERWISE_HOME.")]


def up(home: HOME = None) -> None:
    """Start PostgreSQL, MLflow and Airflow on this machine, and keep them up until Ctrl-C."""
    from meterwise.commands import summary

    with ends_in_words(console), _stack(installation(home)) as stack:
        for name, address in summary.addresses(stack).items():
            console.print(f"  {name:<11}{address}", highlight=False, soft_wrap=True)
        raise typer.Exit(wait_for_end(stack, console))


def run(
    as_of_date: Annotated[
        str | None, typer.Argument(help="Day, YYYY-MM-DD; default: today by Meterwise's clock.")
    ] = None,
    home: HOME = None,
) -> None:
    """Take one day from landing to publication and show what came out.

    Uses the server that METERWISE_AIRFLOW_URL names, or the stack that runs on this home; where none runs, starts one
    and stops it at the end.
    """
    settings = installation(home)
    with ends_in_words(console):
        if (attached := running(settings)) is not None:
            return _run_day(attached, as_of_date)
        with _stack(settings) as stack:
            return _run_day(stack, as_of_date)


def _run_day(stack: Stack | AttachedStack, as_of_date: str | None) -> None:
    from meterwise import planning
    from meterwise.commands import follow, summary

    day = date.fromisoformat(as_of_date) if as_of_date else planning.utility(stack.settings).today(stack.settings)
    try:
        follow.run_day(stack, day.isoformat(), console)
    except follow.ChainError as error:
        console.print(f"[red]{day} was not published.[/]\n{escape(str(error))}", highlight=False)
        raise typer.Exit(1) from error
    summary.show(stack, day.isoformat(), console)


def status(home: HOME = None) -> None:
    """Say whether the stack runs, where, how it is, and what was published last."""
    from meterwise.commands import summary

    settings = get_settings()
    folder = (home or settings.home).resolve()
    stack = running(settings.model_copy(update={"home": folder}))
    if stack is None:
        console.print(f"No stack runs on {folder}. Start it: meterwise up", highlight=False)
        raise typer.Exit(1)
    console.print(f"A stack runs on {settings.airflow_url or folder}.", highlight=False)
    for name, address in summary.addresses(stack).items():
        console.print(f"  {name:<11}{address}", highlight=False, soft_wrap=True)
    for component, health in airflow_health(stack.airflow).items():
        console.print(f"  airflow {component}: {health}", highlight=False)
    console.print(f"  {last_publication(stack.settings)}", highlight=False)


def airflow_health(airflow: AirflowApi) -> dict[str, str]:
    """Return the state of each component of Airflow; one that is still starting does not answer."""
    try:
        return {name: str(part["status"]) for name, part in airflow.health().items()}
    except httpx.HTTPError as error:
        return {"api server": f"does not answer ({type(error).__name__}); it may still be starting"}


def last_publication(settings: Settings) -> str:
    """Say which day and version downstream systems see now."""
    query = "select max(as_of_date), max(version), sum(rows) from published.publications where is_current"
    with connect(settings) as connection:
        if connection.execute("select to_regclass('published.publications')").fetchone() == (None,):
            return "Nothing was published so far."
        day, version, rows = connection.execute(query).fetchone() or (None, None, None)
    return f"Published: {day} as version {version}, {rows:,} rows." if version else "Nothing was published so far."


def installation(home: Path | None) -> Settings:
    """Return the settings of an installation; in the home of a demo, those of the demo.

    Raises:
        BadParameter: The home holds a demo, and there is a ``sources.yml`` too: which one is meant?
    """
    settings: Settings = get_settings()
    if home is not None:
        settings = settings.model_copy(update={"home": home.resolve()})
    known = load(settings.home_path)
    if known is None:
        return settings
    if settings.sources_file.exists():
        raise typer.BadParameter(
            f"{settings.home_path} holds the demo's made-up utility, and {settings.sources_file.resolve()} is another "
            "one. Give your own a home of its own: METERWISE_HOME=.meterwise-own, in the environment or in .env."
        )
    return settings_of(known, settings.home_path)


def _stack(settings: Settings) -> Stack:
    end_on_sigterm()
    return Stack(settings, _report, DATABASES if load(settings.home_path) else None)


def _report(message: str) -> None:
    console.print(f"  {datetime.now().astimezone():%H:%M:%S} starting {message}", highlight=False)

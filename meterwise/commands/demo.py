"""The demo: a made-up utility, the whole stack, one day from landing to publication, and what came out of it."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from meterwise.commands.demo_state import DATABASES, Demo, load, settings_of
from meterwise.commands.screen import wide_console
from meterwise.settings import Settings

console = wide_console()


def advance(demo: Demo, settings: Settings) -> None:
    """Bring the utility to the day: its CRM database and the files that it hands over."""
    from meterwise.sources.synthetic import SyntheticUtility

    assert settings.last_date is not None  # noqa: S101 - set by settings_of
    SyntheticUtility(
        settings.sources_file.parent,
        settings.secrets["crm_url"].get_secret_value(),
        customers=demo.customers,
        seed=demo.seed,
        first_date=demo.first_date,
        threads=settings.threads,
    ).advance_to(settings.last_date)


def demo(
    once: Annotated[bool, typer.Option(help="End by itself; the exit code says whether all went well.")] = False,
    home: Annotated[Path, typer.Option(help="Folder of the demo.")] = Path(".meterwise"),
    customers: Annotated[int | None, typer.Option(min=20, help="Customers of the utility; default 1,000.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed is another utility; default 2026.")] = None,
    first_date: Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD; default 2026-07-15.")] = None,
) -> None:
    """Run one day of a made-up utility through everything; again, and it is the next day."""
    asked: dict[str, Any] = {"customers": customers, "seed": seed, "first_date": first_date}
    state = _state(home, {name: value for name, value in asked.items() if value is not None})
    raise typer.Exit(_run(state, home.resolve(), once))


def _state(home: Path, asked: dict[str, Any]) -> Demo:
    wanted = Demo(**asked)
    known = load(home)
    if known is None:
        wanted.save(home)
        return wanted
    differing = [name for name in asked if getattr(known, name) != getattr(wanted, name)]
    if differing:
        told = ", ".join(f"{name} {getattr(known, name)}" for name in differing)
        raise typer.BadParameter(
            f"{home} already holds a utility with {told}. Leave the option out, choose another --home, or `make clean`."
        )
    return known


def _run(state: Demo, home: Path, once: bool) -> int:
    from meterwise.commands import follow, summary
    from meterwise.commands.ending import end_on_sigterm, ends_in_words, wait_for_end
    from meterwise.stack.stack import Stack

    end_on_sigterm()
    begun, day = time.monotonic(), state.next_date
    console.print(f"Meterwise demo: {state.customers:,} customers, {day}. Home: {home}", highlight=False)

    def report(message: str) -> None:
        console.print(f"  {time.monotonic() - begun:4.0f} s  starting {message}", highlight=False)

    def generate(settings: Settings) -> None:
        console.print(f"  {time.monotonic() - begun:4.0f} s  the utility as of {day}", highlight=False)
        advance(state, settings)

    settings = settings_of(state, home, day)
    if once:
        settings = settings.model_copy(update={"monitor_minutes": 0, "forecast_minutes": 0})  # it ends with its day
    with ends_in_words(console), Stack(settings, report, DATABASES, generate) as stack:
        try:
            chain = follow.run_day(stack, day.isoformat(), console)
        except follow.ChainError as error:
            console.print(f"[red]{day} was not published.[/]\n{escape(str(error))}", highlight=False)
            return 1 if once else _stay(stack, 1)
        state.published = day
        state.save(home)
        summary.show(stack, day.isoformat(), console)
        summary.keep(stack, day.isoformat())
        console.print(
            f"\nPublished {chain.seconds:.0f} s after landing began, {time.monotonic() - begun:.0f} s in all. "
            "Run it again for the next day.",
            highlight=False,
        )
        return 0 if once else wait_for_end(stack, console)


def _stay(stack: Any, code: int) -> int:
    from meterwise.commands.ending import wait_for_end

    console.print("The stack stays up, so that you can look; Ctrl-C stops it.")
    wait_for_end(stack, console)
    return code

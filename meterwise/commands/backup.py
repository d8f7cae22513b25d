"""``meterwise backup``, ``restore`` and ``tidy``."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from meterwise.commands.screen import wide_console
from meterwise.commands.up import HOME, installation
from meterwise.settings import get_settings

console = wide_console()


def backup(
    folder: Annotated[Path | None, typer.Argument(help="Where backups are kept; default: METERWISE_BACKUPS.")] = None,
    name: Annotated[str | None, typer.Option(help="Of this one; default: the moment, in UTC.")] = None,
    home: HOME = None,
) -> None:
    """Save everything that cannot be made again; the stack may be at work meanwhile."""
    from meterwise.backup.making import back_up, prune
    from meterwise.backup.manifest import read

    settings = installation(home)
    kept_in = (folder or settings.backups).resolve()
    place = back_up(settings, kept_in, name, _progress())
    removed = prune(kept_in, settings.backups_kept)
    saved = read(place)
    if saved.missing_artifacts:
        missing = ", ".join(saved.missing_artifacts[:3])
        console.print(f"[yellow]Models without files, here as in MLflow: {escape(missing)}[/]", highlight=False)
    for old in removed:
        console.print(f"  removed {old}", highlight=False, soft_wrap=True)
    console.print(
        f"Backup of {saved.as_of_date or 'an installation without a publication'}: {len(saved.files):,} files, "
        f"{saved.bytes / 1e6:,.0f} MB. It holds secrets and customers' data.",
        highlight=False,
    )
    console.print(str(place), highlight=False, soft_wrap=True)


def restore(
    folder: Annotated[Path, typer.Argument(help="The backup: a folder that `meterwise backup` made.")],
    home: HOME = None,
) -> None:
    """Bring a backup back into an empty home, or an empty server."""
    from meterwise.backup.restoring import restore as bring_back

    settings = get_settings()
    if home is not None:
        settings = settings.model_copy(update={"home": home.resolve()})
    saved = bring_back(folder, settings, _progress())
    console.print(
        f"Restored as of {saved.as_of_date or 'before the first publication'}, saved at {saved.made_at:%Y-%m-%d %H:%M} "
        f"UTC. Start it: {'meterwise up' if settings.database_url is None else 'make up'}",
        highlight=False,
    )


def tidy(
    kinds: Annotated[
        list[str] | None, typer.Argument(help="logs, validations, airflow, models, reads; default: all.")
    ] = None,
    home: HOME = None,
) -> None:
    """Throw away what is old and no longer needed; how long each kind is kept is a setting."""
    from meterwise.stack.attached import AttachedStack
    from meterwise.stack.state import is_running
    from meterwise.tidying import STEPS
    from meterwise.tidying import tidy as throw_away

    unknown = sorted(set(kinds or []) - set(STEPS))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(STEPS)}")
    settings = installation(home)
    if settings.database_url is None and is_running(settings.home_path):
        settings = AttachedStack(settings).settings
    for kind in kinds or STEPS:
        console.print(f"  {escape(throw_away(kind, settings))}", highlight=False, soft_wrap=True)


def _progress() -> Callable[[str], None]:
    begun = time.monotonic()

    def report(message: str) -> None:
        console.print(f"  {time.monotonic() - begun:4.0f} s  {escape(message)}", highlight=False)

    return report

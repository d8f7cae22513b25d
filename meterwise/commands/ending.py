"""How a command that keeps a stack up comes to its end: in order, at Ctrl-C or SIGTERM."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import psycopg
import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from meterwise.access import DatabaseDownError
from meterwise.database import DatabaseNotConfiguredError
from meterwise.outcomes import RefusedError
from meterwise.postgres import EmbeddedPostgresError
from meterwise.stack.processes import StackError
from meterwise.stack.stack import Stack
from meterwise.warehouse import WarehouseError

FOR_PEOPLE = (
    RefusedError,
    DatabaseDownError,
    DatabaseNotConfiguredError,
    EmbeddedPostgresError,
    StackError,
    WarehouseError,
)
"""Errors whose text says what to do; nobody is helped by the lines of code above it."""


class SpeaksInWords(TyperGroup):
    """The commands of ``meterwise``: what someone must put right is said in a sentence, with exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except FOR_PEOPLE as error:
            told = str(error)
        except psycopg.errors.InsufficientPrivilege as error:
            told = (
                f"Your user of PostgreSQL may not do this: {error.diag.message_primary}. "
                "`meterwise database roles` shows who may what."
            )
        Console(stderr=True, soft_wrap=True).print(f"[red]{escape(told)}", highlight=False)
        raise typer.Exit(1)


def end_on_sigterm() -> None:
    """Let SIGTERM end this command like Ctrl-C does: in order, with everything that it started."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


@contextmanager
def ends_in_words(console: Console) -> Iterator[None]:
    """Say in words why a stack could not run, and that Ctrl-C ended it, instead of a traceback."""
    try:
        yield
    except FOR_PEOPLE as error:
        console.print(f"[red]The stack could not run.[/] {escape(str(error))}", highlight=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        console.print("Stopped.")
        raise typer.Exit(130) from None


def wait_for_end(stack: Stack, console: Console) -> int:
    """Keep a stack up, starting again what dies, until Ctrl-C or SIGTERM; returns the exit code.

    Raises:
        StackError: A part of it has died again and again.
    """
    ended = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal ended
        ended = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    console.print("Up. Ctrl-C stops everything.")
    while not ended:
        stack.look_after()
        time.sleep(0.5)
    console.print("Stopping.")
    return 0

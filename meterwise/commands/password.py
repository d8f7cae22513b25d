"""A password that a person gives: from standard input, never as an argument, which every user of the machine sees."""

import getpass
import sys

import typer


def from_input() -> str:
    """Read one line; at a terminal without showing it.

    Raises:
        BadParameter: Nothing was given.
    """
    given = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise typer.BadParameter("no password on standard input")
    return given

"""`meterwise database ...`: makes PostgreSQL ready, shows who may what, makes users, looks whether all is well."""

from contextlib import closing
from datetime import date
from typing import Annotated

import typer
from rich.table import Table

from meterwise import ops
from meterwise.access import DatabaseRefusedError
from meterwise.access.check import PROBLEMS, checks
from meterwise.access.logins import add_user
from meterwise.access.overview import rights, users
from meterwise.access.prepare import as_administrator, databases, prepare
from meterwise.access.roles import PURPOSES
from meterwise.commands.password import from_input
from meterwise.commands.screen import wide_console
from meterwise.database import connect
from meterwise.publish.schema import prepare as make_ready
from meterwise.settings import get_settings

app = typer.Typer(help="PostgreSQL: make it ready, see who may what, add users.", no_args_is_help=True)
console = wide_console()
PASSWORD_FROM_INPUT = typer.Option("--password-stdin", help="Read the password from standard input.")


@app.command("prepare")
def prepare_() -> None:
    """Make groups, users, databases, schemas and rights, as administrator (METERWISE_ADMIN_URL); harmless when done."""
    settings = get_settings()
    if not databases(settings):
        raise DatabaseRefusedError(
            "No database is named. Give METERWISE_DATABASE_URL (and METERWISE_WAREHOUSE_URL): the user and password in "
            "them are made, and the database."
        )
    prepare(settings, lambda told: console.print(f"  {told}", highlight=False))


@app.command()
def check() -> None:
    """Say of each database whether it answers, lets us in, and has a version that this program knows."""
    healthy = True
    found = checks(get_settings())
    for name, look in found.items():
        try:
            console.print(f"  [green]ok[/]     {name}: {look()}", highlight=False)
        except PROBLEMS as error:
            healthy = False
            console.print(f"  [red]look[/]   {name}: {error}", highlight=False)
    if not found:
        console.print("  No database is named in the settings; the embedded stack looks after its own.")
    raise typer.Exit(0 if healthy else 1)


@app.command()
def migrate() -> None:
    """Bring the tables that remember (ops) and the books of publications to this version, every row kept."""
    settings = get_settings()
    before = ops.found_version(settings)
    ops.migrate(settings)
    with closing(connect(settings)) as connection:
        make_ready(connection, settings)
    if before == ops.SCHEMA_VERSION:
        console.print(f"  The schema has version {before} already.", highlight=False)
    else:
        console.print(f"  The schema went from version {before} to {ops.SCHEMA_VERSION}.", highlight=False)


@app.command()
def roles() -> None:
    """Show which group may what in each schema, and who is in which group."""
    with closing(connect()) as connection:
        may = Table("schema", *PURPOSES, title="Who may what", title_justify="left", header_style="bold")
        for schema, told in rights(connection).items():
            may.add_row(schema, *(told.get(group, "") for group in PURPOSES))
        people = Table("user", "acts as", "password until", title="Users", title_justify="left", header_style="bold")
        for row in users(connection):
            people.add_row(*row)
    console.print(may, people)
    for group, purpose in PURPOSES.items():
        console.print(f"  {group:<12}{purpose}", highlight=False)


@app.command("add-user")
def add_user_(
    name: Annotated[str, typer.Argument(help="Name of the user.")],
    role: Annotated[str, typer.Option(help="reader: published only; pii_reader: contact data too.")] = "reader",
    password_stdin: Annotated[bool, PASSWORD_FROM_INPUT] = False,
    expires: Annotated[str | None, typer.Option(help="Last day of the password, YYYY-MM-DD.")] = None,
) -> None:
    """Make a user for a person or a system downstream, or give one a new password; prints one that it made up."""
    given = from_input() if password_stdin else None
    with closing(as_administrator(get_settings())) as connection:
        password = add_user(connection, name, role, given, date.fromisoformat(expires) if expires else None)
    typer.echo(f"{name} may log in and is a {role}." + ("" if given else f" Password, shown once: {password}"))

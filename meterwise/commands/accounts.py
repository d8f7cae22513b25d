"""`meterwise accounts ...`: accounts of people in Airflow and MLflow on a team's server."""

import secrets
from enum import StrEnum
from typing import Annotated

import typer
from pydantic import SecretStr

from meterwise.access import airflow_accounts
from meterwise.commands.password import from_input
from meterwise.settings import get_settings

app = typer.Typer(help="Accounts in Airflow and MLflow.", no_args_is_help=True)
NAME = Annotated[str, typer.Argument(help="Name of the account.")]
PASSWORD_STDIN = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input; else one is made up.")
]


class Role(StrEnum):
    """What an account of Airflow may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


@app.command()
def airflow(
    name: NAME,
    role: Annotated[Role, typer.Option(help="viewer looks, operator starts and clears runs, admin may all.")],
    password_stdin: PASSWORD_STDIN = False,
) -> None:
    """Make an account in Airflow, or set its password and role.

    The account that METERWISE_AIRFLOW_USERNAME names gets the password of METERWISE_AIRFLOW_PASSWORD.
    """
    settings = get_settings()
    known = settings.airflow_password if name == settings.airflow_username else None
    password, told = _password(password_stdin, known)
    airflow_accounts.ensure_account(name, role, password)
    typer.echo(f"{name} is {role} in Airflow.{told}")


@app.command()
def mlflow(
    name: NAME,
    admin: Annotated[bool, typer.Option("--admin", help="May do everything, also move the alias champion.")] = False,
    password_stdin: PASSWORD_STDIN = False,
) -> None:
    """Make an account in MLflow, or set its password; it reads everything and owns what it makes.

    The accounts that the settings name get the passwords of the settings.
    """
    from meterwise.registry.accounts import ensure_account

    settings = get_settings()
    ours = {
        settings.mlflow_username: settings.mlflow_password,
        settings.mlflow_admin_username: settings.mlflow_admin_password,
    }
    password, told = _password(password_stdin, ours.get(name))
    is_admin = admin or name == settings.mlflow_admin_username
    ensure_account(name, password, settings, is_admin=is_admin)
    typer.echo(f"{name} has an account in MLflow.{told}")


def _password(from_stdin: bool, known: SecretStr | None) -> tuple[str, str]:
    """Return the password and, if it was made up, the words that show it, once."""
    if from_stdin:
        return from_input(), ""
    if known is not None:
        return known.get_secret_value(), ""
    made_up = secrets.token_urlsafe(15)
    return made_up, f" Password, shown once: {made_up}"

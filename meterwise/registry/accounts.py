"""Accounts in MLflow, made in its database; its server need not run. Passwords are kept hashed."""

from typing import Any

from sqlalchemy import make_url

from meterwise.outcomes import RefusedError
from meterwise.settings import Settings

LEAST_LENGTH = 12


class MlflowAccountError(RefusedError):
    """The account cannot be made; the text says what to do."""


def ensure_account(name: str, password: str, settings: Settings, *, is_admin: bool = False) -> None:
    """Make an account, or set the password and the rights of the one that is there.

    An account reads everything and owns what it makes itself; an administrator may do everything.

    Raises:
        MlflowAccountError: There is no database for MLflow, or the password is too short.
    """
    if settings.mlflow_database_url is None:
        raise MlflowAccountError("MLflow's accounts are in its database: give METERWISE_MLFLOW_DATABASE_URL.")
    if len(password) < LEAST_LENGTH:
        raise MlflowAccountError(f"MLflow takes passwords of {LEAST_LENGTH} characters or more; choose a longer one.")
    # Here, not at the top: it loads MLflow's whole server.
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

    store: Any = SqlAlchemyStore()
    url = make_url(settings.mlflow_database_url.get_secret_value()).set(drivername="postgresql+psycopg2")
    store.init_db(url.render_as_string(hide_password=False))
    if store.has_user(name):
        store.update_user(name, password=password, is_admin=is_admin)
    else:
        store.create_user(name, password, is_admin=is_admin)

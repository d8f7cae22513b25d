"""Looks at every database that the settings name: does it answer, does it let us in, do we know its version."""

from collections.abc import Callable
from contextlib import closing

from pydantic import SecretStr
from sqlalchemy import URL, make_url

from meterwise.access.opening import DatabaseDownError, DatabaseRefusedError, open_connection, where
from meterwise.access.roles import LOADER, PUBLISHER, SERVICE_GROUPS, TRANSFORMER
from meterwise.access.session import role_of
from meterwise.access.versions import AIRFLOW, MLFLOW, NewerDatabaseError, refuse_newer
from meterwise.outcomes import RefusedError
from meterwise.settings import Settings

Check = Callable[[], str]
PROBLEMS = (DatabaseDownError, RefusedError)


def checks(settings: Settings) -> dict[str, Check]:
    """Return a check for each database that is named; each says what it found, or raises one of ``PROBLEMS``."""
    found: dict[str, Check] = {}
    if settings.warehouse == "postgresql" and settings.warehouse_url is not None:
        found["warehouse"] = lambda: _ours(_url(settings.warehouse_url), (LOADER, TRANSFORMER))
    if settings.database_url is not None:
        found["published and ops"] = lambda: _published(_url(settings.database_url))
    if settings.airflow_database_url is not None:
        found["Airflow's database"] = lambda: refuse_newer(_url(settings.airflow_database_url), AIRFLOW)
    if settings.mlflow_database_url is not None:
        found["MLflow's database"] = lambda: refuse_newer(_url(settings.mlflow_database_url), MLFLOW)
    if found:
        found["restores"] = lambda: _restored(settings)
    return found


def refuse_newer_databases(settings: Settings, airflow: str, mlflow: str) -> None:
    """Refuse a home on whose databases newer programs have worked, before anything is started on it.

    Raises:
        NewerDatabaseError: Says which program, and what to do.
    """
    refuse_newer_ops(_url(settings.database_url))
    refuse_newer(make_url(airflow), AIRFLOW)
    refuse_newer(make_url(mlflow), MLFLOW)


def refuse_newer_ops(url: URL) -> str:
    """Refuse a schema ``ops`` that a newer Meterwise has made; says which version there is.

    Raises:
        NewerDatabaseError: It is newer.
        DatabaseRefusedError: See ``open_connection``.
        DatabaseDownError: Likewise.
    """
    from meterwise.ops import SCHEMA_VERSION

    with closing(open_connection(url)) as connection:
        if connection.execute("select to_regclass('ops.schema_versions')").fetchone() == (None,):
            return "no tables yet"
        row = connection.execute("select coalesce(max(version), 0) from ops.schema_versions").fetchone()
    found = int(row[0]) if row else 0
    if found > SCHEMA_VERSION:
        raise NewerDatabaseError(
            f"The schema ops in {url.database} has version {found}; this Meterwise knows up to {SCHEMA_VERSION}. "
            "Install the newer Meterwise again, or restore the backup from before the upgrade. Nothing was started."
        )
    return f"ops version {found}"


def _restored(settings: Settings) -> str:
    """Say that no restore was cut off."""
    from meterwise.backup import unfinished

    unfinished.refuse(settings)
    return "none was cut off"


def _published(url: URL) -> str:
    from meterwise.access.session import acting_as

    told = _ours(url, (PUBLISHER,))
    return f"{told}, {refuse_newer_ops(acting_as(url, PUBLISHER))}"


def _ours(url: URL, groups: tuple[str, ...]) -> str:
    """Say as whom we come in; a user of some of the service's groups must be in all that the stages act as."""
    acts = [group for group in SERVICE_GROUPS if role_of(url, group)]
    missing = [group for group in groups if acts and group not in acts]
    if missing:
        raise DatabaseRefusedError(
            f"{url.username} at {where(url)} is no member of {', '.join(missing)}. "
            "`meterwise database prepare`, as administrator, grants it."
        )
    return f"{url.database} at {where(url)} as {url.username}" + (f" ({', '.join(acts)})" if acts else "")


def _url(secret: SecretStr | None) -> URL:
    assert secret is not None  # noqa: S101 - asked before
    return make_url(secret.get_secret_value())

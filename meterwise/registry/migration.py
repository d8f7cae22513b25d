"""Brings the tables of MLflow's own database to the version that is installed."""


def migrate(url: str) -> None:
    """Make the tables, or change them to this version; harmless when done.

    Args:
        url: SQLAlchemy URL with password; it stands on no command line, as MLflow's own command would want it.
    """
    from mlflow.db import upgrade

    upgrade.callback(url)  # type: ignore[misc]

"""The only reader of the environment. Nothing else in Meterwise looks at environment variables."""

import os
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "METERWISE_"


class Settings(BaseSettings):
    """Where Meterwise lives and what it talks to.

    Invariants:
        Frozen; an unknown ``METERWISE_*`` variable or key in ``.env`` is an error, so a typo never passes silently.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    project: Path = Field(
        default=Path(__file__).resolve().parents[1], description="Folder that holds dags/ and dbt_project/."
    )
    home: Path = Field(default=Path(".meterwise"), description="Folder for everything that Meterwise writes.")
    warehouse: Literal["duckdb"] = Field(default="duckdb", description="Engine of the warehouse.")
    sources_file: Path = Field(default=Path("sources.yml"), description="What comes in: the utility's own sources.")
    secrets: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Secrets that sources.yml names as secret:<name>, e.g. METERWISE_SECRETS__CRM_URL.",
    )
    database_url: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of the PostgreSQL database with the schemas published and ops."
    )
    mlflow_uri: str | None = Field(default=None, description="Tracking address of the MLflow server.")
    mlflow_public_url: str | None = Field(default=None, description="Address of MLflow for links that people click.")
    airflow_url: str | None = Field(default=None, description="Address of the Airflow API server.")
    data_docs_url: str | None = Field(default=None, description="Address of the Great Expectations Data Docs.")
    threads: int = Field(default=2, ge=1, description="Threads of DuckDB and LightGBM; fixed, so that runs repeat.")
    memory_limit: str = Field(default="4GB", description="Memory that DuckDB may use.")
    last_date: date | None = Field(
        default=None,
        description="Meterwise's clock stands at the end of this local day (the demo utility lives in its own year).",
    )
    publications_kept_days: int = Field(default=30, ge=1, description="Days for which old publications are kept.")
    promotion_margin: float = Field(
        default=0.01, ge=0, description="Share by which a challenger must beat the champion on the same window."
    )
    retrain_after_days: int = Field(default=7, ge=1, description="A champion older than this is challenged.")

    @property
    def home_path(self) -> Path:
        """Absolute path of ``home``."""
        return self.home.resolve()

    @property
    def warehouse_path(self) -> Path:
        """File of the DuckDB warehouse."""
        return self.home_path / "warehouse.duckdb"

    @property
    def dbt_project_path(self) -> Path:
        """Folder of the dbt project."""
        return self.project / "dbt_project"

    @property
    def exports_path(self) -> Path:
        """Folder for Parquet exports that free the warehouse before a model is fitted."""
        return self.home_path / "exports"

    @property
    def data_docs_path(self) -> Path:
        """Folder of the Great Expectations Data Docs."""
        return self.home_path / "gx" / "gx" / "uncommitted" / "data_docs" / "local_site"


@cache
def get_settings() -> Settings:
    """Return the settings of this process.

    Raises:
        ValueError: The environment holds a ``METERWISE_*`` variable that is not a setting.
    """
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    unknown = sorted(
        name for name in os.environ if name.upper().startswith(PREFIX) and name.upper().split("__")[0] not in known
    )
    if unknown:
        raise ValueError(
            f"Unknown setting(s) in the environment: {', '.join(unknown)}. "
            "See .env.example for every setting; unset or rename these."
        )
    return Settings()


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the environment for a child process that is to work with these settings.

    It holds the secrets in clear: hand it to a process, never to a log.
    """
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
    for name, value in settings:
        if name == "secrets":
            secrets = {f"{PREFIX}SECRETS__{key.upper()}": secret.get_secret_value() for key, secret in value.items()}
            environment.update(secrets)
        elif isinstance(value, Path):
            environment[PREFIX + name.upper()] = str(value.resolve())
        elif value is not None:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            environment[PREFIX + name.upper()] = plain
    return environment

"""The only reader of the environment. Nothing else in Meterwise looks at environment variables."""

import os
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NoReturn, get_args

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from meterwise.secret_files import SUFFIX, SettingsError, read_secret_files
from meterwise.setting_names import in_words, others_in_env_file, refuse_unknown

PREFIX = "METERWISE_"
NOT_HANDED_ON = frozenset(
    {"admin_url", "airflow_database_url", "mlflow_database_url", "mlflow_admin_password", "mlflow_secret_key"}
)
"""Secrets of set-up alone: no child process gets them."""
FORECAST_STEPS = (15, 30, 60)
"""Minutes that load may be forecast by: what divides an hour evenly and meters report by."""


def _forecast_step(minutes: int) -> int:
    if minutes not in FORECAST_STEPS:
        raise ValueError(f"must be one of {', '.join(map(str, FORECAST_STEPS))} (minutes)")
    return minutes


class _Environment(EnvSettingsSource):
    """The environment, with secrets that are given by file read from there."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return read_secret_files(super()._load_env_vars(), _is_secret, "the environment")


class _EnvFile(DotEnvSettingsSource):
    """The file ``.env``; what it holds for docker compose is passed over, what nobody knows is refused."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        found = read_secret_files(super()._load_env_vars(), _is_secret, ".env")
        ours = {name for name in found if name.upper().startswith(PREFIX)}
        others = others_in_env_file()
        strangers = {name.upper() for name in set(found) - ours} - others if others is not None else set()
        unknown = {name.upper() for name in ours if not _is_known(name)} | strangers
        refuse_unknown(unknown, _known() | (others or set()), ".env")
        return {name: value for name, value in found.items() if name in ours}


class Settings(BaseSettings):
    """Where Meterwise lives and what it talks to.

    Invariants:
        Frozen; an unknown ``METERWISE_*`` variable or key in ``.env`` is an error, so a typo never passes silently.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    project: Path = Field(
        default=Path(__file__).resolve().parents[1], description="Folder that holds dags/ and dbt_project/."
    )
    home: Path = Field(default=Path(".meterwise"), description="Folder for everything that Meterwise writes.")
    warehouse: Literal["duckdb", "postgresql"] = Field(default="duckdb", description="Engine of the warehouse.")
    warehouse_url: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of the PostgreSQL database that holds the warehouse."
    )
    sources_file: Path = Field(default=Path("sources.yml"), description="What comes in: the utility's own sources.")
    secrets: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Secrets that sources.yml names as secret:<name>, e.g. METERWISE_SECRETS__CRM_URL.",
    )
    database_url: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of the PostgreSQL database with the schemas published and ops."
    )
    admin_url: SecretStr | None = Field(
        default=None,
        description="SQLAlchemy URL of PostgreSQL's administrator; for prepare, add-user, backup and restore alone.",
    )
    airflow_database_url: SecretStr | None = Field(
        default=None,
        description="SQLAlchemy URL of Airflow's own database: to prepare, check, back up, restore and tidy it.",
    )
    mlflow_database_url: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of MLflow's own database, for its server and `meterwise database`."
    )
    airflow_username: str = Field(default="admin", description="Airflow account of the command line.")
    airflow_password: SecretStr | None = Field(default=None, description="Password of that Airflow account.")
    mlflow_username: str | None = Field(
        default=None, description="MLflow account of our jobs, where MLflow asks for one."
    )
    mlflow_password: SecretStr | None = Field(default=None, description="Password of that MLflow account.")
    mlflow_admin_username: str = Field(default="admin", description="MLflow's administrator.")
    mlflow_admin_password: SecretStr | None = Field(default=None, description="Password of MLflow's administrator.")
    mlflow_secret_key: SecretStr | None = Field(
        default=None, description="Signs the forms of MLflow's server; by default made up at each start."
    )
    tls_certificate_file: Path | None = Field(
        default=None, description="Certificate (PEM) with which our servers speak TLS; with its key, else plain HTTP."
    )
    tls_key_file: Path | None = Field(default=None, description="Private key (PEM) of that certificate.")
    tls_authority_file: Path | None = Field(
        default=None, description="Certificates (PEM) that clients trust, where the authority is the utility's own."
    )
    mlflow_uri: str | None = Field(default=None, description="Tracking address of the MLflow server.")
    mlflow_public_url: str | None = Field(default=None, description="Address of MLflow for links that people click.")
    airflow_url: str | None = Field(default=None, description="Address of the Airflow API server.")
    data_docs_url: str | None = Field(default=None, description="Address of the Great Expectations Data Docs.")
    alert_email: str | None = Field(
        default=None, description="Who gets an e-mail when a task fails or data are stale; several with commas."
    )
    alert_smtp_url: SecretStr | None = Field(
        default=None,
        description="Mail server for alerts, as Airflow writes a connection: smtp://user:password@host:587?from_email=.",
    )
    alert_webhook: SecretStr | None = Field(
        default=None, description="Address that gets each alert as JSON by POST; it often carries a token."
    )
    openlineage_url: str | None = Field(
        default=None, description="OpenLineage server that is told of every run; unset, no event is made."
    )
    threads: int = Field(default=2, ge=1, description="Threads of DuckDB and LightGBM; fixed, so that runs repeat.")
    memory_limit: str = Field(default="4GB", description="Memory that DuckDB may use.")
    monitor_minutes: int = Field(
        default=2,
        ge=0,
        le=30,
        description="Minutes between two looks at new reads for alerts and the load of now; 0: with the day alone.",
    )
    forecast_minutes: int = Field(
        default=60,
        ge=0,
        le=60,
        description="Minutes between two looks at new reads for forecasts of load; 0: with the day alone.",
    )
    forecast_step_minutes: Annotated[int, AfterValidator(_forecast_step)] = Field(
        default=60,
        description="Minutes of the intervals that load is forecast by: 60, 30 or 15; see docs/forecasts.md.",
    )
    last_date: date | None = Field(
        default=None,
        description="Meterwise's clock stands at the end of this local day (the demo utility lives in its own year).",
    )
    publications_kept_days: int = Field(default=30, ge=1, description="Days for which old publications are kept.")
    raw_kept_days: int | None = Field(
        default=None,
        ge=400,
        description="Days of meter reads that raw keeps; empty: all, since sources forget and models look back a year.",
    )
    messages_kept_days: int = Field(
        default=7, ge=1, description="Days for which files of messages (MQTT) are kept after they were landed."
    )
    logs_kept_days: int = Field(default=30, ge=1, description="Days for which logs and Airflow's history are kept.")
    data_docs_kept_days: int = Field(default=90, ge=1, description="Days for which validation pages are kept.")
    models_kept_days: int = Field(
        default=180, ge=1, description="Days for which models are kept that never became champion."
    )
    artifacts_url: str | None = Field(
        default=None, description="Where MLflow keeps its artifacts (s3://bucket); empty: a folder of the home."
    )
    backups: Path = Field(
        default=Path("backups"),
        description="Folder in which backups are kept (of the server in Docker: BACKUP_FOLDER).",
    )
    backups_kept: int = Field(default=7, ge=1, description="How many backups are kept there; older ones go.")
    promotion_margin: float = Field(
        default=0.01, ge=0, description="Share by which a challenger must beat the champion on the same window."
    )
    false_alarms_per_100_meters: float = Field(
        default=1.0, gt=0, description="Budget of alerts: false ones a month that 100 meters may give."
    )
    search_minutes: int = Field(
        default=30,
        ge=1,
        le=240,
        description="Minutes that the monthly search for better parameters of the demand forecast takes.",
    )
    retrain_after_days: int = Field(default=7, ge=1, description="A champion older than this is challenged.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what is passed, then the environment, then ``.env``."""
        return init_settings, _Environment(settings_cls), _EnvFile(settings_cls)

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
    def listening_path(self) -> Path:
        """Folder for messages of MQTT sources until they are landed."""
        return self.home_path / "listening"

    @property
    def data_docs_path(self) -> Path:
        """Folder of the Great Expectations Data Docs."""
        return self.home_path / "gx" / "gx" / "uncommitted" / "data_docs" / "local_site"


@cache
def get_settings() -> Settings:
    """Return the settings of this process.

    Raises:
        SettingsError: A setting is unknown, missing its file or not usable; says which, and never its value.
    """
    given = {name for name in os.environ if name.upper().startswith(PREFIX)}
    refuse_unknown({name for name in given if not _is_known(name)}, _known(), "the environment")
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(in_words(error, PREFIX)) from None


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the environment for a child process that is to work with these settings.

    It holds the secrets in clear: hand it to a process, never to a log. Secrets of set-up alone are left out.
    """
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
    for name, value in settings:
        if name == "secrets":
            secrets = {f"{PREFIX}SECRETS__{key.upper()}": secret.get_secret_value() for key, secret in value.items()}
            environment.update(secrets)
        elif isinstance(value, Path):
            environment[PREFIX + name.upper()] = str(value.resolve())
        elif value is not None and name not in NOT_HANDED_ON:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            environment[PREFIX + name.upper()] = plain
    return environment


def tell_libraries(variables: Mapping[str, str]) -> None:
    """Put variables into this process' environment, for libraries that take them from nowhere else."""
    os.environ.update(variables)


def replace_environment(variables: Mapping[str, str]) -> None:
    """Let this process see these variables and no others."""
    os.environ.clear()
    os.environ.update(variables)


def become(command: list[str], variables: Mapping[str, str]) -> NoReturn:
    """Become another program, with its own variables and none of our secrets."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
    os.execve(command[0], command, {**kept, **variables})  # noqa: S606 - no shell is wanted


def secret_names() -> set[str]:
    """Return the settings that are secrets by themselves; those of ``secrets`` have names of the user's own."""
    fields = Settings.model_fields.items()
    return {name for name, field in fields if SecretStr in {field.annotation, *get_args(field.annotation)}} - {
        "secrets"
    }


def _is_secret(variable: str) -> bool:
    name = variable.lower().removeprefix(PREFIX.lower())
    return name in secret_names() or name.startswith("secrets__")


def _is_known(variable: str) -> bool:
    name = variable.upper()
    return name.split("__")[0] in _known() and ("__" not in name or name.startswith(f"{PREFIX}SECRETS__"))


def _known() -> set[str]:
    names = set(Settings.model_fields) | {name + SUFFIX for name in secret_names()}
    return {f"{PREFIX}{name}".upper() for name in names}

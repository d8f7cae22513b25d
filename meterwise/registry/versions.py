"""Registered versions of a model, and the one that holds the alias ``champion``."""

import logging
import pickle
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, TypeVar

from meterwise.registry.runs import AS_OF_DATE, FINGERPRINT
from meterwise.registry.served import Predictor
from meterwise.registry.store import client, connect, run_url, tracking_uri
from meterwise.settings import Settings, get_settings

log = logging.getLogger(__name__)

CHAMPION = "champion"
PROMOTED_ON = "meterwise.promoted_on"
PROMOTED_WHY = "meterwise.promoted_why"
LOGGED_MODEL = "models:/"
"""How a version names the logged model, with its files, that it was registered from."""


class NoChampionError(RuntimeError):
    """No version of a model holds the alias ``champion``."""


class UnusableModelError(RuntimeError):
    """A version is registered, but what is stored of it cannot be loaded; the text names it and what to do."""


@dataclass(frozen=True)
class RegisteredModel:
    """One version of a model in the registry, loaded."""

    model_name: str
    version: str
    run_id: str
    as_of_date: str
    predictor: Predictor
    metrics: dict[str, float]


class Champion(RegisteredModel):
    """The version that holds the alias ``champion``."""


Model = TypeVar("Model", bound=RegisteredModel)


@dataclass(frozen=True)
class AliasHolder:
    """The version that holds the alias ``champion``.

    Attributes:
        version: Number in the registry.
        run_id: The run that trained it.
        promoted_why: Our reason; None if we never promoted it, so that a person must have moved the alias.
    """

    version: str
    run_id: str
    promoted_why: str | None


def trained(model_name: str, fingerprint: str, settings: Settings | None = None) -> str | None:
    """Return the run that already trained on exactly this, so that repeating a killed task makes no second version."""
    settings = settings or get_settings()
    for version in _versions(model_name, settings):
        if version.tags.get(FINGERPRINT) == fingerprint:
            log.info("Trained on exactly this before, kept MLflow run: %s", run_url(version.run_id, settings))
            return str(version.run_id)
    return None


def version_of_run(run_id: str, settings: Settings | None = None) -> tuple[str, str]:
    """Return name and version of the model that a run registered.

    Raises:
        LookupError: The run registered none.
    """
    settings = settings or get_settings()
    found = client(settings).search_model_versions(f"run_id = '{run_id}'")
    if not found:
        raise LookupError(f"Run {run_id} registered no model (see {run_url(run_id, settings)}); train it again.")
    return str(found[0].name), str(found[0].version)


def load_run(run_id: str, settings: Settings | None = None) -> RegisteredModel:
    """Load the model that a run registered.

    Raises:
        LookupError: The run registered none.
    """
    return load(*version_of_run(run_id, settings), settings=settings)


def load(model_name: str, version: str, settings: Settings | None = None) -> RegisteredModel:
    """Load one version of a model."""
    settings = settings or get_settings()
    return _load(RegisteredModel, model_name, client(settings).get_model_version(model_name, version), settings)


def champion(model_name: str, settings: Settings | None = None) -> Champion | None:
    """Load the champion; None if no version holds the alias, or one that cannot be loaded by this Meterwise."""
    try:
        return require_champion(model_name, settings)
    except NoChampionError:
        return None
    except UnusableModelError as error:
        log.warning("%s", error)
        return None


def require_champion(model_name: str, settings: Settings | None = None) -> Champion:
    """Load the champion.

    Raises:
        NoChampionError: No version holds the alias.
        UnusableModelError: One does, and cannot be loaded.
    """
    settings = settings or get_settings()
    version = _champion_version(model_name, settings)
    if version is None:
        raise NoChampionError(
            f"No version of the model '{model_name}' holds the alias '{CHAMPION}' in {tracking_uri(settings)}. "
            f"Run the DAG train_{model_name}: it trains one and promotes it; then run this task again."
        )
    return _load(Champion, model_name, version, settings)


def has_champion(model_name: str, settings: Settings | None = None) -> bool:
    """Say whether a version holds the alias ``champion``, without loading it."""
    return _champion_version(model_name, settings or get_settings()) is not None


def last_trained(model_name: str, settings: Settings | None = None) -> str | None:
    """Return the latest ``as_of_date`` that a version was trained for, champion or not."""
    versions = _versions(model_name, settings or get_settings())
    return max((version.tags.get(AS_OF_DATE, "") for version in versions), default=None)


def _load(kind: type[Model], model_name: str, version: Any, settings: Settings) -> Model:
    mlflow = connect(settings)
    try:
        predictor = mlflow.pyfunc.load_model(f"models:/{model_name}/{version.version}").get_raw_model()
    except (ImportError, AttributeError, EOFError, pickle.UnpicklingError) as error:
        raise UnusableModelError(
            f"Version {version.version} of the model '{model_name}' cannot be loaded by this Meterwise ({error}): "
            f"another one stored it, or its file is damaged. Run the DAG train_{model_name}."
        ) from error
    metrics = dict(mlflow.MlflowClient().get_run(version.run_id).data.metrics)
    as_of_date = version.tags.get(AS_OF_DATE, "")
    return kind(model_name, str(version.version), version.run_id, as_of_date, predictor, metrics)


def _versions(model_name: str, settings: Settings) -> list[Any]:
    return list(client(settings).search_model_versions(f"name = '{model_name}'"))


def _champion_version(model_name: str, settings: Settings) -> Any:
    mlflow = connect(settings)
    try:
        return mlflow.MlflowClient().get_model_version_by_alias(model_name, CHAMPION)
    except mlflow.exceptions.MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        # A server with accounts says of a model that is not there that nobody may see it.
        if error.error_code == "PERMISSION_DENIED" and not _versions(model_name, settings):
            return None
        raise


def move_alias(model_name: str, version: str, as_of_date: str, reason: str, settings: Settings | None = None) -> None:
    """Give a version the alias ``champion``; ``promotions.promote`` also writes it down."""
    store = client(settings or get_settings())
    # The tags come first, so that a process killed behind the next line is not taken for a person's hand.
    store.set_model_version_tag(model_name, version, PROMOTED_ON, as_of_date)
    store.set_model_version_tag(model_name, version, PROMOTED_WHY, reason)
    store.set_registered_model_alias(model_name, CHAMPION, version)


def alias_holder(model_name: str, settings: Settings | None = None) -> AliasHolder | None:
    """Return which version holds the alias ``champion``, without loading it; None if no one does."""
    version = _champion_version(model_name, settings or get_settings())
    if version is None:
        return None
    return AliasHolder(str(version.version), version.run_id, version.tags.get(PROMOTED_WHY))


def old_versions(before: datetime, settings: Settings | None = None) -> list[Any]:
    """Return the versions of every model that were made before a moment; without a model's newest, and aliases'."""
    store = client(settings or get_settings())
    found = []
    for model in store.search_registered_models():
        versions = sorted(store.search_model_versions(f"name = '{model.name}'"), key=lambda one: int(one.version))
        for version in versions[:-1]:
            made = datetime.fromtimestamp(version.creation_timestamp / 1000, UTC)
            # Aliases come with the single version only.
            if made < before and not store.get_model_version(model.name, version.version).aliases:
                found.append(version)
    return found


def forget(version: Any, settings: Settings | None = None) -> None:
    """Remove a version and its files, in this order: the registry never names files that are gone."""
    mlflow = connect(settings or get_settings())
    store = mlflow.MlflowClient()
    store.delete_model_version(version.name, version.version)
    if version.source.startswith(LOGGED_MODEL):
        logged = store.get_logged_model(version.source.removeprefix(LOGGED_MODEL))
        store.delete_logged_model(logged.model_id)
        stores = import_module("mlflow.store.artifact.artifact_repository_registry")
        stores.get_artifact_repository(logged.artifact_location).delete_artifacts()

"""Training runs and registered models in MLflow. The only importer of mlflow.

What a model computes, and whether a challenger is better, is said in ``models/``; who was champion from when to when is
kept by ``promotions``, since MLflow keeps no such history.
"""

import hashlib
import logging
import os
import pickle
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pandas as pd

from meterwise.raw_tables import CONTACT_COLUMNS
from meterwise.settings import Settings, get_settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Set before mlflow is imported. A server that is down must fail a task in seconds, not after minutes of retries.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}.items():
    os.environ.setdefault(_name, _value)

log = logging.getLogger(__name__)

CHAMPION = "champion"
FINGERPRINT = "meterwise.fingerprint"
AS_OF_DATE = "meterwise.as_of_date"
PROMOTED_ON = "meterwise.promoted_on"
PROMOTED_WHY = "meterwise.promoted_why"
PACKAGES = ("lightgbm", "numpy", "pandas", "scikit-learn")


class RegistryDownError(RuntimeError):
    """The MLflow server does not answer."""


class NoChampionError(RuntimeError):
    """No version of a model holds the alias ``champion``."""


class Predictor(Protocol):
    """What can be registered: picklable, fitted preprocessing included; ``predict`` never fits anything."""

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return one row of predictions for each row of features."""
        ...


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


class _Served:
    """A predictor as MLflow serves it."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Predict with the stored predictor."""
        return self.predictor.predict(model_input)

    def get_raw_model(self) -> Predictor:
        """Return the stored predictor itself."""
        return self.predictor


def _load_pyfunc(path: str) -> _Served:
    """Read a stored predictor; MLflow calls this by name when it loads a model."""
    return _Served(pickle.loads(Path(path).read_bytes()))  # noqa: S301 - our own artifact, from our own registry


def tracking_uri(settings: Settings | None = None) -> str:
    """Return the address of the tracking store: the server, or a SQLite file in Meterwise's home."""
    settings = settings or get_settings()
    return settings.mlflow_uri or f"sqlite:///{settings.home_path / 'mlflow.db'}"


def _mlflow(settings: Settings) -> Any:
    """Import and point mlflow at the settings' store.

    The import is here, not at the top: it takes 3 s, and every DAG file and command that only names a model would pay.

    Raises:
        RegistryDownError: The server does not answer.
    """
    uri = tracking_uri(settings)
    if uri.startswith("http"):
        try:
            urllib.request.urlopen(f"{uri}/health", timeout=10).close()  # noqa: S310 - http only, from our settings
        except OSError as error:
            raise RegistryDownError(
                f"The MLflow server at {uri} does not answer ({error}). Start it (`make demo` starts the whole stack), "
                "or correct METERWISE_MLFLOW_URI; then run the task again."
            ) from error
    settings.home_path.mkdir(parents=True, exist_ok=True)
    import mlflow

    mlflow.set_tracking_uri(uri)
    return mlflow


def _client(settings: Settings) -> Any:
    return _mlflow(settings).MlflowClient()


@dataclass
class Run:
    """One training run that is being recorded."""

    run_id: str
    model_name: str
    as_of_date: str
    fingerprint: str | None
    settings: Settings
    _mlflow: Any = field(repr=False)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters."""
        self._mlflow.log_params(dict(params))

    def log_metrics(self, metrics: Mapping[str, float | None]) -> None:
        """Record metrics; those that are missing or not a number are left out."""
        self._mlflow.log_metrics({name: float(value) for name, value in metrics.items() if not pd.isna(value)})

    def log_figure(self, name: str, figure: "Figure") -> None:
        """Record a plot as ``plots/<name>.png``."""
        self._mlflow.log_figure(figure, f"plots/{name}.png")

    def log_text(self, name: str, text: str) -> None:
        """Record a text file."""
        self._mlflow.log_text(text, name)

    def log_dataset(self, frame: pd.DataFrame, name: str, source: Path | str | None = None) -> str:
        """Record which rows were learnt from: schema, row count and digest, never the rows. Returns the digest."""
        digest = frame_digest(frame)
        dataset = self._mlflow.data.from_pandas(frame, source=str(source) if source else None, name=name, digest=digest)
        self._mlflow.log_input(dataset, context="training")
        return digest

    def log_model(self, predictor: Predictor, input_example: pd.DataFrame, card: str = "") -> str:
        """Store the predictor with its signature and register it; returns the version.

        Args:
            predictor: The whole of what a score depends on.
            input_example: A few rows of features; columns that end on ``_id`` are hashed before they are stored.
            card: The model card (Markdown): what it predicts, from what, how well, what it must not be used for.

        Raises:
            ValueError: The example carries a column with a person's name, phone, e-mail or address.
        """
        example = _without_identifiers(input_example)
        with TemporaryDirectory() as folder:
            pickled = Path(folder) / "predictor.pkl"
            pickled.write_bytes(pickle.dumps(predictor))
            stored = self._mlflow.pyfunc.log_model(
                name=self.model_name,
                loader_module=__name__,
                data_path=str(pickled),
                signature=self._mlflow.models.infer_signature(example, predictor.predict(example)),
                input_example=example,
                pip_requirements=_requirements(),
            )
        # Registered last and in one call: a run that was killed before this line left no version behind.
        tags = {AS_OF_DATE: self.as_of_date} | ({FINGERPRINT: self.fingerprint} if self.fingerprint else {})
        version = self._mlflow.register_model(stored.model_uri, self.model_name, tags=tags).version
        self._mlflow.MlflowClient().update_model_version(self.model_name, version, description=card)
        return str(version)


@contextmanager
def run(
    experiment: str, name: str, as_of_date: str, fingerprint: str | None = None, settings: Settings | None = None
) -> Iterator[Run]:
    """Record one training run.

    Args:
        experiment: The model's name; one experiment a model.
        name: The data window, e.g. ``2025-07-01 to 2026-07-14``; the run is named by date and window.
        as_of_date: The day as of which the data was known.
        fingerprint: What identifies data and parameters; ``trained`` finds a version by it.
        settings: Defaults to those of the process.

    Raises:
        RegistryDownError: The server does not answer.
    """
    settings = settings or get_settings()
    mlflow = _mlflow(settings)
    experiment_id = _experiment_id(mlflow, experiment, settings)
    tags = {AS_OF_DATE: as_of_date} | ({FINGERPRINT: fingerprint} if fingerprint else {})
    with mlflow.start_run(experiment_id=experiment_id, run_name=f"{as_of_date} ({name})", tags=tags) as active:
        yield Run(active.info.run_id, experiment, as_of_date, fingerprint, settings, mlflow)
    log.info("MLflow run: %s", run_url(active.info.run_id, settings))


def _experiment_id(mlflow: Any, name: str, settings: Settings) -> str:
    found = mlflow.get_experiment_by_name(name)
    if found:
        return str(found.experiment_id)
    # A server keeps artifacts itself; without one they lie beside the SQLite file.
    location = None if settings.mlflow_uri else (settings.home_path / "mlflow_artifacts" / name).as_uri()
    try:
        return str(mlflow.create_experiment(name, artifact_location=location))
    except mlflow.exceptions.MlflowException:
        found = mlflow.get_experiment_by_name(name)  # two tasks may start a model's first run at the same time
        if found is None:
            raise
        return str(found.experiment_id)


def fingerprint(*parts: object) -> str:
    """Return a short digest of what a training depends on; frames count by their rows."""
    texts = (frame_digest(part) if isinstance(part, pd.DataFrame) else str(part) for part in parts)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def frame_digest(frame: pd.DataFrame) -> str:
    """Return a digest of a frame's columns and rows, in order."""
    digest = hashlib.sha256(",".join(frame.columns).encode())
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:12]


def trained(model_name: str, fingerprint: str, settings: Settings | None = None) -> str | None:
    """Return the run that already trained on exactly this, so that repeating a killed task makes no second version."""
    settings = settings or get_settings()
    for version in _versions(model_name, settings):
        if version.tags.get(FINGERPRINT) == fingerprint:
            return str(version.run_id)
    return None


def version_of_run(run_id: str, settings: Settings | None = None) -> tuple[str, str]:
    """Return name and version of the model that a run registered.

    Raises:
        LookupError: The run registered none.
    """
    settings = settings or get_settings()
    found = _client(settings).search_model_versions(f"run_id = '{run_id}'")
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
    return _load(RegisteredModel, model_name, _client(settings).get_model_version(model_name, version), settings)


def champion(model_name: str, settings: Settings | None = None) -> Champion | None:
    """Load the champion; None if no version holds the alias."""
    settings = settings or get_settings()
    version = _champion_version(model_name, settings)
    return _load(Champion, model_name, version, settings) if version else None


def require_champion(model_name: str, settings: Settings | None = None) -> Champion:
    """Load the champion.

    Raises:
        NoChampionError: No version holds the alias.
    """
    found = champion(model_name, settings)
    if found is None:
        raise NoChampionError(
            f"No version of the model '{model_name}' holds the alias '{CHAMPION}' in {tracking_uri(settings)}. "
            f"Run the DAG train_{model_name}: it trains one and promotes it; then run this task again."
        )
    return found


def has_champion(model_name: str, settings: Settings | None = None) -> bool:
    """Say whether a version holds the alias ``champion``, without loading it."""
    return _champion_version(model_name, settings or get_settings()) is not None


def last_trained(model_name: str, settings: Settings | None = None) -> str | None:
    """Return the latest ``as_of_date`` that a version was trained for, champion or not."""
    versions = _versions(model_name, settings or get_settings())
    return max((version.tags.get(AS_OF_DATE, "") for version in versions), default=None)


def _load(kind: type[Model], model_name: str, version: Any, settings: Settings) -> Model:
    mlflow = _mlflow(settings)
    predictor = mlflow.pyfunc.load_model(f"models:/{model_name}/{version.version}").get_raw_model()
    metrics = dict(mlflow.MlflowClient().get_run(version.run_id).data.metrics)
    as_of_date = version.tags.get(AS_OF_DATE, "")
    return kind(model_name, str(version.version), version.run_id, as_of_date, predictor, metrics)


def _versions(model_name: str, settings: Settings) -> list[Any]:
    return list(_client(settings).search_model_versions(f"name = '{model_name}'"))


def _champion_version(model_name: str, settings: Settings) -> Any:
    mlflow = _mlflow(settings)
    try:
        return mlflow.MlflowClient().get_model_version_by_alias(model_name, CHAMPION)
    except mlflow.exceptions.MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def move_alias(model_name: str, version: str, as_of_date: str, reason: str, settings: Settings | None = None) -> None:
    """Give a version the alias ``champion``; ``promotions.promote`` also writes it down."""
    client = _client(settings or get_settings())
    # The tags come first, so that a process killed behind the next line is not taken for a person's hand.
    client.set_model_version_tag(model_name, version, PROMOTED_ON, as_of_date)
    client.set_model_version_tag(model_name, version, PROMOTED_WHY, reason)
    client.set_registered_model_alias(model_name, CHAMPION, version)


def alias_holder(model_name: str, settings: Settings | None = None) -> AliasHolder | None:
    """Return which version holds the alias ``champion``, without loading it; None if no one does."""
    version = _champion_version(model_name, settings or get_settings())
    if version is None:
        return None
    return AliasHolder(str(version.version), version.run_id, version.tags.get(PROMOTED_WHY))


def run_url(run_id: str, settings: Settings | None = None) -> str:
    """Return the address of a run's page for people."""
    settings = settings or get_settings()
    experiment_id = _client(settings).get_run(run_id).info.experiment_id
    base = settings.mlflow_public_url or settings.mlflow_uri or "http://127.0.0.1:5000"
    return f"{base.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"


def _without_identifiers(frame: pd.DataFrame) -> pd.DataFrame:
    direct = sorted(set(frame.columns) & set(CONTACT_COLUMNS))
    if direct:
        raise ValueError(f"Input example carries {', '.join(direct)}: direct identifiers never leave raw. Drop them.")
    hashed = {c: frame[c].map(_hash, na_action="ignore") for c in frame.columns if c.endswith("_id")}
    return frame.assign(**hashed)


def _hash(value: object) -> str:
    return hashlib.sha256(str(value).encode()).hexdigest()[:12]


def _requirements() -> list[str]:
    # Stated, not inferred: inference starts a second Python and takes ten seconds.
    return [f"{package}=={installed_version(package)}" for package in PACKAGES]

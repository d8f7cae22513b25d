"""Training runs: what was learnt from, how well, and the model that came out."""

import hashlib
import logging
import pickle
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from meterwise.raw_tables import CONTACT_COLUMNS
from meterwise.registry import served, store
from meterwise.registry.fingerprints import frame_digest
from meterwise.settings import Settings, get_settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

FINGERPRINT = "meterwise.fingerprint"
AS_OF_DATE = "meterwise.as_of_date"
VERDICT = "meterwise.verdict"
PACKAGES = ("lightgbm", "numpy", "pandas", "scikit-learn")


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

    def log_model(self, predictor: served.Predictor, input_example: pd.DataFrame, card: str = "") -> str:
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
                loader_module=served.__name__,
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
    mlflow = store.connect(settings)
    experiment_id = _experiment_id(mlflow, experiment, settings)
    tags = {AS_OF_DATE: as_of_date} | ({FINGERPRINT: fingerprint} if fingerprint else {})
    with mlflow.start_run(experiment_id=experiment_id, run_name=f"{as_of_date} ({name})", tags=tags) as active:
        yield Run(active.info.run_id, experiment, as_of_date, fingerprint, settings, mlflow)
    log.info("MLflow run: %s", store.run_url(active.info.run_id, settings))


@dataclass(frozen=True)
class EndedRun:
    """A run that ended well.

    Attributes:
        as_of_date: The day as of which its data were known.
        params: What it recorded, as text.
    """

    run_id: str
    as_of_date: str
    params: dict[str, str]


def newest_run(experiment: str, as_of_date: str, settings: Settings | None = None) -> EndedRun | None:
    """Return the run of an experiment as of the newest day up to ``as_of_date``, the last of that day; None: none."""
    client = store.client(settings or get_settings())
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return None
    runs = client.search_runs(
        [found.experiment_id], "attributes.status = 'FINISHED'", order_by=["attributes.start_time DESC"]
    )
    ended = [EndedRun(run.info.run_id, run.data.tags.get(AS_OF_DATE, ""), dict(run.data.params)) for run in runs]
    return max((run for run in ended if run.as_of_date <= as_of_date), key=lambda run: run.as_of_date, default=None)


def record_verdict(
    run_id: str, reason: str, metrics: Mapping[str, float | None] | None = None, settings: Settings | None = None
) -> None:
    """Write onto a run that has ended why its model did or did not become champion, and the figures that decided."""
    client = store.client(settings or get_settings())
    client.set_tag(run_id, VERDICT, reason)
    for name, value in (metrics or {}).items():
        if not pd.isna(value):
            client.log_metric(run_id, name, float(value))


def record_realised(
    model_name: str, figures: Iterable[tuple[str, str, float, date]], settings: Settings | None = None
) -> None:
    """Write what forecasts came to onto the runs that trained their models, as metrics ``realised_<name>`` over days.

    Args:
        model_name: The registered model.
        figures: Version, name of the figure, value, and the day of issue that it is of; a version that is not
            registered any more is left out.
        settings: Defaults to those of the process.
    """
    client = store.client(settings or get_settings())
    runs = {str(one.version): one.run_id for one in client.search_model_versions(f"name = '{model_name}'")}
    for version, name, value, day in figures:
        if version in runs and not pd.isna(value):
            at = datetime(day.year, day.month, day.day, tzinfo=UTC)
            client.log_metric(
                runs[version], f"realised_{name}", float(value), int(1000 * at.timestamp()), day.toordinal()
            )


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

"""Whether the features of today still look like those that a champion learnt from; measured by Evidently.

Which days and which features to compare is said in ``models/<name>/dataset.py``.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from meterwise.settings import Settings, get_settings
from meterwise.warehouse import Warehouse
from meterwise.watching import records

log = logging.getLogger(__name__)

SAMPLES = "drift_"
SAMPLE_ROWS = 5_000
"""Rows of each window; more do not move a distance that is judged at a tenth."""
LEAST_ROWS = 30
"""Fewer rows tell nothing about a distribution."""
SHARE_THAT_MATTERS = 0.5
"""Share of drifted features from which a model should be looked at; Evidently's own default."""


@dataclass(frozen=True)
class DriftWindows:
    """What a champion learnt from, and what it is given today.

    Attributes:
        model: Registered model.
        model_version: The champion.
        table: Feature table of the warehouse.
        key: Columns that identify a row; the samples are drawn by them, the same on every engine and run.
        reference: First and last ``as_of_date`` of the training window.
        current: First and last ``as_of_date`` of the days to look at.
        numeric: Features that are numbers or yes/no.
        categorical: Features that are names.
    """

    model: str
    model_version: str
    table: str
    key: tuple[str, ...]
    reference: tuple[date, date]
    current: tuple[date, date]
    numeric: tuple[str, ...]
    categorical: tuple[str, ...] = ()


@dataclass(frozen=True)
class FeatureDrift:
    """How far one feature has moved; see ``ops.feature_drift``."""

    feature: str
    method: str
    score: float
    threshold: float
    is_drifted: bool


def export_samples(windows: DriftWindows, settings: Settings | None = None) -> None:
    """Write a sample of both windows under ``exports``, so that the warehouse is free while they are compared."""
    settings = settings or get_settings()
    settings.exports_path.mkdir(parents=True, exist_ok=True)
    for name, days in (("reference", windows.reference), ("current", windows.current)):
        Warehouse(settings).export_parquet(_sample(windows, days), str(_path(windows.model, name, settings)))
    _described(windows.model, settings).write_bytes(TypeAdapter(DriftWindows).dump_json(windows))


def measure_exported(settings: Settings | None = None) -> dict[str, list[FeatureDrift]]:
    """Compare all exported samples feature by feature, and append the outcome to ``ops.feature_drift``; by model."""
    settings = settings or get_settings()
    described = sorted(settings.exports_path.glob(f"{SAMPLES}*.json"))
    windows = [TypeAdapter(DriftWindows).validate_json(path.read_bytes()) for path in described]
    found = {one.model: _measure(one, settings) for one in windows}
    for one in windows:
        _described(one.model, settings).unlink(missing_ok=True)
    return found


def _measure(windows: DriftWindows, settings: Settings) -> list[FeatureDrift]:
    paths = [_path(windows.model, name, settings) for name in ("reference", "current")]
    reference, current = (_typed(pd.read_parquet(path), windows) for path in paths)
    found = compare(reference, current, windows.numeric, windows.categorical)
    common = {
        "as_of_date": windows.current[1],
        "model": windows.model,
        "model_version": windows.model_version,
        "reference_days": f"{windows.reference[0]} to {windows.reference[1]}",
        "reference_rows": len(reference),
        "current_rows": len(current),
    }
    records.append(records.FEATURE_DRIFT, [{**common, **vars(feature)} for feature in found], settings)
    return found


def compare(
    reference: pd.DataFrame, current: pd.DataFrame, numeric: Sequence[str], categorical: Sequence[str] = ()
) -> list[FeatureDrift]:
    """Compare two samples feature by feature, by Evidently's own choice of method and threshold.

    Features that are unknown in all but a few rows of a sample are left out.
    """
    known = [
        name
        for name in (*numeric, *categorical)
        if min(int(frame[name].notna().sum()) for frame in (reference, current)) >= LEAST_ROWS
    ]
    if not known:
        return []
    with _evidently() as evidently:
        definition = evidently.DataDefinition(
            numerical_columns=[name for name in numeric if name in known],
            categorical_columns=[name for name in categorical if name in known],
        )
        samples = [evidently.Dataset.from_pandas(frame[known], definition) for frame in (current, reference)]
        drifts = [evidently.metrics.ValueDrift(column=name) for name in known]
        results = evidently.Report(drifts, include_tests=True).run(*samples)
        passed = {test.metric_config.params["column"]: test.status.name != "FAIL" for test in results.tests_results}
        return [_feature(metric, passed) for metric in results.dict()["metrics"]]


def _feature(metric: dict[str, Any], passed: dict[str, bool]) -> FeatureDrift:
    config = metric["config"]
    return FeatureDrift(
        feature=config["column"],
        method=config["method"],
        score=float(metric["value"]),
        threshold=float(config["threshold"]),
        is_drifted=not passed[config["column"]],
    )


def _sample(windows: DriftWindows, days: tuple[date, date]) -> str:
    drawn = " || '/' || ".join(f"cast({column} as varchar)" for column in windows.key)
    return (
        f"select {', '.join((*windows.numeric, *windows.categorical))} from {windows.table} "
        f"where as_of_date between date '{days[0]}' and date '{days[1]}' "
        f"order by md5({drawn}) limit {SAMPLE_ROWS}"
    )


def _typed(frame: pd.DataFrame, windows: DriftWindows) -> pd.DataFrame:
    numbers = {name: pd.to_numeric(frame[name], errors="coerce").astype("float64") for name in windows.numeric}
    return frame.assign(**numbers, **{name: frame[name].astype(object) for name in windows.categorical})


def _path(model: str, window: str, settings: Settings) -> Path:
    return settings.exports_path / f"{SAMPLES}{model}_{window}.parquet"


def _described(model: str, settings: Settings) -> Path:
    return settings.exports_path / f"{SAMPLES}{model}.json"


@contextmanager
def _evidently() -> Iterator[Any]:
    """Import Evidently, which takes seconds, and only where drift is measured.

    Evidently 0.7 imports a name that pandas 3.1 no longer has; it uses it in one test of its old interface alone, which
    nothing here calls. See docs/decisions/0130; `test_evidently_still_needs_help` says when this can go.
    """
    import pandas.core.dtypes.common as dtypes

    os.environ.setdefault("DO_NOT_TRACK", "1")
    if not hasattr(dtypes, "infer_dtype_from_object"):
        setattr(dtypes, "infer_dtype_from_object", _dtype_class)  # noqa: B010 - the name is gone, typing knows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own libraries, about one another
        import evidently
        import evidently.metrics

        yield evidently


def _dtype_class(dtype: Any) -> type:
    return pd.api.types.pandas_dtype(dtype).type

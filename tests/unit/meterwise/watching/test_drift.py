"""Planted drift is found, what has not moved is left in peace, and samples stay small."""

from datetime import date
from importlib.metadata import distribution
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from meterwise import ops
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from meterwise.watching import drift

TRAINED, TODAY = date(2026, 6, 1), date(2026, 7, 15)


@pytest.fixture
def windows(settings: Settings, database: Settings, monkeypatch: pytest.MonkeyPatch) -> drift.DriftWindows:
    """A feature table whose ``moved`` and ``tariff_code`` have moved since training, and ``stayed`` has not."""
    monkeypatch.setattr(drift, "SAMPLE_ROWS", 400)
    rows = range(600)
    days = [TRAINED] * 600 + [TODAY] * 600
    table = {
        "as_of_date": pa.array(days, pa.date32()),
        "customer_id": [f"C{i}" for i in (*rows, *rows)],
        "moved": [float(i % 50) for i in rows] + [float(i % 50) + 40 for i in rows],
        "stayed": [float(i % 50) for i in rows] * 2,
        "unknown": pa.array([None] * 1200, pa.float64()),
        "tariff_code": ["flat" if i % 4 else "night" for i in rows] + ["night" if i % 4 else "flat" for i in rows],
    }
    Warehouse(settings).replace_partition("features.features_planted", pa.table(table), {"as_of_date": TODAY})
    return drift.DriftWindows(
        model="planted",
        model_version="3",
        table="features.features_planted",
        key=("as_of_date", "customer_id"),
        reference=(TRAINED, TRAINED),
        current=(TODAY, TODAY),
        numeric=("moved", "stayed", "unknown"),
        categorical=("tariff_code",),
    )


def test_planted_drift_is_found_and_kept(windows: drift.DriftWindows, database: Settings) -> None:
    drift.export_samples(windows, database)
    found = drift.measure_exported(database)["planted"]

    assert {feature.feature: feature.is_drifted for feature in found} == {
        "moved": True,
        "stayed": False,
        "tariff_code": True,
    }
    kept = ops.select_rows("select * from ops.feature_drift order by feature", database)
    assert [row["feature"] for row in kept] == ["moved", "stayed", "tariff_code"]
    assert {(row["model_version"], row["reference_rows"], row["current_rows"]) for row in kept} == {("3", 400, 400)}
    assert drift.measure_exported(database) == {}, "once"


def test_a_sample_is_the_same_each_time(windows: drift.DriftWindows, database: Settings) -> None:
    path = database.exports_path / "drift_planted_current.parquet"
    drift.export_samples(windows, database)
    before = pd.read_parquet(path)
    drift.export_samples(windows, database)

    pd.testing.assert_frame_equal(pd.read_parquet(path), before)


def test_too_few_rows_tell_nothing() -> None:
    few = pd.DataFrame({"x": [1.0] * (drift.LEAST_ROWS - 1)})
    assert drift.compare(few, few, ["x"]) == []


def test_evidently_still_needs_help() -> None:
    old = Path(str(distribution("evidently").locate_file("evidently/legacy/tests/data_integrity_tests.py")))
    assert "infer_dtype_from_object" in old.read_text(), "the shim in meterwise/watching/drift.py can go"

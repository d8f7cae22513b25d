"""A disk that can be filled: a small tmpfs of its own for root, else a limit to the size of files."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEPT_BYTES = 256 * 1024
"""Left on the full disk, or the size of the largest file that may be written where only that can be limited."""


class ScarceDisk:
    """A folder on a disk of a limited size."""

    def __init__(self, folder: Path, size_mb: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=755", "tmpfs", str(folder)]
        self.is_own = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0

    @contextmanager
    def full(self, kept: int = KEPT_BYTES) -> Iterator[None]:
        """Leave no more than so many bytes free for a while."""
        if self.is_own:
            ballast = self.folder / "ballast"
            with ballast.open("wb") as file:
                free = os.statvfs(self.folder).f_bavail * os.statvfs(self.folder).f_frsize
                os.posix_fallocate(file.fileno(), 0, free - kept)
            try:
                yield
            finally:
                ballast.unlink()
            return
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (kept, before[1]))  # for what this process does and starts
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    def give_back(self) -> None:
        if self.is_own:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

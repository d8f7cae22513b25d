"""Whose turn it is at a warehouse that admits one process at a time."""

import fcntl
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from meterwise.warehouse.errors import WarehouseBusyError

WAIT_SECONDS = 120.0


class FileTurns:
    """Turns by a lock on a file; within a process, as often as wanted."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: dict[Path, tuple[IO[str], int]] = {}

    def take(self, path: Path) -> None:
        """Wait for the turn.

        Raises:
            WarehouseBusyError: Another process kept it for more than two minutes.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while not self._try(path):
            if time.monotonic() > deadline:
                raise WarehouseBusyError(
                    f"The warehouse beside {path} has been in use by another process for {WAIT_SECONDS:.0f} "
                    "seconds. Warehouse tasks belong into the Airflow pool 'warehouse'; see what runs there."
                )
            time.sleep(0.1)

    def give_back(self, path: Path) -> None:
        """Let others have the turn, once it was given back as often as it was taken."""
        with self._guard:
            file, count = self._held.pop(path)
            if count > 1:
                self._held[path] = (file, count - 1)
            else:
                file.close()

    def _try(self, path: Path) -> bool:
        with self._guard:
            if path in self._held:
                file, count = self._held[path]
                self._held[path] = (file, count + 1)
                return True
            file = path.open("a")
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._held[path] = (file, 1)
                return True
            file.close()
            return False

"""The journal of one source: messages are appended and safe when that returns; closed, it is a file to be landed.

Invariants:
    What ``append`` has returned for survives a kill and a power cut. A file whose name ends in ``.ndjson`` is whole and
    never changes; the one that is written has ``.part`` behind it.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from meterwise.outcomes import RefusedError

PART = ".part"
STAMP = "%Y%m%dT%H%M%S%fZ"


class Journal:
    """Messages of one source on disk, one JSON line each."""

    def __init__(
        self, folder: Path, land_seconds: float, land_messages: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare a journal; nothing is touched before it is entered.

        Args:
            folder: Of the source alone.
            land_seconds: Age at which the file is landed.
            land_messages: Messages at which it is landed at once.
            clock: Seconds that never go back.
        """
        self.folder = folder
        self._limits = (land_seconds, land_messages)
        self._clock = clock
        self._lock: BinaryIO | None = None
        self._file: BinaryIO | None = None
        self._opened_at = 0.0
        self._messages = 0

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / ".lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise RefusedError(
                f"Another `meterwise listen` keeps the messages of {self.folder.name} in {self.folder}. "
                "One is enough; stop the other one first."
            ) from error
        self.recover()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.land()
        finally:
            if self._lock is not None:
                self._lock.close()

    def recover(self) -> None:
        """Land what an interrupted journal has left, without the message that it broke off in."""
        for part in sorted(self.folder.glob(f"*{PART}")):
            whole = whole_bytes(part)
            with part.open("r+b") as file:
                file.truncate(whole)
                os.fsync(file.fileno())
            self._rename(part) if whole else part.unlink()

    def append(self, lines: Iterable[str]) -> None:
        """Add messages; they are safe on disk when this returns.

        Raises:
            OSError: They are not.
        """
        data = [line.encode() + b"\n" for line in lines]
        try:
            file = self._file or self._open()
            file.write(b"".join(data))
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            self._forget()  # what is safe of it is landed by ``recover``
            raise
        self._messages += len(data)

    def land_if_due(self) -> bool:
        """Land the file once it is old or long enough; tells whether it was."""
        seconds, messages = self._limits
        if self._file is None or (self._messages < messages and self._clock() - self._opened_at < seconds):
            return False
        self.land()
        return True

    def land(self) -> None:
        """Close the file and give it the name under which ingest finds it; none is made without messages."""
        if self._file is None:
            return
        part = Path(os.fsdecode(self._file.name))
        self._forget()
        self._rename(part)

    def _open(self) -> BinaryIO:
        part = self.folder / f"{datetime.now(UTC):{STAMP}}.ndjson{PART}"
        self._file = part.open("xb")
        sync_folder(self.folder)
        self._opened_at, self._messages = self._clock(), 0
        return self._file

    def _rename(self, part: Path) -> None:
        part.rename(part.with_suffix(""))
        sync_folder(self.folder)

    def _forget(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # what was not written yet was not acknowledged either
                self._file.close()
            self._file = None


def whole_bytes(path: Path) -> int:
    """Return how many bytes of a file are whole lines of JSON, up to the first that is none.

    What was safe stands before it: after a power cut only what was written last may be cut off or hold anything.
    """
    whole = 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n") or not _is_object(line):
                break
            whole += len(line)
    return whole


def sync_folder(folder: Path) -> None:
    """Make the names in a folder safe on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False

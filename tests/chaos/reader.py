"""A downstream system that reads `published` all the time and must never see a mixed or a missing version."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from meterwise.postgres import EmbeddedPostgresError
from meterwise.publish.tables import PUBLISHED

POLL_SECONDS = 0.4
CONTENT_EVERY = 20
"""At every poll rows are counted; at a new version and at every so-many-th poll they are all read."""
SHOWN = "select version, table_name, rows from published.publications where is_current"
COUNT = "select count(*), null from published.{}"
CONTENT = "select count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text from published.{} as t"


@dataclass
class Reader:
    """Polls on its own connection, and connects again when PostgreSQL was away.

    Attributes:
        open: Opens a connection to the database.
        trouble: What must never be seen, in words.
        polls: How often all tables were read in one statement.
        refused: How often PostgreSQL was away.
        contents: What each version was seen to hold, by version and table.
    """

    open: Callable[[], psycopg.Connection]
    trouble: list[str] = field(default_factory=list)
    polls: int = 0
    refused: int = 0
    contents: dict[tuple[int, str], Any] = field(default_factory=dict)
    longest_away: float = 0.0
    _connection: psycopg.Connection | None = None
    _newest: int = 0
    _seen_at: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Reader":
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, *ignored: object) -> None:
        self._ended.set()
        self._thread.join()
        self._disconnect()

    @property
    def told(self) -> str:
        return (
            f"published was read {self.polls} times, {self.refused} times PostgreSQL was away, "
            f"{self.longest_away:.0f} s at the longest; {len({version for version, _ in self.contents})} versions seen"
        )

    def _work(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            try:
                self._look(self._connect())
                self.polls += 1
            except (psycopg.OperationalError, EmbeddedPostgresError):
                self.refused += 1  # PostgreSQL is away or has ended this connection
                self._disconnect()
            except psycopg.Error as error:
                if self._newest:
                    self.trouble.append(f"{type(error).__name__}: {error}")
                self._disconnect()
            else:
                now = time.monotonic()
                self.longest_away = max(self.longest_away, now - (self._seen_at or now))
                self._seen_at = now

    def _connect(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = self.open()
            self._connection.autocommit = True
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _look(self, connection: psycopg.Connection) -> None:
        """Read every table in one transaction; it must hold one version, whole, and no older one than before."""
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read read only")
            books = {name: (version, rows) for version, name, rows in connection.execute(SHOWN).fetchall()}
            versions = {version for version, _ in books.values()}
            is_new = versions != {self._newest} or self.polls % CONTENT_EVERY == 0
            query = CONTENT if is_new else COUNT
            found = {name: connection.execute(query.format(name)).fetchone() or (None, None) for name in books}
        if self._newest and (set(books) != {table.name for table in PUBLISHED} or len(versions) != 1):
            self.trouble.append(f"not one whole version after version {self._newest}: {books}")
        for name, (version, rows) in books.items():
            if found[name][0] != rows:
                self.trouble.append(f"{name} has {found[name]} where version {version} has {rows} rows")
            if is_new and self.contents.setdefault((version, name), found[name]) != found[name]:
                self.trouble.append(f"version {version} of {name} has changed")
        newest = max(versions, default=0)
        if newest < self._newest:
            self.trouble.append(f"version {newest} is shown after version {self._newest}")
        self._newest = newest

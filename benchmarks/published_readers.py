"""Many readers look up keys in ``published`` while a publication of a million rows runs (``make bench-readers``).

Readers are downstream's: the read-only role over TCP, prepared statements, spread over several processes. Each answer
is checked: one row, and every table of one version. Times are the reader's own, its event loop included.
"""

import argparse
import asyncio
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

import asyncpg
import numpy as np
from pydantic import SecretStr

from meterwise.commands.document_blocks import write_block
from meterwise.postgres import HOST, EmbeddedPostgres
from meterwise.publish import deliver
from meterwise.publish.schema import READER, READER_PASSWORD_FILE
from meterwise.publish.tables import PUBLISHED, PublishedTable
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

OPERATIONS = Path(__file__).parents[1] / "docs" / "operations.md"
FIRST_DAY = date(2026, 7, 15)
LAST_HOUR = datetime(2026, 7, 14, 21)  # noqa: DTZ001 - the warehouse keeps UTC without a zone
LAYER = {
    "customer_segments": "select printf('C%06d', n) as customer_id, 'v{mark}' as segment_code, n % 7 as action, "
    "date '{day}' as as_of_date from range({customers}) as numbers(n)",
    "churn_scores": "select printf('C%06d', n) as customer_id, 'v{mark}' as reason_1, n / 1e6 as churn_probability, "
    "date '{day}' as as_of_date from range({customers}) as numbers(n)",
    "demand_forecasts": "select 'north' as region_code, timestamp '{day}' + to_hours(n::int) as valid_at_utc, "
    "100.0 + n as p50_kwh, date '{day}' as as_of_date from range(168) as numbers(n)",
    "load_now": "select 'north' as region_code, printf('F%03d', n) as feeder_code, "
    "timestamp '{day}' as interval_start_utc, 10.5::decimal(12, 3) as load_kwh from range(100) as numbers(n)",
    "meter_alerts": "select printf('A%06d', n) as alert_id, 'v{mark}' as state, "
    "date '{day}' as as_of_date from range(100) as numbers(n)",
    "customer_usage_daily": "select printf('C%06d', n) as customer_id, date '2026-07-14' as local_date, "
    "'v{mark}' as quality_code, 10.5::decimal(12, 3) as consumption_kwh from range({customers}) as numbers(n)",
    "customer_usage_hourly": "select printf('C%06d', n % {customers}) as customer_id, "
    "timestamp '2026-07-14 21:00' - to_hours((n // {customers})::int) as hour_start_utc, 'v{mark}' as quality_code, "
    "((n * 7919) % 100003 / 1000)::decimal(12, 3) as consumption_kwh from range({rows}) as numbers(n)",
}
"""What is published as version ``mark``: every chunk of every table differs from the one before."""

ONE_ROW = "select segment_code, as_of_date, action from published.customer_segments where customer_id = $1"
ONE_HOUR = (
    "select quality_code, consumption_kwh from published.customer_usage_hourly "
    "where customer_id = $1 and hour_start_utc = $2"
)
THREE_TABLES = (
    "select segments.segment_code, churn.reason_1, hours.quality_code "
    "from published.customer_segments as segments "
    "join published.churn_scores as churn on churn.customer_id = segments.customer_id "
    "join published.customer_usage_hourly as hours on hours.customer_id = segments.customer_id "
    "where segments.customer_id = $1 and hours.hour_start_utc = $2"
)
LOOK_UPS = {"customer_segments": ONE_ROW, "customer_usage_hourly": ONE_HOUR, "three tables": THREE_TABLES}
MARKS = {"customer_segments": 1, "customer_usage_hourly": 1, "three tables": 3}
"""How many leading columns of each look-up name the version."""


@dataclass(frozen=True)
class Case:
    """How much is read and published."""

    readers: int = 200
    rows: int = 1_000_000
    customers: int = 2_000
    asks_per_second: float = 5.0
    """Of each reader; 0: as fast as it gets answers."""
    processes: int = 4
    quiet_seconds: float = 5.0
    """Before the publication begins, and after it has ended."""
    warm_up_seconds: float = 2.0
    """Not counted: a new connection fills its caches and plans each statement five times."""

    @property
    def pace(self) -> str:
        """How often each reader asks, in words."""
        return f"{self.asks_per_second:g} asks a second each" if self.asks_per_second else "no pause"

    @property
    def hours(self) -> int:
        """Hours that every customer has."""
        return self.rows // self.customers


@dataclass
class Told:
    """What the readers of one process have seen."""

    answers: list[tuple[str, float, float]] = field(default_factory=list)
    """Look-up, when it began (seconds, Unix time), how long it took (seconds)."""
    faults: list[str] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Outcome:
    """A publication, and what all readers have seen around it."""

    case: Case
    told: Sequence[Told]
    warm: float
    """Unix time from which answers count."""
    began: float
    """Unix time at which the publication began."""
    ended: float

    @property
    def faults(self) -> list[str]:
        """Errors, missing rows and mixed versions."""
        return [fault for one in self.told for fault in one.faults]

    @property
    def versions(self) -> set[str]:
        """Versions that readers have seen."""
        return set().union(*(one.versions for one in self.told))

    def milliseconds(self, look_up: str, during: bool) -> np.ndarray:
        """Times of one look-up, during the publication or outside of it."""
        found = [
            seconds * 1000
            for one in self.told
            for name, at, seconds in one.answers
            if name == look_up and at >= self.warm and (self.began <= at <= self.ended) == during
        ]
        return np.array(found)

    def throughput(self) -> float:
        """Answers a second during the publication."""
        return sum(len(self.milliseconds(name, during=True)) for name in LOOK_UPS) / (self.ended - self.began)

    def lines(self) -> Iterator[str]:
        """Describe the outcome for people."""
        yield (
            f"{self.case.readers} readers ({self.case.pace}), publication of {self.case.rows:,} rows in "
            f"{self.ended - self.began:.1f} s: {self.throughput():,.0f} answers a second, {len(self.faults)} faults"
        )
        for name in LOOK_UPS:
            for during in (False, True):
                times = self.milliseconds(name, during)
                p50, p95, p99 = percentiles(times)
                when = "during" if during else "beside"
                yield (
                    f"  {name:<22}{when}  {len(times):>8,} answers   p50 {p50:6.1f} ms   p95 {p95:6.1f} ms   "
                    f"p99 {p99:6.1f} ms   most {times.max():6.1f} ms"
                )


def percentiles(times: np.ndarray) -> tuple[float, float, float]:
    """Return p50, p95 and p99."""
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    return p50, p95, p99


def report(outcomes: Sequence[Outcome], load: float) -> str:
    """Describe what was measured for docs/operations.md.

    Args:
        outcomes: In the order in which they are told.
        load: Processes that wanted to run before it all began, on average of a minute.
    """
    case = outcomes[0].case
    head = (
        f"{os.cpu_count()} processors for server, delivery and readers together (load before: {load:.1f}); "
        f"{case.readers} readers while {case.rows:,} rows were delivered:"
    )
    rows = [
        f"| {one.case.pace} | {name} | {len(times) / (one.ended - one.began):,.0f} | "
        + " | ".join(f"{value:.1f}" for value in (*percentiles(times), times.max()))
        + f" | {len(one.faults)} |"
        for one in outcomes
        for name in LOOK_UPS
        for times in (one.milliseconds(name, during=True),)
    ]
    titles = ("pace", "look-up", "answers a second", "p50 ms", "p95 ms", "p99 ms", "most ms", "faults of the pace")
    table = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|", *rows]
    return "\n".join([head, "", *table, ""])


class Readers:
    """Processes full of readers, from ``start`` until ``stop``."""

    def __init__(self, case: Case, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.case = case
        self._stopped: Event = context.Event()
        self._queue: Queue = context.Queue()
        shares = [len(range(number, case.readers, case.processes)) for number in range(case.processes)]
        self._processes = [
            context.Process(target=read, args=(case, url, share, self._stopped, self._queue), daemon=True)
            for share in shares
        ]

    def start(self) -> None:
        """Return when every reader is connected and has prepared its statements."""
        for process in self._processes:
            process.start()
        for _ in self._processes:
            if self._queue.get(timeout=60) != "ready":
                raise RuntimeError("a process of readers did not get ready")

    def stop(self) -> list[Told]:
        """Let every reader end its look-up; returns what they saw, one entry a process."""
        self._stopped.set()
        told = [self._queue.get(timeout=60) for _ in self._processes]
        for process in self._processes:
            process.join()
        return told


def read(case: Case, url: str, readers: int, stopped: Event, queue: Queue) -> None:
    """Be a process with so many readers."""
    queue.put(asyncio.run(_read_all(case, url, readers, stopped, queue)))


async def _read_all(case: Case, url: str, readers: int, stopped: Event, queue: Queue) -> Told:
    connections = [await asyncpg.connect(url) for _ in range(readers)]
    for connection in connections:
        for query in LOOK_UPS.values():
            await connection.prepare(query)
    queue.put("ready")
    told = Told()
    await asyncio.gather(*(_poll(case, connection, stopped, told) for connection in connections))
    for connection in connections:
        await connection.close()
    return told


async def _poll(case: Case, connection: asyncpg.Connection, stopped: Event, told: Told) -> None:
    pause = 1 / case.asks_per_second if case.asks_per_second else 0
    due = time.time() + random.random() * pause
    names = list(LOOK_UPS)
    while not stopped.is_set():
        await asyncio.sleep(max(0.0, due - time.time()))
        due = max(due + pause, time.time() - pause)
        name = random.choice(names)
        customer = f"C{random.randrange(case.customers):06d}"
        hour = LAST_HOUR - timedelta(hours=random.randrange(case.hours))
        began = time.time()
        try:
            rows = await connection.fetch(LOOK_UPS[name], customer, *([hour] if "$2" in LOOK_UPS[name] else []))
        except Exception as error:  # every error counts, whatever it is
            told.faults.append(f"{name}: {type(error).__name__}: {error}")
            return
        told.answers.append((name, began, time.time() - began))
        marks = {mark for row in rows for mark in list(row)[: MARKS[name]]}
        told.versions |= marks
        if len(rows) != 1 or len(marks) != 1:
            told.faults.append(f"{name} of {customer}: {len(rows)} rows of versions {sorted(marks)}")


def fill(case: Case, mark: int, settings: Settings) -> str:
    """Make the publish layer of version ``mark`` in the warehouse; returns its day."""
    day = (FIRST_DAY + timedelta(days=mark)).isoformat()
    warehouse = Warehouse(settings)
    warehouse.execute("create schema if not exists publish")
    for table in PUBLISHED:
        query = LAYER.get(table.name) or _one_row(table)
        rows = query.format(mark=mark, day=day, customers=case.customers, rows=case.rows)
        warehouse.execute(f"create or replace table publish.{table.name} as {rows}")
    return day


def _one_row(table: PublishedTable) -> str:
    """What stands for a table that no reader here looks at."""
    columns = ", ".join(f"'1' as {name}" for name in table.key)
    return f"select date '{{day}}' as as_of_date, 'v{{mark}}' as mark, {columns}"


def measure(case: Case, settings: Settings, mark: int) -> Outcome:
    """Publish version ``mark`` while the readers read the one before it."""
    day = fill(case, mark, settings)
    readers = Readers(case, reader_url(settings))
    readers.start()
    time.sleep(case.warm_up_seconds)
    warm = time.time()
    time.sleep(case.quiet_seconds)
    began = time.time()
    deliver(day, f"bench-{mark}", settings)
    ended = time.time()
    time.sleep(case.quiet_seconds)
    return Outcome(case, readers.stop(), warm, began, ended)


def reader_url(settings: Settings) -> str:
    """Return the address of the database for the read-only role."""
    assert settings.database_url is not None
    place = settings.database_url.get_secret_value().rsplit("@", 1)[1]
    password = (settings.home_path / READER_PASSWORD_FILE).read_text()
    return f"postgresql://{READER}:{password}@{place}"


@contextmanager
def installation() -> Iterator[Settings]:
    """Give a home with an embedded PostgreSQL of its own, as durable as in life."""
    folder = Path(tempfile.mkdtemp(prefix="meterwise-readers-"))
    with EmbeddedPostgres(folder / "postgres") as server:
        yield Settings(home=folder / "home", database_url=SecretStr(server.create_database("meterwise")))
    shutil.rmtree(folder)


def main(arguments: Sequence[str]) -> int:
    """Measure readers at a steady pace, then without any pause; returns 1 if an answer was wrong or p99 too high."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=Case.readers)
    parser.add_argument("--rows", type=int, default=Case.rows)
    parser.add_argument("--pace", type=float, default=Case.asks_per_second, help="asks a second of each reader")
    parser.add_argument("--limit", type=float, default=50.0, help="p99 of a key look-up in milliseconds")
    parser.add_argument("--write", action="store_true", help="write what was measured into docs/operations.md")
    given = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    paced = Case(readers=given.readers, rows=given.rows, asks_per_second=given.pace)
    flat_out = Case(readers=given.readers, rows=given.rows, asks_per_second=0)
    print(f"On {os.cpu_count()} processors at {HOST}, server, delivery and readers together")
    with installation() as settings:
        deliver(fill(paced, 1, settings), "bench-1", settings)
        outcomes = [measure(case, settings, mark) for mark, case in ((2, paced), (3, flat_out))]
    for outcome in outcomes:
        print("\n".join(outcome.lines()))
        for fault in outcome.faults[:5]:
            print(f"  FAULT {fault}")
    if given.write:
        write_block(OPERATIONS, "readers", report(outcomes, load))
    p99 = max(np.percentile(outcomes[0].milliseconds(name, during=True), 99) for name in LOOK_UPS)
    return int(any(outcome.faults for outcome in outcomes) or p99 > given.limit)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

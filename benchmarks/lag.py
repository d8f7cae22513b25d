"""How long a read that was delivered takes until readers see it in ``published.load_now`` (``make bench-lag``).

An hour simulated at speed: ten thousand meters send four quarter-hours, one after the other, each in fifteen files of
its own as gateways hand them over; a quarter-hour of the stream lasts ``--quarter-seconds`` of the wall instead of
900. Beside it the functions that the DAG ``monitor_meters`` runs are run every minute by the wall, or as soon as the
run before has ended. So reads come many times as fast as in life, and looks at them no faster. A file's lag ends when
its reads are counted in ``load_now``; ``meter_alerts`` is published in the same transaction.

The meters have a past of ``--days`` days in quarter-hours. The scheduler, which starts three tasks a look, is not in
it, and DuckDB and PostgreSQL run on the processors of the stream.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
from pydantic import SecretStr

from expectations import check_landing, check_monitored
from meterwise import ingest, ops, planning, transform
from meterwise.commands.document_blocks import write_block
from meterwise.database import connect
from meterwise.outcomes import NothingToDoError
from meterwise.postgres import EmbeddedPostgres
from meterwise.publish import MONITORED, deliver
from meterwise.publish.tables import PUBLISHED
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

OPERATIONS = Path(__file__).parents[1] / "docs" / "operations.md"
DAY = date(2026, 4, 14)
FIRST_QUARTER = datetime(2026, 4, 14, 10)  # noqa: DTZ001 - the warehouse keeps UTC without a zone
QUARTERS, FILES = 4, 15
LIMIT_SECONDS = 300.0
SOURCES = """
utility: {name: Stream Power, timezone: UTC, country: DE, currency: EUR}
sources:
  gateway:
    table: meter_reads
    kind: files
    path: reads/*.csv
    format: csv
    columns: {meter_id: meter, interval_start_utc: start, consumption_kwh: kwh}
    timezone: UTC
    interval_minutes: 15
    received_at: received
"""
METER = "printf('M%06d', n)"
LOAD = (
    "{received} as received_at_utc, true as received_at_assumed, {received} as landed_at_utc, 1 as version_no, "
    "false as is_deleted, '{load_id}' as load_id"
)
PAST = {
    "service_points": f"{METER} as service_point_id, 'R' || n % 4 as region_code, 'R' || n % 4 || '-F' || n % 200 as "
    "feeder_code from range({meters}) as numbers(n)",
    "meters": f"{METER} as meter_id, {METER} as service_point_id, date '2020-01-01' as installed_on "
    "from range({meters}) as numbers(n)",
    "meter_reads": f"{METER} as meter_id, 'import' as channel, quarter as interval_start_utc, 15 as interval_minutes, "
    "(0.02 + 0.2 * (hash(n, quarter) % 1000) / 1000)::decimal(18, 6) as consumption_kwh, 'measured' as quality_code "
    "from range({meters}) as numbers(n), "
    "range(timestamp '{first}', timestamp '{last}', interval 15 minute) as quarters(quarter)",
}


@dataclass
class Stream:
    """What was delivered: per file the interval, the meters that have sent it by then, and when (seconds)."""

    settings: Settings
    meters: int
    quarter_seconds: float
    delivered: list[tuple[datetime, int, float]] = field(default_factory=list)

    def run(self) -> None:
        """Deliver every file at its time."""
        began = time.monotonic()
        for number in range(QUARTERS * FILES):
            quarter, part = divmod(number, FILES)
            time.sleep(max(0.0, began + number * self.quarter_seconds / FILES - time.monotonic()))
            start = FIRST_QUARTER + timedelta(minutes=15 * quarter)
            first, last = (self.meters * step // FILES for step in (part, part + 1))
            self._deliver(f"{quarter}-{part:02d}", start, first, last)
            self.delivered.append((start, last, time.monotonic()))

    def _deliver(self, name: str, start: datetime, first: int, last: int) -> None:
        assert self.settings.sources_file is not None
        folder = self.settings.sources_file.parent
        duckdb.sql(
            f"copy (select {METER} as meter, timestamp '{start}' as start, 0.1 as kwh, "
            f"timestamp '{start + timedelta(minutes=16)}' as received from range({first}, {last}) as numbers(n)) "
            f"to '{folder}/part' (format csv, header true)"
        )
        (folder / "part").rename(folder / "reads" / f"{name}.csv")


@dataclass(frozen=True)
class Outcome:
    """The lag of every file, and how long each look took."""

    lags: Sequence[float]
    looks: Sequence[float]

    def lines(self, meters: int, days: int, quarter_seconds: float, load: float) -> list[str]:
        """Describe it for docs/operations.md."""
        return [
            f"{meters:,} meters with {days} days of quarter-hours behind them; four quarter-hours, each in {FILES} "
            f"files within {quarter_seconds:.0f} s; a look every minute at the earliest; {os.cpu_count()} processors "
            f"shared with the stream and PostgreSQL (load before: {load:.1f}):",
            "",
            "| | median | most |",
            "|---|---|---|",
            f"| from the delivery of a file until its reads are in `published.load_now`, s | "
            f"{statistics.median(self.lags):.0f} | {max(self.lags):.0f} |",
            f"| a look (land, check, build, check, deliver), s | {statistics.median(self.looks):.0f} | "
            f"{max(self.looks):.0f} |",
        ]


@contextmanager
def installation(meters: int, days: int) -> Iterator[Settings]:
    """Give a home of its own whose meters have a past, all of it built and published."""
    folder = Path(tempfile.mkdtemp(prefix="meterwise-lag-"))
    (folder / "reads").mkdir()
    (folder / "sources.yml").write_text(SOURCES, encoding="utf-8")
    with EmbeddedPostgres(folder / "postgres") as server:
        url = SecretStr(server.create_database("meterwise"))
        settings = Settings(
            home=folder / "home",
            sources_file=folder / "sources.yml",
            last_date=DAY,
            database_url=url,
            memory_limit="3GB",
        )
        fill(meters, days, settings)
        publish_rest(settings)
        yield settings
    shutil.rmtree(folder)


def fill(meters: int, days: int, settings: Settings) -> None:
    """Put the past of the meters into raw, a load a day of reads, and build what monitoring stands on."""
    warehouse = Warehouse(settings)
    warehouse.create_raw_tables()
    warehouse.create_score_tables()
    firsts = [datetime.combine(DAY, datetime.min.time()) - timedelta(days=back) for back in range(days, -1, -1)]
    tables = [("service_points", firsts[0]), ("meters", firsts[0]), *(("meter_reads", first) for first in firsts)]
    for number, (table, first) in enumerate(tables, 1):
        load_id, last = f"{number:09d}-{table}", min(first + timedelta(days=1), FIRST_QUARTER)
        values = PAST[table].format(meters=meters, first=first, last=last)
        stamps = LOAD.format(received=f"timestamp '{last}'", load_id=load_id)
        warehouse.execute(f"insert into raw.{table} by name select {stamps}, {values}")
        warehouse.execute(
            "insert into raw.load_audit by name select $id as load_id, 'past' as source, $table as table_name, "
            "'past' as origin, 'accepted' as state, $day::date as as_of_date, 1 as landed_rows, 1 as accepted_rows, "
            "0 as duplicate_rows, 0 as quarantined_rows, 0 as suspect_rows, 0.0 as seconds, "
            "$day::timestamp as loaded_at_utc",
            {"id": load_id, "table": table, "day": first},
        )
    ops.migrate(settings)
    transform.build(f"+{transform.MONITOR} stg_crm_customers", [DAY.isoformat()], settings, with_tests=False)


def publish_rest(settings: Settings) -> None:
    """Deliver a whole for monitoring to stand in; tables that nobody monitors hold one row."""
    for table in PUBLISHED:
        if table.name not in MONITORED:
            columns = ", ".join(f"'1' as {name}" for name in dict.fromkeys((*table.key, *table.lookup)))
            dated = f"date '{DAY}' as as_of_date, date '{DAY}' as local_date, timestamp '{DAY}' as hour_start_utc"
            Warehouse(settings).execute(f"create table publish.{table.name} as select {dated}, {columns}")
    deliver(DAY.isoformat(), "daily", settings)
    ops.record_build("publish", [DAY.isoformat()], settings=settings)


def look(settings: Settings) -> None:
    """Do what ``monitor_meters`` does."""
    day = planning.day_to_monitor(None, settings)
    load_ids = ingest.land_in_passing("meter_reads", day, settings)
    check_landing("meter_reads", day, load_ids, settings, in_passing=True)
    loads = planning.loads_to_monitor(day, settings)
    transform.build(transform.MONITOR, [day], settings, with_tests=False)
    deliver(day, "bench", settings, only=MONITORED, withheld=check_monitored(day, settings))
    ops.record_build("monitor", [day], accepted_loads=loads, settings=settings)


def seen(settings: Settings) -> dict[datetime, int]:
    """Return how many meters readers see for each interval."""
    query = "select interval_start_utc, sum(reporting_meters)::int from published.load_now group by 1"
    with connect(settings) as connection:
        return dict(connection.execute(query).fetchall())


def measure(settings: Settings, stream: Stream, every_seconds: float) -> Outcome:
    """Look while the stream comes, until readers see all of it."""
    lags: dict[int, float] = {}
    looks: list[float] = []
    sender = threading.Thread(target=stream.run)
    sender.start()
    while len(lags) < QUARTERS * FILES:
        began = time.monotonic()
        try:
            look(settings)
        except NothingToDoError as word:
            print(word)
        ended, shown = time.monotonic(), seen(settings)
        looks.append(ended - began)
        for number, (start, meters, at) in enumerate(list(stream.delivered)):
            if number not in lags and shown.get(start, 0) >= meters:
                lags[number] = ended - at
        print(f"look of {looks[-1]:.0f} s: {len(lags)} of {len(stream.delivered)} files delivered are seen")
        if len(lags) < QUARTERS * FILES:
            time.sleep(max(0.0, began + every_seconds - time.monotonic()))
    sender.join()
    return Outcome(list(lags.values()), looks)


def main(arguments: Sequence[str]) -> int:
    """Measure; returns 1 if a read took longer than five minutes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meters", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--quarter-seconds", type=float, default=60.0)
    parser.add_argument("--every-seconds", type=float, default=60.0)
    parser.add_argument("--write", action="store_true", help="write what was measured into docs/operations.md")
    given = parser.parse_args(arguments)
    load, began = os.getloadavg()[0], time.monotonic()
    with installation(given.meters, given.days) as settings:
        print(f"The past of {given.meters:,} meters is built and published after {time.monotonic() - began:.0f} s")
        outcome = measure(settings, Stream(settings, given.meters, given.quarter_seconds), given.every_seconds)
    told = "\n".join(outcome.lines(given.meters, given.days, given.quarter_seconds, load)) + "\n"
    print(told)
    if given.write:
        write_block(OPERATIONS, "lag", told)
    return int(max(outcome.lags) > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

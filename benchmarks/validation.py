"""What validating and estimating a load of reads costs beside reading its file (``make bench-validation``).

Made-up reads, some of them faulty, are written to CSV and Parquet; DuckDB reads each file into a bare table, and dbt
builds the models of validation and estimation for the same reads, newly landed, in one build with the usage ledgers
between them. Landing and the ledgers are not counted.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psutil

from meterwise import transform
from meterwise.commands.document_blocks import write_block
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

PAGE = Path(__file__).parents[1] / "docs" / "validation.md"
DAY = "2026-03-01"
HOURS = 1000
PARTS = ("validation", "estimation")
BEFORE = "stg_meter_reads stg_register_reads stg_meters stg_service_points stg_crm_customers stg_crm_contracts"
# One meter in a hundred dies, one sticks, one slips its unit; of all reads one in a thousand is missing, one in ten
# thousand a spike or negative.
READS = """
with dice as (
    select
        m,
        h,
        hash(m, h) % 10000 as die,
        0.2 + 0.0008 * (hash(h, m) % 1000) + 0.5 * (sin(2 * pi() * (h - 15) / 24) + 1) as kwh
    from range({meters}) as meters (m), range({hours}) as hours (h)
)

select
    printf('M%07d', m) as meter_id,
    'import' as channel,
    timestamp '2026-01-01' + to_hours(h::int) as interval_start_utc,
    60 as interval_minutes,
    round(case
        when m % 100 = 1 and h > 800 then 0
        when m % 100 = 2 and h > 800 then 0.777
        when m % 100 = 3 and h > 800 then 1000 * kwh
        when die = 1 then 60
        when die = 2 then -kwh
        else kwh
    end, 3)::decimal(18, 6) as consumption_kwh
from dice
where die < 9990
"""
LAND = """
insert into raw.meter_reads by name
select *, 'measured' as quality_code, timestamp '{day}' as received_at_utc, false as received_at_assumed,
    timestamp '{day}' as landed_at_utc, 1 as version_no, false as is_deleted, '1-meter_reads' as load_id
from read_parquet('{file}');
insert into raw.load_audit by name
select '1-meter_reads' as load_id, 'bench' as source, 'meter_reads' as table_name, '{file}' as origin,
    'accepted' as state, date '{day}' as as_of_date, count(*) as landed_rows, count(*) as accepted_rows,
    0 as duplicate_rows, 0 as quarantined_rows, 0 as suspect_rows, 0.0 as seconds, timestamp '{day}' as loaded_at_utc
from raw.meter_reads
"""


@dataclass(frozen=True)
class Outcome:
    """What one load cost, in seconds.

    Attributes:
        reads: Rows of the load.
        csv_seconds: A bare table of the CSV file.
        parquet_seconds: A bare table of the Parquet file.
        model_seconds: dbt's own time of each model of validation and estimation, by its name.
        wall_seconds: dbt from start to end, with the ledgers and all checks.
        memory_gb: Most memory that dbt's processes held.
        findings: Reads that break a rule.
    """

    reads: int
    csv_seconds: float
    parquet_seconds: float
    model_seconds: dict[str, float]
    wall_seconds: float
    memory_gb: float
    findings: int

    @property
    def sql_seconds(self) -> float:
        """Time of all models together."""
        return sum(self.model_seconds.values())

    def line(self) -> str:
        """One row of the table in the docs."""
        return (
            f"| {self.reads / 1e6:.1f} million | {self.csv_seconds:.1f} | {self.parquet_seconds:.1f} "
            f"| {self.sql_seconds:.1f} | {self.sql_seconds / self.csv_seconds:.1f} "
            f"| {self.sql_seconds / self.parquet_seconds:.1f} | {self.wall_seconds:.1f} | {self.memory_gb:.1f} "
            f"| {self.findings:,} |"
        )


def write_files(meters: int, folder: Path) -> None:
    """Write ``reads.csv`` and ``reads.parquet``."""
    connection = duckdb.connect()
    connection.execute(f"create table reads as {READS.format(meters=meters, hours=HOURS)}")
    connection.execute(f"copy reads to '{folder}/reads.parquet'")
    connection.execute(f"copy reads to '{folder}/reads.csv'")


def bare_seconds(file: Path, settings: Settings) -> float:
    """Seconds that DuckDB needs to read a file into a bare table of a database file; the better of two."""
    taken = []
    for _ in range(2):
        target = file.with_suffix(".duckdb")
        target.unlink(missing_ok=True)
        with duckdb.connect(str(target), config={"threads": settings.threads}) as connection:
            connection.execute("set preserve_insertion_order = false")
            began = time.perf_counter()
            connection.execute(f"create table reads as select * from '{file}'")
            taken.append(time.perf_counter() - began)
        target.unlink()
    return min(taken)


def measure(meters: int, folder: Path) -> Outcome:
    """Write, read, land and validate the reads of so many meters."""
    folder.mkdir()
    write_files(meters, folder)
    settings = Settings(home=folder / "home", sources_file=folder / "none.yml")
    csv_seconds = bare_seconds(folder / "reads.csv", settings)
    parquet_seconds = bare_seconds(folder / "reads.parquet", settings)
    warehouse = Warehouse(settings)
    warehouse.create_raw_tables()
    for statement in LAND.format(day=DAY, file=folder / "reads.parquet").split(";"):
        warehouse.execute(statement)
    transform.build(f"{BEFORE} validation_rules", [DAY], settings)
    began = time.perf_counter()
    with watching_memory() as peaks_gb:
        transform.build(" ".join(f"+intermediate.{part}" for part in PARTS), [DAY], settings)
    wall_seconds = time.perf_counter() - began
    found = warehouse.arrow(
        "select (select count(*) from raw.meter_reads) as reads, "
        "(select count(*) from intermediate.int_read_findings) as findings"
    ).to_pylist()[0]
    return Outcome(
        found["reads"],
        csv_seconds,
        parquet_seconds,
        model_seconds(settings),
        wall_seconds,
        max(peaks_gb),
        found["findings"],
    )


@contextmanager
def watching_memory() -> Iterator[list[float]]:
    """Look at what the processes that this one started hold, twenty times a second, in GB; the largest is the peak."""
    seen, ended = [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            with suppress(psutil.NoSuchProcess):  # it ended between the two questions
                children = psutil.Process().children(recursive=True)
                seen.append(sum(process.memory_info().rss for process in children) / 1024**3)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def model_seconds(settings: Settings) -> dict[str, float]:
    """Return dbt's own time of each model of the last build; its checks are no part of a model."""
    models = settings.dbt_project_path / "models" / "intermediate"
    counted = {model.stem for part in PARTS for model in (models / part).glob("*.sql")}
    page = json.loads((settings.home_path / "dbt" / "target" / "run_results.json").read_text(encoding="utf-8"))
    return {
        result["unique_id"].split(".")[-1]: result["execution_time"]
        for result in page["results"]
        if result["unique_id"].split(".")[-1] in counted and result["unique_id"].startswith("model.")
    }


def report(outcomes: Sequence[Outcome]) -> str:
    """Return the table of the docs."""
    small, large = outcomes
    heading = (
        "| reads | CSV into a bare table, s | Parquet, s | validation and estimation, s | times CSV | times Parquet "
        "| with dbt's start, ledgers and checks, s | memory, GB | findings |\n|---|---|---|---|---|---|---|---|---|\n"
    )
    growth = (large.sql_seconds / small.sql_seconds) / (large.reads / small.reads)
    models = ", ".join(f"{name} {seconds:.1f}" for name, seconds in large.model_seconds.items())
    return (
        heading
        + "".join(f"{outcome.line()}\n" for outcome in outcomes)
        + f"\nSeconds by model: {models}. A read of the larger load costs {growth:.2f} times one of the smaller.\n"
    )


def main(arguments: Sequence[str]) -> int:
    """Measure a quarter of the meters, then all; returns 1 where a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meters", type=int, default=10_000)
    parser.add_argument("--write", action="store_true", help="write what was measured into docs/validation.md")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="meterwise-validation-") as folder:
        outcomes = [measure(meters, Path(folder) / str(meters)) for meters in (given.meters // 4, given.meters)]
    text = report(outcomes)
    print(text)
    if given.write:
        write_block(PAGE, "validation-speed", text)
    large = outcomes[-1]
    within = large.sql_seconds <= min(4 * large.csv_seconds, 12 * large.parquet_seconds) and large.memory_gb < 4
    return int(not within)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

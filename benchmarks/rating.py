"""What rating a month of half-hours of many customers takes (``make bench-rating``).

The made-up month is written to a DuckDB file first, which is not counted: imports of every customer under the tariffs
of ``examples/tariffs/europe.yml``, exports of those who feed in and reactive reads of the workshops. Rated in it are
prices by the hour, blocks by the day, demand, kvarh, taxes. Some customers of each tariff are then rated alone, and
must have the same lines to the last digit.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psutil

from meterwise.commands.document_blocks import write_block
from meterwise.tariffs.bills import IN_ORDER, rate_tables
from meterwise.tariffs.book_file import read_book
from meterwise.tariffs.compiled import compile_book, holiday_table
from meterwise.tariffs.public_days import public_days
from meterwise.tariffs.rating import INPUT, statements

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tariffs.md"
BOOK = ROOT / "examples" / "tariffs" / "europe.yml"
LIMIT_SECONDS = 60.0
SHARES = {"HOME": 40, "NIGHT": 30, "BLOCKS": 18, "SOLAR": 10, "WORKSHOP": 2}
"""Customers of each hundred."""
SETTINGS = (
    "set timezone = 'UTC'",
    "set threads = 2",
    "set memory_limit = '6GB'",
    "set preserve_insertion_order = false",
)
# May 2026 in Berlin: 1,488 half-hours.
MADE_UP = """
create table customers as
select printf('C%06d', n) as contract_id, n, case {tariffs} end as tariff_code from range({customers}) as numbers (n);

create table half_hours as
select n as step, timestamp '2026-04-30 22:00' + to_minutes(30 * n::int) as interval_start_utc
from range(1488) as numbers (n);

create table intervals as
select
    contract_id, channel, interval_start_utc, 30 as interval_minutes,
    (((n * 7919 + step * 104729 + (n * step) % 977) % 900) * factor * 0.001::decimal(4, 3))::decimal(18, 6) as kwh,
    (n + step) % 97 = 0 as is_estimated
from half_hours
cross join customers
inner join (
    values ('import', 1, null), ('export', 2, 'SOLAR'), ('reactive', 1, 'WORKSHOP')
) as channels (channel, factor, only_tariff) on only_tariff is null or only_tariff = tariff_code;

create table contract_spans as
select
    contract_id as rating_id, contract_id, tariff_code, 'month' as billing_code, date '2025-01-01' as start_on,
    null::date as end_on, null::decimal(18, 6) as contracted_kw
from customers;

create table bill_periods as
select 'month' as billing_code, date '2026-05-01' as bill_from_on, date '2026-05-31' as bill_to_on, 1 as months;
"""


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """Collect this process's greatest resident size in bytes, as the only entry of a list."""
    process, peak, over = psutil.Process(), [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def make_up(file: Path, customers: int) -> None:
    """Write the month of reads in a process's worth of memory of its own."""
    ends, tariffs = 0, []
    for code, share in SHARES.items():
        ends += share
        tariffs.append(f"when n % 100 < {ends} then '{code}'")
    with duckdb.connect(str(file)) as connection:
        for setting in SETTINGS:
            connection.execute(setting)
        connection.execute(MADE_UP.format(customers=customers, tariffs=" ".join(tariffs)))


def measure(file: Path) -> tuple[dict[str, float], int, list[str]]:
    """Return seconds of each step, peak memory in bytes, and lines that tell what was rated.

    Raises:
        AssertionError: A customer has other lines when rated alone.
    """
    book = read_book(BOOK)
    seconds: dict[str, float] = {}
    with duckdb.connect(str(file)) as connection, peak_memory() as peak:
        for setting in (*SETTINGS, f"set temp_directory = '{file.parent}'"):
            connection.execute(setting)
        connection.register("holidays", holiday_table(public_days(book, [2026])))
        connection.register("carried_usage", INPUT["carried_usage"].empty_table())
        for name, rows in compile_book(book).items():
            connection.register(name, rows)
        for name, select in statements(book.timezone):
            began = time.monotonic()
            connection.execute(f"create temporary table {name} as {select}")
            seconds[name] = time.monotonic() - began
        most = peak[0]
        ((rows, bills, lines, refused),) = connection.execute(
            "select (select count(*) from intervals), count(distinct contract_id), count(*), count(reason_code) "
            "from rating_lines"
        ).fetchall()
        assert refused == 0, "a bill of the benchmark was refused"
        compared = compare(connection)
    told = [
        f"{rows:,} intervals, {bills:,} bills, {lines:,} lines; {compared} customers rated alone have the same lines"
    ]
    return seconds, most, told


def compare(connection: duckdb.DuckDBPyConnection) -> int:
    """Rate some customers alone."""
    book = read_book(BOOK)
    chosen = connection.execute(
        "select contract_id from customers qualify row_number() over (partition by tariff_code order by hash(n)) <= 4"
    ).fetchall()
    for (name,) in chosen:
        one = f"where contract_id = '{name}'"
        tables = {
            table: connection.sql(f"select * from {table} {one}").to_arrow_table()
            for table in ("intervals", "contract_spans")
        }
        tables["bill_periods"] = connection.sql("select * from bill_periods").to_arrow_table()
        tables["holidays"] = holiday_table(public_days(book, [2026]))
        among_many = connection.sql(f"select * from rating_lines {one} {IN_ORDER}").to_arrow_table()
        assert rate_tables(book, tables).to_pylist() == among_many.to_pylist(), name
    return len(chosen)


def main(arguments: Sequence[str]) -> int:
    """Measure; returns 1 if rating took longer than a minute."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--write", action="store_true", help="write what was measured into docs/tariffs.md")
    given = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="meterwise-rating-"))
    try:
        began, load = time.monotonic(), os.getloadavg()[0]
        make_up(folder / "month.duckdb", given.customers)
        print(f"The month is made up after {time.monotonic() - began:.0f} s")
        seconds, memory, told = measure(folder / "month.duckdb")
    finally:
        shutil.rmtree(folder)
    total = sum(seconds.values())
    heavy = ", ".join(f"{name} {took:.1f} s" for name, took in seconds.items() if took >= 0.5)
    lines = [
        f"{given.customers:,} customers x 1 month of half-hours: **{total:.1f} s**, {memory / 1e9:.1f} GB of memory "
        f"at most (DuckDB, 2 threads, load of the machine before {load:.1f}).",
        f"{told[0]}.",
        f"Of it: {heavy}.",
    ]
    print("\n".join(lines))
    if given.write:
        write_block(PAGE, "rating", "\n".join(lines) + "\n")
    return int(total > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

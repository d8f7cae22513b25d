"""Build the made-up utility in DuckDB and write what a real one would hand over by a given day."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import holidays
import pyarrow as pa

from meterwise.sources.synthetic import crm, source_map
from meterwise.sources.synthetic.oracle import churn_oracle
from meterwise.utility import Utility

SQL = Path(__file__).parent
LOOK_BACK = timedelta(days=24)
"""Longer than any read or weather value is late."""
CRM_MONTHS = 36
BLOCK_LANES = 10_000
"""Customers whose reads of one month are made at once: what bounds the memory."""


class SyntheticUtility:
    """A utility of a chosen size in a folder and a CRM database; ``advance_to`` moves it to a later day.

    Every die is a function of (seed, purpose, key), so the history of a utility does not depend on how far, or in how
    many steps, it was advanced.

    Args:
        folder: Where ``sources.yml``, ``landing/`` and ``truth/`` go.
        crm_url: SQLAlchemy URL of the CRM's database (PostgreSQL or SQLite); its tables are created.
        customers: Customers at any one time, about.
        seed: Another seed is another utility.
        first_date: The day to which the first call brings it, at least; reads of the ``months`` before it go into
            history files, what arrives later into a file a day.
        months: Months of reads before ``first_date``. The CRM always goes back 36.
        with_reads: Without them, no landing files are written: a CRM alone is fast.
        threads: Threads of the engine.
        memory_limit: Memory of the engine; what does not fit is spilled into ``folder``.
    """

    def __init__(
        self,
        folder: Path,
        crm_url: str,
        customers: int = 1000,
        seed: int = 7,
        first_date: date = date(2026, 7, 15),
        months: int = 13,
        with_reads: bool = True,
        threads: int = 2,
        memory_limit: str = "4GB",
    ) -> None:
        self.folder = Path(folder)
        self.crm_url = crm_url
        self.customers = customers
        self.seed = seed
        self.first_date = first_date
        self.months = months
        self.with_reads = with_reads
        self.threads = threads
        self.memory_limit = memory_limit
        self.utility = Utility(name="Demo Power", timezone="Europe/Berlin", country="DE", currency="EUR")

    @property
    def sources_path(self) -> Path:
        """The ``sources.yml`` of this utility."""
        return self.folder / "sources.yml"

    @property
    def reads_start(self) -> date:
        """First local day with reads."""
        return _months_before(self.first_date, self.months)

    def advance_to(self, day: date) -> None:
        """Bring CRM and files to the state at the end of a local day; a day already reached changes nothing.

        Safe to repeat after a kill: files appear whole or not at all, the CRM changes in one transaction.

        Raises:
            ValueError: The day lies before ``first_date``.
        """
        if day < self.first_date:
            raise ValueError(f"The utility begins on {self.first_date}; {day} lies before. Choose a later day.")
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._world(day) as world:
            crm.write(world, self.crm_url, self._cut(day))
            if self.with_reads:
                self._write_history(world)
                for late_day in self._days_without_files(day):
                    self._write_day(world, late_day)
            self._write_truth(world)
        _write_text(self.sources_path, source_map.as_yaml(self.utility))

    def churn_oracle(self, as_of_date: date) -> pa.Table:
        """Return the true chances to leave (``oracle.churn_oracle``) as of a day that it was advanced to."""
        return churn_oracle(self.folder / "truth", as_of_date)

    @contextmanager
    def _world(self, day: date) -> Iterator[duckdb.DuckDBPyConnection]:
        """Everything about the utility, known or not, to five months behind the day."""
        world = duckdb.connect(config={"threads": self.threads, "memory_limit": self.memory_limit})
        try:
            world.execute(f"set temp_directory = '{self.folder / '.spill'}'")
            self._set_variables(world, day)
            world.register("holiday_dates", self._holidays(day))
            for name in ("calendar", "prices", "leaving", "population"):
                _run(world, name)
            self._populate(world)
            for name in ("supply", "crm", "weather", "loads", "limits", "reads"):
                _run(world, name)
            yield world
        finally:
            world.close()

    def _set_variables(self, world: duckdb.DuckDBPyConnection, day: date) -> None:
        weather_start = min([*self._days_without_files(day), day]) - LOOK_BACK
        if not self._has_history():
            weather_start = self.reads_start
        variables = {
            "seed": self.seed,
            "timezone": self.utility.timezone,
            "lanes": self.customers,
            "block": max(10_000, 10 ** len(str(self.customers))),
            "first_date": self.first_date,
            "crm_start": _months_before(self.first_date, CRM_MONTHS),
            "world_end": _months_before(day, -6) - timedelta(days=1),
            "weather_start": max(weather_start, self.reads_start) - timedelta(days=3),
        }
        for name, value in variables.items():
            world.execute(f"set variable {name} = ?::{_sql_type(value)}", [value])

    def _populate(self, world: duckdb.DuckDBPyConnection) -> None:
        """Let customers arrive, live and leave, generation by generation, until nobody follows."""
        template = "".join((SQL / f"{name}.sql").read_text(encoding="utf-8") for name in ("happenings", "departures"))
        generation = 1
        while world.execute("select count(*) from arrivals").fetchone() != (0,):
            world.execute(template.replace("{generation}", str(generation)))
            generation += 1

    def _holidays(self, day: date) -> pa.Table:
        years = range(self.first_date.year - 4, day.year + 3)
        listed = holidays.country_holidays(self.utility.country, years=years)
        dates = sorted(listed)
        return pa.table({"holiday_on": pa.array(dates, pa.date32()), "holiday_name": [listed[on] for on in dates]})

    def _cut(self, day: date) -> datetime:
        return self.utility.day_end_utc(day)

    def _has_history(self) -> bool:
        return (self.folder / "landing" / "history.complete").exists()

    def _write_history(self, world: duckdb.DuckDBPyConnection) -> None:
        if self._has_history():
            return
        cut = _literal(self._cut(self.first_date))
        begin = _literal(self._cut(self.reads_start - timedelta(days=1)))
        landing = self.folder / "landing"
        blocks = range(-(-self.customers // BLOCK_LANES))
        for first, last in _month_spans(self.reads_start, self.first_date):
            month = first.strftime("%Y-%m")
            for block in blocks:
                query = f"reads(date '{first}', date '{last}', {block}, {block}, timestamp '1900-01-01', {cut})"
                _write(world, query, landing / "meter_reads" / "history" / f"{month}-{block:03d}.parquet")
            span = f"greatest({begin}, {_literal(self._cut(first - timedelta(days=1)))}), {_literal(self._cut(last))}"
            for kind in ("observed", "forecast"):
                _write(world, f"weather_{kind}({span})", landing / "weather" / kind / f"{month}.parquet")
            truth = self.folder / "truth"
            _write(world, f"load_parts(date '{first}', date '{last}')", truth / "load_parts" / f"{month}.parquet")
            deliveries = f"deliveries(date '{first}', date '{last}', timestamp '1900-01-01', {cut})"
            _write(world, deliveries, truth / "deliveries" / f"{month}.parquet")
        _write_text(landing / "history.complete", "")

    def _days_without_files(self, day: date) -> list[date]:
        later = [self.first_date + timedelta(days=number) for number in range(1, (day - self.first_date).days + 1)]
        return [late_day for late_day in later if not self._deliveries(late_day).exists()]

    def _deliveries(self, day: date) -> Path:
        return self.folder / "truth" / "deliveries" / f"{day}.parquet"

    def _write_day(self, world: duckdb.DuckDBPyConnection, day: date) -> None:
        """Write what arrived in the course of a local day; the truth about it last, as the sign that all is there."""
        span = f"{_literal(self._cut(day - timedelta(days=1)))}, {_literal(self._cut(day))}"
        landing = self.folder / "landing"
        begin = max(self.reads_start, day - LOOK_BACK)
        reads = f"reads(date '{begin}', date '{day}', 0, 1000000, {span})"
        _write(world, reads, landing / "meter_reads" / "daily" / f"{day}.csv.gz")
        for kind in ("observed", "forecast"):
            _write(world, f"weather_{kind}({span})", landing / "weather" / kind / f"{day}.parquet")
        parts = self.folder / "truth" / "load_parts" / f"{day}.parquet"
        _write(world, f"load_parts(date '{day}', date '{day}')", parts)
        _write(world, f"deliveries(date '{begin}', date '{day}', {span})", self._deliveries(day))

    def _write_truth(self, world: duckdb.DuckDBPyConnection) -> None:
        _run(world, "truth")
        views = "select view_name from duckdb_views() where view_name like 'truth_%' order by view_name"
        for (name,) in world.execute(views).fetchall():
            path = self.folder / "truth" / f"{name.removeprefix('truth_')}.parquet"
            path.unlink(missing_ok=True)  # the truth reaches five months ahead, so it grows with every day
            _write(world, name, path)


def _run(world: duckdb.DuckDBPyConnection, name: str) -> None:
    world.execute((SQL / f"{name}.sql").read_text(encoding="utf-8"))


def _write(world: duckdb.DuckDBPyConnection, relation: str, path: Path) -> None:
    """Write a relation to a file that appears whole or not at all; a file already there is left as it is."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    form = "format parquet, compression zstd" if path.suffix == ".parquet" else "format csv, header, compression gzip"
    world.execute(f"copy (from {relation}) to '{draft}' ({form})")
    os.replace(draft, path)


def _write_text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(content, encoding="utf-8")
    os.replace(draft, path)


def _literal(moment: datetime) -> str:
    return f"timestamp '{moment}'"


def _sql_type(value: object) -> str:
    return {int: "bigint", str: "varchar", date: "date"}[type(value)]


def _months_before(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1 if months < 0 or day.day > 28 else day.day)


def _month_spans(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Split a span of days at the ends of months."""
    while first <= last:
        end = min(last, _months_before(first, -1) - timedelta(days=1))
        yield first, end
        first = end + timedelta(days=1)

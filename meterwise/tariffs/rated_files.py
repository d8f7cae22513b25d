"""Rates files: reads and contracts in, bill lines out. No stack is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meterwise.tariffs.bills import IN_ORDER
from meterwise.tariffs.compiled import compile_book, holiday_table
from meterwise.tariffs.model import TariffBook
from meterwise.tariffs.problems import RatingInputError
from meterwise.tariffs.public_days import public_days
from meterwise.tariffs.rating import INPUT, rate
from meterwise.warehouse.memory import in_memory

CHANNELS = ("import", "export", "reactive")


@dataclass(frozen=True)
class ReadsFile:
    """A file of reads and what it calls its columns.

    Attributes:
        path: CSV (also .gz) or Parquet, a row an interval.
        contract: Column of the contract.
        time: Column of the interval's start; UTC, or local with ``is_local``.
        value: Column of the kWh (kvarh).
        channel: Column of the channel: import, export or reactive; none: all are imports.
        estimated: Column that says whether the read is an estimate: true or false; none: none is.
        minutes: Length of every interval.
        is_local: Whether times are of the local clock of the book.
    """

    path: Path
    contract: str
    time: str
    value: str
    channel: str | None
    estimated: str | None
    minutes: int
    is_local: bool


@dataclass(frozen=True)
class Rated:
    """What was rated.

    Attributes:
        bills: Number of bills, those that could not be made included.
        billed: Number of bills that were made.
        amount: Sum of all lines, in the currency of the book.
        estimated: Number of bills that stand on estimates.
        reasons: Reason why a bill could not be made: number of bills.
        notes: Sentences on what was left out of the files.
    """

    bills: int
    billed: int
    amount: Any
    estimated: int
    reasons: dict[str, int]
    notes: tuple[str, ...]


def rate_files(
    book: TariffBook, reads: ReadsFile, contracts: Path, out: Path, bill_periods: Path | None = None
) -> Rated:
    """Write the bill lines of a file of reads.

    Args:
        book: Tariffs.
        reads: What was used.
        contracts: CSV or Parquet with contract_id, tariff_code, start_on and, if known, end_on, contracted_kw,
            billing_code.
        out: CSV or Parquet to write.
        bill_periods: CSV or Parquet with billing_code, bill_from_on, bill_to_on, months; default: calendar months.

    Raises:
        RatingInputError: A file or a column cannot be used.
        TariffBookError: The book's country is unknown.
    """
    can_write(out)
    with in_memory() as connection:
        files = Files(connection, book)
        notes = files.read(reads, contracts, bill_periods)
        for name, rows in compile_book(book).items():
            connection.register(name, rows)
        lines = rate(connection.execute, book.timezone)
        write(connection, f"select * from {lines} {IN_ORDER}", out)
        return _summary(connection, lines, notes)


def can_write(out: Path) -> None:
    """Refuse a file that is neither CSV nor Parquet."""
    if out.suffix not in {".csv", ".parquet"}:
        raise RatingInputError(f"{out}: lines are written as .csv or .parquet; name such a file with --out.")


def write(connection: Any, select: str, out: Path) -> None:
    """Write the rows of a select as CSV or Parquet."""
    form = "(format parquet)" if out.suffix == ".parquet" else "(header)"
    connection.execute(f"copy ({select}) to {quoted(out)} {form}")


def _summary(connection: Any, lines: str, notes: Sequence[str]) -> Rated:
    ((bills, billed, amount, estimated),) = connection.execute(
        f"""
        select count(*), count(*) filter (where reason_code is null), coalesce(sum(amount), 0),
            count(*) filter (where reason_code is null and estimated_share > 0)
        from (
            select max(reason_code) as reason_code, sum(amount) as amount, max(estimated_share) as estimated_share
            from {lines} group by rating_id, bill_from_on
        )
        """
    ).fetchall()
    reasons = connection.execute(
        f"select reason_code, count(distinct (rating_id, bill_from_on)) from {lines} "
        "where reason_code is not null group by reason_code order by reason_code"
    ).fetchall()
    return Rated(bills, billed, amount, estimated, dict(reasons), tuple(notes))


class Files:
    """Files as the relations that rating reads, in one connection."""

    def __init__(self, connection: Any, book: TariffBook) -> None:
        self.connection, self.book = connection, book

    def read(self, reads: ReadsFile, contracts: Path, bill_periods: Path | None) -> list[str]:
        """Make the relations of ``rating.INPUT``; return notes on what was left out."""
        self._contracts(contracts)
        self.intervals(reads)
        self._bill_periods(bill_periods)
        notes = self._without_contract()
        years = self.connection.execute(
            "select year(bill_from_on) from bill_periods union select year(bill_to_on) from bill_periods"
        ).fetchall()
        self.connection.register("holidays", holiday_table(public_days(self.book, [year for (year,) in years])))
        self.connection.register("carried_usage", INPUT["carried_usage"].empty_table())
        return notes

    def columns(self, path: Path, table: str, needed: Sequence[str]) -> set[str]:
        """Make the table of a file, all of its columns as text, with the line of each row as ``line_no``."""
        if not path.is_file():
            raise RatingInputError(f"{path} is not there. Name a CSV or Parquet file.")
        is_parquet = path.suffix == ".parquet"
        reader = f"read_parquet({quoted(path)})" if is_parquet else f"read_csv({quoted(path)}, all_varchar = true)"
        try:
            # Rows stand in the order of the file only if nothing may reorder them.
            self.connection.execute("set preserve_insertion_order = true")
            self.connection.execute(
                f"create temporary table {table} as select *, row_number() over () + 1 as line_no from {reader}"
            )
        except Exception as error:
            raise RatingInputError(f"{path} is no CSV or Parquet: {str(error).splitlines()[0]}") from error
        finally:
            self.connection.execute("set preserve_insertion_order = false")
        described = self.connection.execute(f"describe {table}").fetchall()
        found = {name for name, *_ in described}
        missing = [name for name in needed if name not in found]
        if missing:
            raise RatingInputError(
                f"{path} has no column {missing[0]}. Its columns: {', '.join(sorted(found - {'line_no'}))}."
            )
        return found

    def refuse(self, path: Path, table: str, column: str, is_bad: str, must: str) -> None:
        """Refuse a file where rows meet a condition that says that a column cannot be used."""
        ((count, line),) = self.connection.execute(
            f"select count(*), min(line_no) from {table} where {is_bad}"
        ).fetchall()
        if count:
            row = "row" if path.suffix == ".parquet" else "line"
            raise RatingInputError(f"{path}, {row} {line}, column {column}: {must} ({count:,} such rows).")

    def _contracts(self, path: Path) -> None:
        found = self.columns(path, "contracts_file", ("contract_id", "tariff_code", "start_on"))
        optional = {name: name if name in found else "null" for name in ("end_on", "contracted_kw", "billing_code")}
        for column in ("start_on", *(name for name in ("end_on",) if name in found)):
            is_bad = f"{blank_as_null(column)} is not null and try_cast({column}::varchar as date) is null"
            self.refuse(path, "contracts_file", column, is_bad, "a day is written like 2026-04-30")
        missing = "coalesce(contract_id::varchar, '') = ''"
        self.refuse(path, "contracts_file", "contract_id", missing, "each row names its contract")
        self.refuse(path, "contracts_file", "start_on", f"{blank_as_null('start_on')} is null", "a contract begins")
        if "contracted_kw" in found:
            is_bad = (
                f"{blank_as_null('contracted_kw')} is not null "
                "and try_cast(contracted_kw::varchar as decimal(18, 6)) is null"
            )
            self.refuse(path, "contracts_file", "contracted_kw", is_bad, "kW are a number")
        self.connection.execute(
            f"""
            create temporary table contract_spans as
            select contract_id::varchar as rating_id, contract_id::varchar as contract_id,
                {blank_as_null("tariff_code")} as tariff_code,
                coalesce({blank_as_null(optional["billing_code"])}, 'month') as billing_code,
                start_on::varchar::date as start_on, {blank_as_null(optional["end_on"])}::date as end_on,
                {blank_as_null(optional["contracted_kw"])}::decimal(18, 6) as contracted_kw
            from contracts_file
            """
        )

    def intervals(self, reads: ReadsFile, name: str = "intervals") -> None:
        """Make the relation of a file of reads, and ``<name>_of_file``, which has the lines."""
        file = f"{name}_file"
        named = [name for name in (reads.channel, reads.estimated) if name is not None]
        self.columns(reads.path, file, (reads.contract, reads.time, reads.value, *named))
        contract, time, value = (f'"{name}"' for name in (reads.contract, reads.time, reads.value))
        channel = f'"{reads.channel}"::varchar' if reads.channel else "'import'"
        estimated = f'"{reads.estimated}"::varchar' if reads.estimated else "'false'"
        # Text with an offset means that instant, text without one means UTC (the session's zone).
        cast = f"try_cast({time}::varchar as {'timestamp' if reads.is_local else 'timestamptz'})"
        self.refuse(reads.path, file, reads.time, f"{cast} is null", "a time is written like 2026-04-30 13:30")
        is_bad = f"{blank_as_null(value)} is not null and try_cast({value}::varchar as decimal(18, 6)) is null"
        self.refuse(reads.path, file, reads.value, is_bad, "kWh are a number; leave missing ones empty")
        if reads.channel:
            is_bad = f"{channel} is null or {channel} not in {CHANNELS}"
            self.refuse(reads.path, file, reads.channel, is_bad, f"a channel is one of {', '.join(CHANNELS)}")
        if reads.estimated:
            is_bad = f"try_cast(coalesce({estimated}, 'false') as boolean) is null"
            self.refuse(reads.path, file, reads.estimated, is_bad, "an estimate is true or false")
        local = self._local_start(f"{contract}, {channel}, {cast}", cast) if reads.is_local else f"({cast})::timestamp"
        self.connection.execute(
            f"""
            create temporary table {name}_of_file as
            select line_no, {contract}::varchar as contract_id, {channel} as channel, {local} as interval_start_utc,
                {reads.minutes}::integer as interval_minutes,
                {blank_as_null(value)}::decimal(18, 6) as kwh,
                coalesce({estimated}, 'false')::boolean as is_estimated
            from {file}
            """
        )
        twice = (
            f"line_no in (select max(line_no) from {name}_of_file "
            "group by contract_id, channel, interval_start_utc having count(*) > 1)"
        )
        self.refuse(reads.path, f"{name}_of_file", reads.time, twice, "an interval is given twice; keep one read")
        self.connection.execute(f"create temporary view {name} as select * exclude (line_no) from {name}_of_file")

    def _local_start(self, of_one: str, local: str) -> str:
        """Return the instant of a local time: of the hour that comes twice, the first row means the first one."""
        zone = self.book.timezone
        late = f"(({local} at time zone '{zone}') at time zone 'UTC')"

        def shown(instant: str) -> str:
            return f"((({instant}) at time zone 'UTC') at time zone '{zone}')"

        hour = "interval '1 hour'"
        first = f"case when {shown(f'{late} - {hour}')} = {local} then {late} - {hour} else {late} end"
        number = f"row_number() over (partition by {of_one} order by line_no)"
        second = f"{number} > 1 and {shown(f'{first} + {hour}')} = {local}"
        return f"case when {second} then {first} + {hour} else {first} end"

    def _bill_periods(self, path: Path | None) -> None:
        if path is None:
            # Calendar months from the first to the last read, for each billing code.
            self.connection.execute(
                f"""
                create temporary table bill_periods as
                with starts as (
                    select (interval_start_utc at time zone 'UTC') at time zone '{self.book.timezone}' as starts_at
                    from intervals_of_file
                ),
                months as (
                    select unnest(generate_series(
                        date_trunc('month', min(starts_at)), max(starts_at), interval 1 month
                    ))::date as bill_from_on
                    from starts
                )
                select billing_code, bill_from_on, last_day(bill_from_on) as bill_to_on, 1::integer as months
                from (select distinct billing_code from contract_spans union select 'month') cross join months
                """
            )
            return
        found = self.columns(path, "periods_file", ("billing_code", "bill_from_on", "bill_to_on"))
        for column in ("bill_from_on", "bill_to_on"):
            is_bad = f"try_cast({column}::varchar as date) is null"
            self.refuse(path, "periods_file", column, is_bad, "a day is written like 2026-04-30")
        overlap = (
            "exists (select 1 from periods_file as other where other.line_no <> periods_file.line_no "
            "and other.billing_code = periods_file.billing_code "
            "and other.bill_from_on <= periods_file.bill_to_on and other.bill_to_on >= periods_file.bill_from_on)"
        )
        self.refuse(path, "periods_file", "bill_from_on", overlap, "bills of one billing_code do not overlap")
        months = f"coalesce(try_cast({'months' if 'months' in found else 'null'}::varchar as integer), 1)"
        self.connection.execute(
            f"""
            create temporary table bill_periods as
            select billing_code::varchar as billing_code, bill_from_on::varchar::date as bill_from_on,
                bill_to_on::varchar::date as bill_to_on, {months} as months
            from periods_file
            """
        )

    def _without_contract(self) -> list[str]:
        """Give those whose reads belong to no contract a bill that says so."""
        self.connection.execute(
            """
            insert into contract_spans
            select contract_id, contract_id, null, 'month', min(interval_start_utc)::date, null, null
            from intervals_of_file
            where contract_id not in (select contract_id from contract_spans)
            group by contract_id
            """
        )
        ((no_tariff, no_bill),) = self.connection.execute(
            """
            select
                count(distinct contract_id) filter (where tariff_code is null),
                count(distinct contract_id) filter (where billing_code not in (select billing_code from bill_periods))
            from contract_spans
            """
        ).fetchall()
        notes = {
            "have no tariff; their bills say `no_tariff`": no_tariff,
            "have a billing_code without any bill period, and no bill": no_bill,
        }
        return [f"{count:,} contracts {told}." for told, count in notes.items() if count]


def blank_as_null(column: str) -> str:
    """Return the text of a column, null where there is none."""
    return f"nullif(trim(({column})::varchar), '')"


def quoted(path: Path) -> str:
    """Return a path as a string of SQL."""
    return "'" + str(path).replace("'", "''") + "'"
